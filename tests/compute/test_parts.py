"""Work in parts: the same for any number of processes, resumed where it was interrupted, never from other settings."""

from dataclasses import replace

import numpy as np
import pytest

from diffchest.audit.responses import respond
from diffchest.classifiers.own import OwnClassifier
from diffchest.compute.parts import Parts, content_key
from diffchest.compute.processes import ALONE, Processes
from diffchest.counterfactuals import edited
from diffchest.counterfactuals import explainer as explaining
from diffchest.counterfactuals import pictures as counterfactual
from diffchest.counterfactuals.explainer import Explainer
from tests.helpers.tiny import finished, launch
from tests.helpers.toy_autoencoder import (
    DIMENSIONS,
    SIZE,
    TOY_AUDIT,
    LinearAutoencoder,
    toy_explain,
    toy_head,
    toy_moves,
    toy_radiographs,
)

TARGETS = ["finding 3", "finding 0"]
IDS = ["a", "b", "c", "d", "e"]
BASE = {
    "model": LinearAutoencoder(), "head": toy_head(), "pixels": toy_radiographs(5), "targets": TARGETS,
    "moves": toy_moves(toy_head()), "explain": toy_explain(edit="plausible"), "settings": TOY_AUDIT,
}  # fmt: skip


def explainer(parts, given):
    return Explainer(given["model"], given["head"], given["moves"], given["explain"], parts)


def explained(runs, processes=ALONE, **changed):
    given = BASE | changed
    return explainer(Parts(runs, processes), given).explain(IDS, given["pixels"], given["targets"])


def reconstructed(runs, processes=ALONE, **changed):
    given = BASE | changed
    return explainer(Parts(runs, processes), given).reconstruct(IDS, given["pixels"])


def responded(runs, processes=ALONE, **changed):
    given = BASE | changed
    options = {"targets": given["targets"], "fitted": given["moves"], "settings": given["settings"]}
    model, head = given["model"], given["head"]
    classifier, parts = OwnClassifier(model, replace(head, model_sha256=model.sha256)), Parts(runs, processes)
    solver = given["explain"].solver
    return respond(model, head, IDS, given["pixels"], classifier=classifier, solver=solver, parts=parts, **options)


def arrays(result):
    """Everything in a result, as one list of arrays."""
    return [np.asarray(value) for value in vars(result).values()]


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(arrays(first), arrays(second), strict=True))


@pytest.fixture
def drawn(monkeypatch):
    """The radiographs of each part that is drawn; parts have two."""
    parts, decode = [], counterfactual.decode
    monkeypatch.setattr(counterfactual, "BATCH_PIXELS", 2 * SIZE**2)
    for module in (counterfactual, edited):
        monkeypatch.setattr(
            module, "decode", lambda *args, **options: parts.append(len(args[1])) or decode(*args, **options)
        )
    return parts


