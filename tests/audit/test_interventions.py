"""One finding at a time is put in or taken out, and the picture shows what was asked for, where it has a closed form."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from diffchest.audit.interventions import dealt, intervene, intervention_moves
from diffchest.compute.parts import Parts
from diffchest.counterfactuals.pictures import encode_latents
from diffchest.params.counterfactuals import PictureParams
from tests.helpers.toy_autoencoder import (
    DIMENSIONS,
    LinearAutoencoder,
    toy_explain,
    toy_head,
    toy_moves,
    toy_radiographs,
)

FINDINGS = ["finding 3", "finding 0", "finding 1"]


def moves_of(head):
    alone = np.full((5, 2, DIMENSIONS), np.nan)
    alone[:, 0] = 0.3 * np.eye(5, DIMENSIONS)
    share = np.tile([1.0, 0.0], (5, 1))
    alone[0, 1], share[0] = -alone[0, 0], [0.75, 0.25]
    return toy_moves(head, alone=alone, share=share)


def drawn(present, seed=0, **changes):
    head, model, pixels = toy_head(), LinearAutoencoder(), toy_radiographs(len(present))
    settings = PictureParams.model_validate(
        toy_explain(**{"picture": "decode", "solver": "ddim"} | changes).model_dump()
    )
    with TemporaryDirectory() as folder:
        found = intervene(
            model, head, moves_of(head), [f"id {row}" for row in range(len(present))], pixels, present, FINDINGS,
            settings=settings, random_directions=3, seed=seed, parts=Parts(Path(folder)),
        )  # fmt: skip
    assert found is not None
    return found, head, pixels


def test_pictures_show_the_move_of_one_finding_alone():
    present = np.zeros((8, 3), dtype=bool)
    present[:2, 0] = True
    found, head, pixels = drawn(present)
    z, model = encode_latents(LinearAutoencoder(), pixels), LinearAutoencoder()
    asked = intervention_moves(z, head, moves_of(head), present, FINDINGS, seed=0)
    drawn_z = encode_latents(model, found.picture.reshape(-1, *pixels.shape[1:])).reshape(asked.shape)
    seen = (drawn_z - z[:, None]) / head.sd
    assert asked[:2, 0] == pytest.approx(np.tile(-0.3 * np.eye(DIMENSIONS)[3], (2, 1)), abs=1e-5)  # taken out
    assert asked[2:, 0] == pytest.approx(np.tile(0.3 * np.eye(DIMENSIONS)[3], (6, 1)), abs=1e-5)
    assert asked[:, 2] == pytest.approx(np.tile(0.3 * np.eye(DIMENSIONS)[1], (8, 1)), abs=1e-5)
    assert seen == pytest.approx(asked, abs=0.15)  # gray levels are rounded
    assert found.findings == FINDINGS
    assert np.array_equal(found.original, pixels)
    assert found.sign[:3, 0].tolist() == [-1, -1, 1]
    assert found.picture.shape == (8, 3, 16, 16)
    assert found.random.shape == (8, 3, 16, 16)


def test_each_way_is_taken_as_often_as_it_occurs():
    head = toy_head()
    z = np.zeros((8, DIMENSIONS), dtype=np.float32)
    moves = intervention_moves(z, head, moves_of(head), np.zeros((8, 3), dtype=bool), FINDINGS, seed=0)
    assert sorted(np.sign(moves[:, 1, 0]).tolist()) == [-1] * 2 + [1] * 6
    again = intervention_moves(z, head, moves_of(head), np.zeros((8, 3), dtype=bool), FINDINGS, seed=0)
    assert np.array_equal(moves, again)


@pytest.mark.parametrize("number", [0, 1, 7, 100])
def test_shares_are_kept_up_to_rounding(number):
    share = np.array([0.5, 0.3, 0.2, 0.0])
    way = dealt(share, number, np.random.default_rng(0))
    counts = np.bincount(way, minlength=4)
    assert len(way) == number
    assert np.abs(counts - number * share).max() <= 1
    assert counts[3] == 0


def test_random_moves_do_not_depend_on_the_findings_pictures():
    """They are moves as long as those of the findings, in directions of chance."""
    first, _, _ = drawn(np.zeros((4, 3), dtype=bool))
    second, _, _ = drawn(np.zeros((4, 3), dtype=bool), seed=1)
    assert not np.array_equal(first.random, second.random)
    assert np.array_equal(first.picture[:, 0], second.picture[:, 0])  # one way: nothing is left to chance
    corrected, _, _ = drawn(np.zeros((4, 3), dtype=bool), corrections=3)
    assert np.array_equal(first.random, corrected.random)  # a random move asks for nothing that could be corrected


def test_changes_are_judged_against_what_was_changed():
    """Where pictures are decoded that is the reconstruction, which is no copy of a radiograph that z cannot draw."""
    present = np.zeros((3, 3), dtype=bool)
    decoded, _, pixels = drawn(present)
    added, _, _ = drawn(present, picture="difference")
    assert np.array_equal(added.base, pixels)
    assert np.array_equal(decoded.original, pixels)
    assert np.abs(decoded.base.astype(int) - pixels).max() <= 1  # these radiographs z can draw
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    head, model = toy_head(), LinearAutoencoder()
    settings = PictureParams.model_validate(toy_explain(picture="decode", solver="ddim").model_dump())
    with TemporaryDirectory() as folder:
        found = intervene(
            model, head, toy_moves(head, alone=np.zeros((5, 1, DIMENSIONS))), ["a", "b", "c"], noise, present, FINDINGS,
            settings=settings, random_directions=2, seed=0, parts=Parts(Path(folder)),
        )  # fmt: skip
    assert found is not None
    assert np.abs(found.base.astype(int) - noise).max() > 50
    assert np.array_equal(found.picture[:, 0], found.base)  # moved by nothing, nothing changes
