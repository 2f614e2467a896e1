"""Drawing counterfactuals, sweeps and reconstructions against an autoencoder with a closed form."""

import numpy as np
import pytest

from diffchest.compute.parts import Parts
from diffchest.counterfactuals.explainer import SWEEP, Explainer
from tests.helpers.toy_autoencoder import LinearAutoencoder, toy_explain, toy_head, toy_radiographs

TARGETS = ["finding 3", "finding 0"]
COVARIANCE = np.diag([3.0, 2, 1, 1, 0.5, 0.1])
IDS = ["a", "b", "c"]


def explainer(runs, **settings):
    return Explainer(LinearAutoencoder(), toy_head(), COVARIANCE, toy_explain(edit="eq5", **settings), Parts(runs))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    made = explainer(tmp_path_factory.mktemp("runs")).explain(IDS, toy_radiographs(3), TARGETS)
    assert made is not None
    return made


def test_logits_of_all_findings_agree_with_the_closed_form(explained):
    weight = toy_head().weight.astype(np.float64)
    rise = 0.2 * weight[[3, 0]] @ weight.T  # [T, F]
    assert explained.findings == [f"finding {row}" for row in range(5)]
    wanted = explained.logits_wanted - explained.logits_z[:, None]
    assert wanted == pytest.approx(np.tile(rise, (3, 1, 1)), abs=1e-3)
    seen = explained.logits_after - explained.logits_before[:, None]
    assert seen == pytest.approx(np.tile(rise, (3, 1, 1)), abs=0.25)
    gain = 0.2 * np.sum(weight[[3, 0]] ** 2, axis=1)
    assert explained.logit_wanted - explained.logit_z == pytest.approx(np.tile(gain, (3, 1)), abs=1e-3)
    assert explained.logit_after - explained.logit_before == pytest.approx(np.tile(gain, (3, 1)), abs=0.25)
    assert (explained.step == 0.2).all()


def test_findings_that_the_head_was_not_fitted_for_are_left_out(tmp_path):
    head = toy_head()
    head.weight[1] = np.nan
    made = Explainer(LinearAutoencoder(), head, COVARIANCE, toy_explain(), Parts(tmp_path))  # type: ignore[arg-type]
    explained = made.explain(["a"], toy_radiographs(1), TARGETS)
    assert explained is not None
    assert explained.findings == ["finding 0", "finding 2", "finding 3", "finding 4"]
    assert np.isfinite(explained.logits_after).all()


def test_one_radiograph_can_be_explained_and_swept_in_one_run(tmp_path):
    """What is kept of the one is not taken for the other."""
    made = explainer(tmp_path)
    pixels = toy_radiographs(1)
    first, sweep, reconstructed = (
        made.explain(["a"], pixels, TARGETS),
        made.sweep("a", pixels[0], TARGETS),
        made.reconstruct(["a"], pixels),
    )
    assert first is not None
    assert sweep is not None
    assert reconstructed is not None
    assert sweep.counterfactual.shape == (2, len(SWEEP), 16, 16)
    assert (sweep.counterfactual[:, SWEEP.index(1.0)] == first.counterfactual[0]).all()
    assert (reconstructed.reconstruction == first.reconstruction).all()


def test_sweep_goes_from_the_reconstruction_through_the_counterfactual(tmp_path, explained):
    sweep = explainer(tmp_path).sweep("a", toy_radiographs(3)[0], TARGETS)
    assert sweep is not None
    assert sweep.step == pytest.approx(0.2 * np.tile(SWEEP, (2, 1)), rel=1e-6)
    assert np.abs(sweep.counterfactual[0, 0].astype(int) - explained.reconstruction[0]).max() <= 1
    whole = SWEEP.index(1.0)
    assert np.abs(sweep.counterfactual[:, whole].astype(int) - explained.counterfactual[0]).max() <= 1
    gain = np.sum(toy_head().weight[[3, 0]].astype(float) ** 2, axis=1)[:, None]
    assert sweep.logit - sweep.logit[:, :1] == pytest.approx(gain * sweep.step, abs=0.3)


def test_reconstruction_of_what_the_model_can_draw_is_exact(tmp_path):
    pixels = toy_radiographs(3)
    reconstructed = explainer(tmp_path).reconstruct(IDS, pixels)
    assert reconstructed is not None
    assert reconstructed.image_id == IDS
    assert (reconstructed.original == pixels).all()
    assert np.abs(reconstructed.reconstruction.astype(int) - pixels).max() <= 1
