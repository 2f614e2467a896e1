"""Drawing counterfactuals, sweeps and reconstructions against an autoencoder with a closed form."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit

from diffchest.compute.parts import Parts
from diffchest.counterfactuals.explainer import NULL_EDITS, SWEEP, Explainer
from diffchest.images.squares import to_model_range
from tests.helpers.toy_autoencoder import LinearAutoencoder, toy_explain, toy_head, toy_moves, toy_radiographs

TARGETS = ["finding 3", "finding 0"]
IDS = ["a", "b", "c"]


def explainer(runs, **settings):
    head, chosen = toy_head(), toy_explain(edit="eq5", **settings)
    return Explainer(LinearAutoencoder(), head, toy_moves(head), chosen, Parts(runs))  # type: ignore[arg-type]


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
    made = Explainer(LinearAutoencoder(), head, toy_moves(head), toy_explain(), Parts(tmp_path))  # type: ignore[arg-type]
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
    assert np.abs(reconstructed.redrawn.astype(int) - pixels).max() <= 1  # the toy draws D z from any x_T


def test_a_network_that_ignores_z_reconstructs_by_x_T_alone_and_a_new_x_T_shows_it(tmp_path):  # noqa: N802
    """With a velocity of 0 everywhere a picture is its noise turned back: x_0 is x_T, whatever z says."""

    class Blind(LinearAutoencoder):
        def predict(self, x_t, t, z):
            return torch.zeros_like(x_t)

    head, pixels, model = toy_head(), toy_radiographs(3), Blind()
    settings = toy_explain(encode_steps=250, decode_steps=250, seed=3)
    made = Explainer(model, head, toy_moves(head), settings, Parts(tmp_path)).reconstruct(IDS, pixels)  # type: ignore[arg-type]
    assert made is not None
    assert np.abs(made.reconstruction.astype(int) - pixels).max() <= 4
    assert made.x_T == pytest.approx(to_model_range(pixels)[:, 0], abs=0.03)
    noise = np.stack([np.random.default_rng([3, number]).standard_normal((16, 16), np.float32) for number in range(3)])
    assert np.abs(made.redrawn - np.clip((noise + 1) * 127.5, 0, 255)).max() <= 4


def test_differences_add_to_the_radiograph_what_the_moved_latent_adds_to_the_picture(tmp_path):
    """The toy draws D z whatever the noise, so the difference is D (z' - z) in closed form."""
    pixels, head, model = toy_radiographs(3), toy_head(), LinearAutoencoder()
    made = explainer(tmp_path, picture="difference", noise_draws=2).explain(IDS, pixels, TARGETS)
    assert made is not None
    basis = model.basis.detach().numpy().astype(float)
    for column, row in enumerate([3, 0]):
        change = (basis @ (0.2 * head.weight[row].astype(float) * head.sd)).reshape(16, 16) * 127.5
        expected = np.clip(pixels + change, 0, 255)
        assert np.abs(made.counterfactual[:, column] - expected).max() <= 0.51
    assert (made.logits_before == made.logits_z).all()


def test_corrections_reach_what_was_asked_for(tmp_path):
    """An encoder that sees less than what was drawn: the change is drawn larger."""

    class Dull(LinearAutoencoder):
        def predict(self, x_t, t, z):
            return super().predict(x_t, t, 0.6 * z)

    head, pixels = toy_head(), toy_radiographs(3)
    seen = {}
    for corrections in (0, 3):
        settings = toy_explain(edit="eq5", step=1.0, picture="difference", corrections=corrections)
        made = Explainer(Dull(), head, toy_moves(head), settings, Parts(tmp_path))  # type: ignore[arg-type]
        explained = made.explain(IDS, pixels, TARGETS)
        assert explained is not None
        asked = explained.logit_wanted - explained.logit_z
        seen[corrections] = (explained.logit_after - explained.logit_before) / asked, explained.scale
    assert seen[0][0] == pytest.approx(0.6, abs=0.1)
    assert seen[3][0] == pytest.approx(1.0, abs=0.1)
    assert (seen[0][1] == 1).all()
    assert seen[3][1] == pytest.approx(1 / 0.6, rel=0.15)


def test_there_and_back_returns_where_the_edit_is_linear(tmp_path):
    made = explainer(tmp_path, picture="difference", step=0.05)
    explained = made.explain(IDS, toy_radiographs(3), TARGETS)
    assert explained is not None
    axioms = made.there_and_back(explained)
    assert axioms is not None
    assert axioms.unmoved.shape == (3, NULL_EDITS, 16, 16)
    assert (axioms.unmoved == axioms.original[:, None]).all()
    away = np.abs(explained.counterfactual.astype(int) - explained.original[:, None]).mean()
    assert np.abs(axioms.returned.astype(int) - axioms.original[:, None]).mean() < 0.1 * away


def balanced_head():
    """The toy head with biases for which the toy radiographs lie around a probability of a half."""
    head = toy_head()
    return replace(head, bias=head.bias - logits_of(toy_radiographs(3), head).mean(axis=0))


def logits_of(pixels, head):
    z = LinearAutoencoder().encode(torch.from_numpy(to_model_range(pixels))).detach().numpy()
    return head.logits(z)


@pytest.mark.parametrize(("towards", "asked", "back"), [("presence", 0.9, 0.1), ("absence", 0.2, 0.8)])
def test_a_probability_asked_for_is_one_minus_it_the_other_way(tmp_path, towards, asked, back):
    """A move towards presence ends at 0.9, and the one away from it at 0.1, wherever it starts."""
    made = replace(explainer(tmp_path, towards=towards, to_probability=asked), head=balanced_head())
    other_way = made.towards("absence" if towards == "presence" else "presence")
    assert made.towards(towards).settings == made.settings
    for way, probability in ((made, asked), (other_way, back), (other_way.towards(towards), asked)):
        explained = way.explain(IDS, toy_radiographs(3), TARGETS)
        assert explained is not None
        moved = explained.step > 0
        assert moved.any()
        assert expit(explained.logit_wanted[moved]) == pytest.approx(probability, abs=1e-3)


def test_there_and_back_asks_for_one_minus_the_probability_on_the_way_back(tmp_path):
    head = balanced_head()
    made = replace(explainer(tmp_path, picture="difference", to_probability=0.7), head=head)
    explained = made.explain(IDS, toy_radiographs(3), TARGETS)
    assert explained is not None
    logits = logits_of(made.there_and_back(explained).returned.reshape(-1, 16, 16), head).reshape(3, 2, -1)
    moved = explained.step > 0
    assert moved.any()
    assert expit(logits[:, [0, 1], head.rows(TARGETS)][moved]) == pytest.approx(0.3, abs=0.03)
