"""Files of pictures and logits: read as written, the same bytes twice, refused with what to run."""

import subprocess
import sys

import numpy as np
import pytest

from diffchest.contracts.explained import Axioms, Explained, Failures, Reconstructions, Sweep
from diffchest.contracts.moves import Moves
from diffchest.contracts.responses import Responses
from diffchest.contracts.twins import Twins
from diffchest.contracts.witness import Witness
from diffchest.errors import DataError
from tests.helpers.toy_autoencoder import toy_head, toy_moves
from tests.helpers.toy_drawings import toy_explained, toy_responses

FINDINGS = ["goiter", "mass", "dai"]
RNG = np.random.default_rng(0)


def made(kind):
    """One of each kind, and the stage that writes it."""
    pictures = RNG.integers(0, 256, (2, 8, 8), dtype=np.uint8)
    return {
        Explained: toy_explained(["mass", "goiter"], ["a", "ü/2"], FINDINGS),
        Responses: toy_responses(["mass"], FINDINGS, *(RNG.normal(size=shape) for shape in ((2, 3), (2, 1, 3), (2, 4, 3)))),
        Reconstructions: Reconstructions(["a", "b"], pictures, pictures, pictures, pictures),
        Sweep: Sweep(["a"], ["mass"], pictures[None], np.ones(2), np.ones((1, 2)), np.zeros((1, 2))),
        Axioms: Axioms(["a", "b"], ["mass"], pictures, pictures[:, None], pictures[:, None]),
        Moves: toy_moves(toy_head()),
        Twins: Twins(["a", "ü"], ["mass", "dai"], np.array([True, False]), np.arange(2), pictures, pictures > 9),
        Witness: Witness(["mass"], *(RNG.normal(size=shape).astype(np.float32) for shape in ((1, 64), 1, 64, 64))),
        Failures: Failures(["a", "b"], ["mass", "dai"], pictures, pictures, pictures, *(np.arange(2.0),) * 6),
    }[kind]  # fmt: skip


KINDS = {Explained: "draw_explanations", Responses: "draw_audit", Reconstructions: "draw_explanations",
         Sweep: "draw_explanations", Failures: "explain", Axioms: "draw_explanations", Moves: "fit_moves",
         Twins: "draw_twins", Witness: "fit_witness"}  # fmt: skip


def same(first, second):
    assert vars(first).keys() == vars(second).keys()
    for name, value in vars(first).items():
        other = getattr(second, name)
        assert type(value) is type(other), name
        assert np.array_equal(value, other), name
        assert not isinstance(value, np.ndarray) or value.dtype == other.dtype, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_read_as_written_and_the_same_bytes_twice(kind, tmp_path):
    item, path = made(kind), tmp_path / "new" / "file.npz"
    item.save(path)
    same(kind.load(path), item)
    first = path.read_bytes()
    item.save(path)
    assert path.read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == ["file.npz"]


@pytest.mark.parametrize("number", [0, 1, 12])
def test_several_in_one_file_keep_their_order(number, tmp_path):
    items = [toy_explained(["mass"], [f"{n}/{k}" for k in range(n + 1)], FINDINGS) for n in range(number)]
    Explained.save_all(tmp_path / "all.npz", items)
    loaded = Explained.load_all(tmp_path / "all.npz")
    assert len(loaded) == number
    for one, other in zip(loaded, items, strict=True):
        same(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_cannot_be_used_says_which_stage_to_run(kind, tmp_path):
    path, stage = tmp_path / "file.npz", KINDS[kind]
    with pytest.raises(DataError, match=rf"file\.npz: no such file; run `dvc repro {stage}`"):
        kind.load(path)
    item = made(kind)
    item.save(path)
    whole = path.read_bytes()
    third = len(whole) // 3
    wiped = whole[:third] + bytes(64) + whole[third + 64 :]
    for damaged in (b"", whole[:-100], b"PK\x03\x04 cut short", wiped):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"truncated or damaged .*dvc repro -f -s {stage}"):
            kind.load(path)
    np.savez(path, **item.arrays())
    with pytest.raises(
        DataError, match=rf"another version .*expected file version {kind.VERSION}, found None.*-f -s {stage}"
    ):
        kind.load(path)
    np.savez(path, version=99, **item.arrays())
    with pytest.raises(DataError, match="found 99"):
        kind.load(path)
    some = item.arrays()
    first = next(iter(some))
    some.pop(first)
    np.savez(path, version=kind.VERSION, **some)
    with pytest.raises(DataError, match=rf"no array '{first}' .*-f -s {stage}"):
        kind.load(path)


def test_own_logits_are_those_of_each_target():
    made = toy_explained(["mass", "goiter"], ["a", "b"], FINDINGS)
    for row in range(2):
        for column, place in enumerate((1, 0)):
            assert made.logit_before[row, column] == made.logits_before[row, place]
            assert made.logit_z[row, column] == made.logits_z[row, place]
            assert made.logit_wanted[row, column] == made.logits_wanted[row, column, place]
            assert made.logit_after[row, column] == made.logits_after[row, column, place]
    assert made.before == pytest.approx(1 / (1 + np.exp(-made.logit_before.astype(float))))
    with pytest.raises(DataError, match="draw_explanations kept no logit of 'hernia'"):
        made.columns(["hernia"])


def test_a_sample_takes_the_same_radiographs_of_everything():
    ids = [f"cohort/{number:02}" for number in range(20)]
    whole = toy_explained(["mass"], ids, FINDINGS)
    few = whole.sample(5, seed=3)
    rows = [ids.index(image_id) for image_id in few.image_id]
    assert len(rows) == 5
    assert rows == sorted(rows)
    assert (few.counterfactual == whole.counterfactual[rows]).all()
    assert (few.logits_z == whole.logits_z[rows]).all()
    assert whole.sample(50, seed=3).image_id == ids


def test_contracts_and_judging_need_no_torch():
    """Nor the rooms that draw: figures and judging run where no network is."""
    modules = ("contracts.explained", "contracts.responses", "contracts.head", "contracts.latents",
               "counterfactuals.quality", "audit.pairs", "audit.quality", "readers.sheets")  # fmt: skip
    code = "import sys; " + "; ".join(f"import diffchest.{name}" for name in modules)
    code += "; assert not [name for name in sys.modules if name == 'torch' or name.startswith('diffchest.model')]"
    subprocess.run([sys.executable, "-c", code], check=True)
