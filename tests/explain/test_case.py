"""What is said of one radiograph, against the head's own numbers and an autoencoder with a closed form."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from diffchest.explain.case import cases_of, explain_one
from diffchest.explain.radiograph import Radiograph
from diffchest.images.squares import to_model_range
from tests.helpers.toy_autoencoder import LinearAutoencoder, toy_explain, toy_head, toy_moves, toy_radiographs

FINDINGS = ["finding 3", "finding 0"]
HEAD, MODEL = toy_head(), LinearAutoencoder()
COVARIANCE = np.diag([3.0, 2, 1, 1, 0.5, 0.1])
MOVES = toy_moves(HEAD, COVARIANCE, threshold=np.arange(5.0))


def logits(picture):
    """Of a uint8 picture, by z = D' x."""
    z = MODEL.encode(torch.from_numpy(to_model_range(picture[None]))).detach().numpy()
    return HEAD.logits(z)[0].astype(np.float64)


def explained(**settings):
    radiograph = Radiograph("film.png", toy_radiographs(1)[0], {})
    settings = toy_explain(edit="eq5", **settings)
    return explain_one(radiograph, FINDINGS, model=MODEL, head=HEAD, moves=MOVES, settings=settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("picture", ["difference", "decode"])
@pytest.mark.parametrize("towards", ["presence", "absence"])
def test_scores_are_the_heads_of_what_they_are_said_to_be_of(picture, towards):
    made = explained(picture=picture, towards=towards)
    start = made.original[0] if picture == "difference" else made.reconstruction[0]
    for target, case in enumerate(cases_of(made, HEAD, MOVES, towards=towards)):
        row = HEAD.findings.index(FINDINGS[target])
        assert case.finding == FINDINGS[target]
        assert case.before.logit == pytest.approx(logits(start)[row], abs=1e-3)
        assert case.seen.logit == pytest.approx(logits(made.counterfactual[0, target])[row], abs=1e-3)
        gain = 0.2 * np.sum(HEAD.weight[row].astype(float) ** 2) * (1 if towards == "presence" else -1)
        assert case.asked.logit - logits(made.original[0])[row] == pytest.approx(gain, abs=1e-3)
        for score in (case.before, case.asked, case.seen):
            assert score.probability == pytest.approx(expit(score.logit))
        assert case.threshold == row
        assert case.step == 0.2


@pytest.mark.parametrize("towards", ["presence", "absence"])
def test_others_are_those_that_rose_and_those_that_fell_most_in_their_own_spread(towards, monkeypatch):
    made = explained(picture="difference", towards=towards)
    # z of standardised covariance C gives logits of variance w C w
    spread = np.sqrt(np.diag(HEAD.weight @ COVARIANCE @ HEAD.weight.T))
    both = 0
    for most in (10, 1):
        monkeypatch.setattr("diffchest.explain.case.MOST_OTHERS", most)
        for target, case in enumerate(cases_of(made, HEAD, MOVES, towards=towards)):
            change = (logits(made.counterfactual[0, target]) - logits(made.original[0])) / spread
            row = HEAD.findings.index(case.finding)
            assert case.logit_sd == pytest.approx(spread[row])
            assert case.seen_sd == pytest.approx(change[row], abs=1e-3)
            others = [name for name in np.argsort(-change) if name != row]
            rose, fell = ([name for name in others if sign * change[name] > 0] for sign in (1, -1))
            both += bool(rose and fell)
            for found, expected in ((case.rose, rose[:most]), (case.fell, fell[::-1][:most])):
                assert [other.finding for other in found] == [HEAD.findings[name] for name in expected]
                assert [other.change_sd for other in found] == pytest.approx(change[expected], abs=1e-3)
            assert case.others_mean_sd == pytest.approx(np.abs(change[others]).mean(), abs=1e-3)
    assert both


@pytest.mark.parametrize(("above", "towards", "already"), [
    (0.1, "presence", False), (-0.1, "presence", True), (0.1, "absence", True), (-0.1, "absence", False),
])  # fmt: skip
def test_it_is_said_when_there_is_nothing_to_move_to(above, towards, already):
    """The threshold lies a little above the logit of the radiograph, or below it."""
    made = explained(picture="difference", towards=towards)
    moves = toy_moves(HEAD, COVARIANCE, threshold=logits(made.original[0]) + above)
    assert [case.already for case in cases_of(made, HEAD, moves, towards=towards)] == [already] * 2
