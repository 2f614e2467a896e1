"""Edits against their equations, encoding and decoding against an autoencoder with a closed form."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from skimage.metrics import structural_similarity

from diffchest.counterfactuals.moves import edit_latents, edit_moves, random_moves
from diffchest.counterfactuals.pictures import check_same_model, decode, encode_latents, encode_noise
from diffchest.counterfactuals.similarity import newly_clipped, similarity
from diffchest.errors import DataError
from diffchest.findings.disease_free import (
    choose_disease_free,
    choose_one_per_patient,
    choose_with_finding,
    disease_free,
)
from tests.helpers.toy_autoencoder import (
    DIMENSIONS,
    LinearAutoencoder,
    toy_explain,
    toy_head,
    toy_moves,
    toy_radiographs,
)

TARGETS = ["finding 3", "finding 0"]
IDENTITY = np.eye(DIMENSIONS)


@pytest.fixture
def latents():
    return np.random.default_rng(5).standard_normal((4, DIMENSIONS)).astype(np.float32)


def moved_by(z, head, covariance=IDENTITY, **settings):
    """The moved latents [N, T, d] alone."""
    return edit_latents(z, head, toy_moves(head, covariance), TARGETS, toy_explain(**settings))[0]


def standardised(z, head):
    return (z - head.mean) / head.sd


def test_unit_edit_has_the_stated_length_and_direction(latents):
    head = toy_head()
    moved = moved_by(latents, head, covariance=IDENTITY, edit="unit", step=0.6)
    move = standardised(moved, head) - standardised(latents, head)[:, None]
    assert np.linalg.norm(move, axis=2) == pytest.approx(0.6 * np.sqrt(DIMENSIONS), rel=1e-5)
    weight = head.weight[[3, 0]]
    cosine = np.einsum("ntd,td->nt", move, weight) / np.linalg.norm(move, axis=2) / np.linalg.norm(weight, axis=1)
    assert cosine == pytest.approx(1.0, abs=1e-5)


def test_eq5_changes_the_logit_by_the_squared_weight(latents):
    head = toy_head()
    up = moved_by(latents, head, covariance=IDENTITY, edit="eq5", step=0.3)
    down = moved_by(latents, head, covariance=IDENTITY, edit="eq5", step=0.3, towards="absence")
    for column, row in enumerate([3, 0]):
        gain = 0.3 * np.sum(head.weight[row] ** 2)
        assert head.logits(up[:, column])[:, row] - head.logits(latents)[:, row] == pytest.approx(gain, rel=1e-4)
        assert head.logits(down[:, column])[:, row] - head.logits(latents)[:, row] == pytest.approx(-gain, rel=1e-4)


@pytest.mark.parametrize(("towards", "wanted"), [("presence", 1.0), ("absence", 0.0)])
def test_eq4_is_a_gradient_step_on_the_log_likelihood(latents, towards, wanted):
    head = toy_head()
    moved = moved_by(latents, head, covariance=IDENTITY, edit="eq4", step=1e-3, towards=towards)
    standard = standardised(latents, head).astype(np.float64)
    for column, row in enumerate([3, 0]):
        weight, bias = head.weight[row].astype(np.float64), float(head.bias[row])

        def log_likelihood(point, weight=weight, bias=bias):
            probability = expit(point @ weight + bias)
            return wanted * np.log(probability) + (1 - wanted) * np.log1p(-probability)

        step = 1e-5 * np.eye(DIMENSIONS)
        gradient = [(log_likelihood(standard + e) - log_likelihood(standard - e)) / 2e-5 for e in step]
        move = (standardised(moved[:, column].astype(np.float64), head) - standard) / 1e-3
        assert move == pytest.approx(np.transpose(gradient), abs=5e-3)


def test_head_or_moves_of_another_autoencoder_are_an_error():
    model, head = LinearAutoencoder(), toy_head()
    moves = toy_moves(head)
    check_same_model(model, head, moves)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="head was fitted on the latents of autoencoder other, this one is toy"):
        check_same_model(model, replace(head, model_sha256="other"), moves)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="moves were fitted on the latents of autoencoder other"):
        check_same_model(model, head, replace(moves, model_sha256=["other"]))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="4 dimensions, the autoencoder makes 6"):
        check_same_model(model, replace(head, weight=head.weight[:, :4]), moves)  # type: ignore[arg-type]


def test_plausible_edit_is_the_likeliest_latent_with_its_logit(latents):
    head = toy_head()
    sample = np.random.default_rng(0).standard_normal((500, DIMENSIONS)) @ np.diag([3, 2, 1, 1, 0.5, 0.1])
    covariance = np.cov(sample.T)
    moved = moved_by(latents, head, covariance=covariance, edit="plausible", step=2.0)
    start = standardised(latents, head).astype(np.float64)
    precision = np.linalg.inv(covariance)
    for column, row in enumerate([3, 0]):
        weight = head.weight[row].astype(np.float64)
        rise = 2.0 * (sample @ weight).std(ddof=1)
        assert head.logits(moved[:, column])[:, row] - head.logits(latents)[:, row] == pytest.approx(rise, rel=1e-3)
        best = minimize(
            lambda move: move @ precision @ move,
            np.zeros(DIMENSIONS),
            jac=lambda move: 2 * precision @ move,
            constraints={
                "type": "eq",
                "fun": lambda move, w=weight, c=rise: move @ w - c,
                "jac": lambda _, w=weight: w,
            },
            method="SLSQP",
        )
        assert standardised(moved[:, column], head) - start == pytest.approx(np.tile(best.x, (4, 1)), abs=1e-3)


@pytest.mark.parametrize("edit", ["plausible", "eq4", "eq5", "unit"])
@pytest.mark.parametrize(("towards", "probability"), [("presence", 0.9), ("absence", 0.1)])
def test_a_probability_is_reached_by_the_smallest_step(latents, edit, towards, probability):
    head = toy_head()
    covariance = np.diag([3.0, 2, 1, 1, 0.5, 0.1])
    settings = {"edit": edit, "towards": towards}
    asked = toy_explain(**settings, to_probability=probability)
    moved, steps = edit_latents(latents, head, toy_moves(head, covariance), TARGETS, asked)
    before, after = head.probabilities(latents)[:, [3, 0]], np.empty((4, 2))
    for column, row in enumerate([3, 0]):
        after[:, column] = head.probabilities(moved[:, column])[:, row]
    there = before >= probability if towards == "presence" else before <= probability
    assert after[~there] == pytest.approx(probability, abs=1e-4)
    assert (steps[there] == 0).all()
    assert after[there] == pytest.approx(before[there], abs=1e-5)
    assert not there.all()
    for row, column in zip(*np.nonzero(~there), strict=True):  # half the step leaves half of the logit's change
        half = moved_by(latents, head, covariance, **settings, step=steps[row, column] / 2)[row, column]
        logits = [head.logits(z[None])[0, [3, 0][column]] for z in (latents[row], half, moved[row, column])]
        assert logits[1] == pytest.approx((logits[0] + logits[2]) / 2, abs=1e-3)


def test_alone_adds_the_most_frequent_way_and_takes_away_the_one_that_is_shown():
    head = toy_head()
    rng = np.random.default_rng(2)
    alone = np.full((5, 2, DIMENSIONS), np.nan)
    alone[:, 0], alone[3, 1] = rng.standard_normal((5, DIMENSIONS)), 5 * rng.standard_normal(DIMENSIONS)
    moves = toy_moves(head, alone=alone)
    z = ((np.array([alone[3, 0], alone[3, 1]]) + 0.1) * head.sd + head.mean).astype(np.float32)
    up = edit_moves(z, head, moves, TARGETS, edit="alone")
    assert up == pytest.approx(alone[[3, 0], 0][None])
    down = edit_moves(z, head, moves, TARGETS, edit="alone", towards="absence")
    assert down == pytest.approx(-np.array([[alone[3, 0], alone[0, 0]], [alone[3, 1], alone[0, 0]]]))
    alone[0] = np.nan
    with pytest.raises(DataError, match="'finding 0' has no move `alone`"):
        edit_moves(z, head, toy_moves(head, alone=alone), TARGETS, edit="alone")


def test_spread_of_the_logits_is_that_of_the_latents(latents):
    head = toy_head()
    standard = np.random.default_rng(0).standard_normal((500, DIMENSIONS))
    sample, spread = standard * head.sd + head.mean, toy_moves(head, np.cov(standard.T)).logit_spread(head)
    assert spread.index.tolist() == head.findings
    assert spread[TARGETS].to_numpy() == pytest.approx(head.logits(sample)[:, [3, 0]].std(axis=0, ddof=1), rel=1e-5)


def test_random_moves_have_one_length_in_the_edits_own_geometry():
    scale = np.diag([3.0, 2.0, 1.0, 1.0, 0.5, 0.1])
    options = {"length": 3.0, "covariance": scale @ scale, "seed": 1}
    euclidean = random_moves(400, edit="unit", **options)
    assert np.linalg.norm(euclidean, axis=1) == pytest.approx(3.0)
    mahalanobis = random_moves(400, edit="plausible", **options)
    assert np.linalg.norm(mahalanobis @ np.linalg.inv(scale), axis=1) == pytest.approx(3.0)
    assert np.abs(mahalanobis.mean(axis=0) / np.diag(scale)).max() < 0.25
    assert np.array_equal(mahalanobis, random_moves(400, edit="plausible", **options))


def test_decoding_many_targets_gives_each_its_own_picture(monkeypatch):
    monkeypatch.setattr(
        "diffchest.counterfactuals.pictures.BATCH_PIXELS", 3 * 16**2
    )  # pairs of one image cross batches
    model, pixels = LinearAutoencoder(), toy_radiographs(4)
    z = encode_latents(model, pixels)  # type: ignore[arg-type]
    assert z == pytest.approx((pixels / 127.5 - 1).reshape(4, -1) @ model.basis.detach().numpy(), abs=1e-4)
    x_end = encode_noise(model, pixels, z, solver="ddim", steps=5)  # type: ignore[arg-type]
    moved = moved_by(z, toy_head(), covariance=IDENTITY, edit="unit", step=0.3)
    pictures = decode(model, x_end, moved, solver="ddim", steps=5)  # type: ignore[arg-type]
    expected = np.clip((moved @ model.basis.detach().numpy().T + 1) * 127.5, 0, 255).reshape(4, 2, 16, 16)
    assert pictures.dtype == np.uint8
    assert np.abs(pictures - expected).max() <= 0.51


def test_similarity_is_scikit_images():
    first, second = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    table = similarity(first, second)
    assert table["mae"].iloc[0] == pytest.approx(np.abs(first[0] / 255 - second[0] / 255).mean())
    assert table["psnr"].iloc[1] == pytest.approx(-10 * np.log10(np.mean((first[1] / 255 - second[1] / 255) ** 2)))
    assert np.isnan(similarity(first, first)["psnr"]).all()
    assert table["ssim"].iloc[2] == structural_similarity(first[2], second[2], data_range=255)
    with pytest.raises(ValueError, match="shape"):
        similarity(first, second[:2])


def test_newly_clipped_counts_only_what_the_move_clipped():
    reconstruction = np.array([[[0, 10], [250, 20]]], dtype=np.uint8)
    picture = np.array([[[0, 0], [255, 20]]], dtype=np.uint8)
    assert newly_clipped(picture, reconstruction) == pytest.approx([0.5])


def test_disease_free_is_normal_alone_or_no_finding_at_all():
    labels = pd.DataFrame({"normal": [1, 1, 0, np.nan], "goiter": [0, 1, 0, np.nan]})
    assert disease_free(labels).tolist() == [True, False, False, False]
    assert disease_free(labels[["goiter"]]).tolist() == [True, False, True, False]


def test_choice_with_a_finding_is_one_per_patient():
    manifest = pd.DataFrame({"image_id": list("abcd"), "patient_id": list("xxyz")})
    labels = pd.DataFrame({"goiter": [1, 1, np.nan, 1]}, index=manifest["image_id"])
    chosen = choose_with_finding(manifest, labels, "goiter", number=5, seed=0)
    assert len(chosen) == 2
    assert set(chosen) < {"a", "b", "d"}
    assert "d" in chosen
    assert choose_with_finding(manifest, labels, "scoliosis", number=5, seed=0) == []


def test_disease_free_choice_is_nested_and_one_per_patient():
    manifest = pd.DataFrame(
        {"image_id": [f"d/{i:02}" for i in range(30)], "patient_id": [f"d/{i % 10}" for i in range(30)]}
    )
    labels = pd.DataFrame({"goiter": np.arange(30) % 3 == 0}, index=manifest["image_id"]).astype(np.float32)
    few = choose_disease_free(manifest, labels, number=3, seed=4)
    many = choose_disease_free(manifest, labels, number=50, seed=4)
    assert set(few) < set(many)
    assert len(many) == manifest.set_index("image_id").loc[many, "patient_id"].nunique() == 10
    assert few != choose_one_per_patient(manifest, number=3, seed=5)
    with pytest.raises(DataError, match="none of the 30 test radiographs is disease-free"):
        choose_disease_free(manifest, labels * 0 + 1, number=3, seed=4)