def test_two_processes_give_the_bits_of_one(tmp_path):
    started = []
    for name, processes in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        started.append(launch("tests.helpers.tiny_parts", str(tmp_path / name), processes=processes))
    for process in started:
        finished(process)
    one, two = (np.load(tmp_path / name / "arrays.npz") for name in ("one", "two"))
    assert sorted(one) == sorted(two)
    for name in one:
        assert np.array_equal(one[name], two[name]), name
    assert len(np.unique(one["counterfactual"])) > 50  # pictures, not one gray
    assert (one["counterfactual"][:, 0] != one["counterfactual"][:, 1]).any(axis=(1, 2)).all()
    files = [
        sorted(path.relative_to(tmp_path / name) for path in tmp_path.glob(f"{name}/runs/*/*"))
        for name in ("one", "two")
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 5 * 4  # reconstructions from their own x_T and from a new one are two works
    whole, *shares = (
        int((tmp_path / name).read_text()) for name in ("one/batches_0", "two/batches_0", "two/batches_1")
    )
    assert sum(shares) == whole
    assert 0.3 < shares[1] / whole < 0.5  # of four parts, the last has one radiograph


@pytest.mark.parametrize("work", [explained, reconstructed, responded])
def test_an_interrupted_work_goes_on_with_the_parts_that_are_missing_or_damaged(work, drawn, tmp_path, capsys):
    whole = work(tmp_path)
    assert drawn == [2, 2, 1]
    files = sorted(tmp_path.glob("*/*.npz"))
    works = [files[start : start + 3] for start in range(0, len(files), 3)]  # reconstructions are two
    assert len(works) == (2 if work is reconstructed else 1)
    before = [kept.stat() for kept, _, _ in works]
    for _, truncated, lost in works:
        lost.unlink()
        truncated.write_bytes(truncated.read_bytes()[:-100])
    resumed = work(tmp_path)
    assert drawn == [2, 2, 1, 2, 1]
    assert equal(resumed, whole)
    after = [kept.stat() for kept, _, _ in works]
    assert [(one.st_mtime_ns, one.st_ino) for one in after] == [(one.st_mtime_ns, one.st_ino) for one in before]
    assert capsys.readouterr().err.count("\n") == len(works)
    assert sorted(tmp_path.glob("*/*")) == files


@pytest.mark.parametrize("work", [explained, reconstructed, responded])
def test_parts_are_dealt_out_and_gathered_by_the_first_process(work, drawn, tmp_path, monkeypatch):
    whole = work(tmp_path / "alone")
    monkeypatch.setattr(Processes, "wait", lambda processes: None)
    monkeypatch.setattr(Processes, "share", lambda processes, value: value)
    drawn.clear()
    assert work(tmp_path / "two", Processes(1, 2)) is None
    assert drawn == [2]
    assert equal(work(tmp_path / "two", Processes(0, 2)), whole)
    assert drawn == [2, 2, 1]


CHANGES = {
    "model": lambda model: type("Other", (LinearAutoencoder,), {"sha256": "other"})(),
    "pixels": lambda pixels: pixels[::-1].copy(),
    "explain": lambda explain: explain.model_copy(update={"decode_steps": 5}),
    "head": lambda head: replace(head, weight=head.weight * np.float32(1.001)),
    "targets": lambda targets: targets[::-1],
    "moves": lambda moves: replace(moves, covariance=moves.covariance @ np.diag(np.arange(1.0, 1 + DIMENSIONS))),
    "settings": lambda settings: settings.model_copy(update={"seed": 1}),
}


@pytest.mark.parametrize(
    ("work", "name"),
    [(explained, name) for name in CHANGES if name != "settings"]
    + [(responded, name) for name in CHANGES if name != "explain"]
    + [(reconstructed, name) for name in ("model", "pixels", "explain")],
)
def test_whatever_changes_the_result_finds_no_old_parts(work, name, drawn, tmp_path):
    work(tmp_path)
    changed = {name: CHANGES[name](BASE[name])}
    anew = work(tmp_path, **changed)
    assert drawn == [2, 2, 1] * 2
    assert equal(anew, work(tmp_path / "alone", **changed))


@pytest.mark.parametrize("work", [explained, reconstructed, responded])
def test_another_solver_finds_no_old_parts(work, drawn, tmp_path):
    for solver in ("ddim", "dpm_solver"):
        work(tmp_path, explain=toy_explain(solver=solver))
    assert drawn == [2, 2, 1] * 2


def test_code_that_makes_a_picture_finds_no_old_parts(drawn, tmp_path, monkeypatch):
    """Parts outlive the run that made them: an edit of a solver must not find those of before."""
    explained(tmp_path)
    monkeypatch.setattr(explaining, "CODE", (*explaining.CODE, content_key))
    explained(tmp_path)
    assert drawn == [2, 2, 1] * 2


@pytest.mark.parametrize("key", ["radiographs", "reconstructions", "patients", "seed"])
def test_what_says_only_which_radiographs_are_drawn_finds_their_parts(key, drawn, tmp_path):
    explained(tmp_path)
    explained(tmp_path, explain=BASE["explain"].model_copy(update={key: 7}))
    assert drawn == [2, 2, 1]


def test_parts_are_kept_until_a_run_with_others_is_done(drawn, tmp_path):
    def run(step):
        parts = Parts(tmp_path)
        made = explainer(parts, BASE | {"explain": toy_explain(step=step)})
        made.explain(IDS, BASE["pixels"], TARGETS)
        made.reconstruct(IDS, BASE["pixels"])
        return parts

    run(1.0).discard_others()
    first = sorted(tmp_path.glob("*/*.npz"))
    assert len(first) == 3 * 3
    run(1.0).discard_others()  # as when the stage runs again for another reason
    assert drawn == [2, 2, 1] * 2
    others = run(2.0)  # and is stopped before it is done
    assert set(first) < set(tmp_path.glob("*/*.npz"))
    others.discard_others()
    assert drawn == [2, 2, 1] * 3  # the reconstructions do not depend on the step
    assert len(set(first) & set(tmp_path.glob("*/*.npz"))) == 2 * 3
    assert len(list(tmp_path.glob("*"))) == 3
    Parts(tmp_path, Processes(1, 2)).discard_others()  # the first process alone deletes
    assert len(list(tmp_path.glob("*"))) == 3
    others.discard()
    assert not tmp_path.exists()


def test_parts_of_another_size_are_others(drawn, tmp_path, monkeypatch):
    explained(tmp_path)
    monkeypatch.setattr(counterfactual, "BATCH_PIXELS", 3 * SIZE**2)
    explained(tmp_path)
    assert drawn == [2, 2, 1, 3, 2]


@pytest.mark.parametrize("content", [b"", bytes(400), b"PK\x03\x04 cut short"])
def test_a_part_that_is_no_archive_is_named_and_computed_again(content, tmp_path, capsys):
    def squares(chosen):
        return {"square": np.arange(10)[chosen] ** 2}

    options = {"size": 4, "content": [], "desc": "square"}
    parts = Parts(tmp_path)
    parts.gather(squares, 10, **options)
    damaged = sorted(tmp_path.glob("*/*.npz"))[1]
    damaged.write_bytes(content)
    gathered = parts.gather(squares, 10, **options)
    assert gathered is not None
    assert gathered["square"].tolist() == [n**2 for n in range(10)]
    assert f"note: {damaged}: truncated or damaged" in capsys.readouterr().err


def test_no_images_give_empty_arrays(tmp_path):
    parts = Parts(tmp_path)
    gathered = parts.gather(lambda chosen: {"z": np.ones((10, 3))[chosen]}, 0, size=4, content=[], desc="none")
    assert gathered is not None
    assert gathered["z"].shape == (0, 3)


def test_a_key_counts_every_value_and_the_type_and_shape_of_arrays():
    array = np.arange(6.0)
    contents = [
        ["a", {"step": 1.0}, array], ["b", {"step": 1.0}, array], ["a", {"step": 2.0}, array],
        ["a", {"step": 1.0}, array.reshape(2, 3)], ["a", {"step": 1.0}, array.astype(np.int64)],
        ["a", {"step": 1.0}, array.view(np.int64)], ["a", {"step": 1.0}, array[::-1]],
    ]  # fmt: skip
    assert len({content_key(content) for content in contents}) == len(contents)
    assert content_key(["a", {"step": 1.0}, array.copy()]) == content_key(contents[0])
