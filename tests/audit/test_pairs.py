"""The audit against autoencoders whose effects have a closed form, and its tests and prevalences against SciPy's."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from scipy.stats import norm
from scipy.stats import t as student

from diffchest.audit.pairs import appears, audit
from diffchest.audit.responses import respond
from diffchest.classifiers.own import OwnClassifier
from diffchest.compute.parts import Parts
from diffchest.counterfactuals.fitting import typical_difference
from diffchest.errors import DataError
from diffchest.params.audit import FlaggedParams
from tests.helpers.toy_autoencoder import DIMENSIONS, TOY_AUDIT, LinearAutoencoder, toy_head, toy_moves, toy_radiographs
from tests.helpers.toy_drawings import toy_classified, toy_responses

FINDINGS = [f"finding {row}" for row in range(5)]


class ConfoundedAutoencoder(LinearAutoencoder):
    """Whoever has more of dimension 0 is drawn with 1.5 times as much more of dimension 1."""

    def predict(self, x_t, t, z):
        drawn = z.clone()
        drawn[:, 1] += 1.5 * z[:, 0]
        return super().predict(x_t, t, drawn)


def run(model, head, findings, settings=TOY_AUDIT):
    with TemporaryDirectory() as runs:
        responses = respond(
            model, head, list("abcdef"), toy_radiographs(6), classifier=OwnClassifier(model, head),
            targets=findings[:2], fitted=fitted_moves(head), solver="ddim", settings=settings, parts=Parts(Path(runs)),
        )  # fmt: skip
    assert responses is not None
    return responses


def scored(head, seed=7):
    """The head as a classifier whose logits on z are known."""
    logits = head.logits(finetune_latents(head, seed)).astype(float)
    return toy_classified(head.findings, logits, weight=head.weight.astype(float))


def fitted_moves(head):
    z, called = (finetune_latents(head) - head.mean) / head.sd, head.probabilities(finetune_latents(head))
    return toy_moves(head, np.cov(z.T), typical=typical_difference(z, called))


def finetune_latents(head, seed=7):
    return (np.random.default_rng(seed).standard_normal((300, DIMENSIONS)) * head.sd + head.mean).astype(np.float32)


def replace_bounds(*, lift=0.1, prevalence=0.0):
    return TOY_AUDIT.model_copy(update={"flagged": FlaggedParams(lift=lift, prevalence=prevalence, response=0.5)})


def axis_head():
    """One finding per dimension, in the units of the latent itself."""
    head = toy_head(DIMENSIONS)
    unit = np.ones(DIMENSIONS, dtype=np.float32)
    return replace(head, weight=np.eye(DIMENSIONS, dtype=np.float32), mean=0 * unit, sd=unit)


def test_linear_autoencoder_shows_the_direct_effect_and_nothing_beyond():
    """Of every edit: what z says of the moved z is what the picture shows."""
    head = toy_head()
    classified = scored(head)
    for settings in (TOY_AUDIT, TOY_AUDIT.model_copy(update={"edit": "typical", "step": 1.0})):
        table = audit(run(LinearAutoencoder(), head, FINDINGS, settings), classified, settings)
        assert len(table) == 2 * 4
        assert table["effect"].to_numpy() == pytest.approx(table["direct_effect"].to_numpy(), abs=0.15)
        assert table["effect"].abs().max() > 0.3
    table = audit(run(LinearAutoencoder(), head, FINDINGS), classified, TOY_AUDIT)
    for row in table.itertuples():
        own, other = FINDINGS.index(row.target), FINDINGS.index(row.confounder)
        first, second = head.weight[own].astype(float), head.weight[other].astype(float)
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        expected = 0.2 * np.sqrt(DIMENSIONS) * np.linalg.norm(second) * cosine / classified.spread[other]
        assert row.weight_correlation == pytest.approx(cosine, abs=1e-6)
        assert row.direct_effect == pytest.approx(expected, abs=1e-4)
        assert row.effect == pytest.approx(expected, abs=0.1)


def test_what_the_decoder_adds_is_found():
    head = axis_head()
    findings = [f"finding {row}" for row in range(DIMENSIONS)]
    classified = scored(head)
    responses = run(ConfoundedAutoencoder(), head, findings)
    table = audit(responses, classified, replace_bounds(lift=0.5))
    assert table.loc[table["appears"], ["target", "confounder"]].to_numpy().tolist() == [["finding 0", "finding 1"]]
    strongest = table.iloc[0]
    assert strongest["effect"] == pytest.approx(1.5 * 0.2 * np.sqrt(DIMENSIONS) / classified.spread[1], abs=0.05)
    assert strongest["direct_effect"] == pytest.approx(0, abs=1e-6)
    assert strongest["weight_correlation"] == 0
    moved = expit(responses.logits_after[:, 0, 1]).mean()
    assert strongest["probability"] == pytest.approx(moved)
    assert strongest["probability_rise"] == pytest.approx(moved - expit(responses.logits_before[:, 1]).mean())
    assert not audit(responses, classified, replace_bounds(lift=10.0))["appears"].any()
    assert not audit(responses, classified, replace_bounds(prevalence=1.0))["appears"].any()


def test_typical_difference_is_that_of_two_weighted_means():
    head = toy_head()
    finetune = finetune_latents(head)
    z, probability = (finetune - head.mean) / head.sd, head.probabilities(finetune)
    expected = [
        np.average(z, axis=0, weights=probability[:, row]) - np.average(z, axis=0, weights=1 - probability[:, row])
        for row in (3, 0)
    ]
    assert typical_difference(z, probability)[[3, 0]] == pytest.approx(np.array(expected), abs=1e-5)


def test_typical_move_changes_a_linear_picture_by_the_difference():
    head, findings = toy_head(), FINDINGS
    responses = run(LinearAutoencoder(), head, findings, TOY_AUDIT.model_copy(update={"edit": "typical", "step": 1.5}))
    change = (responses.logits_after - responses.logits_before[:, None]).mean(axis=0)
    difference = fitted_moves(head).typical[:2]
    assert change == pytest.approx(1.5 * difference @ head.weight.T.astype(float), abs=0.1)


def test_random_moves_are_as_long_as_the_typical_ones_on_average():
    head, finetune = toy_head(), finetune_latents(toy_head())
    responses = run(LinearAutoencoder(), head, FINDINGS, TOY_AUDIT.model_copy(update={"edit": "typical"}))
    z = (finetune - head.mean) / head.sd
    precision = np.linalg.inv(np.cov(z, rowvar=False))
    difference = 0.2 * fitted_moves(head).typical[:2]
    expected = np.sqrt(np.einsum("td,de,te->t", difference, precision, difference)).mean()
    change = (responses.logits_random - responses.logits_before[:, None]).mean(axis=0)
    moves = np.linalg.lstsq(head.weight[:5].astype(float), change.T, rcond=None)[0].T
    assert moves.shape == (4, DIMENSIONS)
    lengths = np.sqrt(np.einsum("rd,de,re->r", moves, precision, moves))
    assert (lengths < expected + 0.1).all()  # five findings show five of the six dimensions
    assert lengths.max() == pytest.approx(expected, rel=0.2)


def test_p_value_is_of_a_paired_one_sided_t_test():
    rng = np.random.default_rng(3)
    classified = scored(toy_head(3))
    baseline, moved, random = rng.normal(size=(8, 3)), rng.normal(0.6, 1, (8, 1, 3)), rng.normal(size=(8, 4, 3))
    responses = toy_responses(FINDINGS[:1], FINDINGS[:3], baseline, moved, random)
    table = audit(responses, classified, TOY_AUDIT).set_index("confounder")
    beyond = (moved[:, 0] - random.mean(axis=1))[:, 1]
    change = (moved[:, 0] - baseline)[:, 1] / classified.spread[1]
    half = student.ppf(0.975, 7) * change.std(ddof=1) / np.sqrt(8)
    row = table.loc["finding 1"]
    assert [row["low"], row["high"]] == pytest.approx([change.mean() - half, change.mean() + half])
    statistic = beyond.mean() / (beyond.std(ddof=1) / np.sqrt(8))
    assert row["p_value"] == pytest.approx(student.sf(statistic, 7))
    assert (table["p_adjusted"] >= table["p_value"]).all()


def test_ranking_is_the_prevalence_that_the_mutual_effect_implies():
    rng = np.random.default_rng(4)
    classified = scored(toy_head(3))
    logits = classified.logits_finetune
    mean, spread = logits.mean(axis=0), logits.std(axis=0)
    still, moved = rng.normal(size=(8, 3)), rng.normal(1.0, 1, (8, 2, 3))
    responses = toy_responses(FINDINGS[:2], FINDINGS[:3], still, moved, rng.normal(size=(8, 4, 3)))
    table = audit(responses, classified, TOY_AUDIT).set_index(["target", "confounder"])
    effect = ((moved - still[:, None]) / spread).mean(axis=0)
    both = (effect[0, 1] + effect[1, 0]) / 2
    for target, confounder, mutual in ((0, 1, both), (1, 0, both), (0, 2, effect[0, 2])):
        row = table.loc[(FINDINGS[target], FINDINGS[confounder])]
        assert row["mutual_effect"] == pytest.approx(mutual)
        before, after = (
            norm(mean[confounder] + shift * spread[confounder], spread[confounder]).expect(expit)
            for shift in (0.0, mutual)
        )
        assert row["prevalence"] == pytest.approx(after, abs=0.02)
        assert row["prevalence_rise"] == pytest.approx(after - before, abs=0.02)
        assert row["prevalence_lift"] == pytest.approx(after / before, rel=0.1)
    assert (table.groupby(level=0, sort=False)["prevalence_rise"].diff().dropna() <= 0).all()


def test_audit_repeats_exactly():
    first, second = (run(LinearAutoencoder(), toy_head(), FINDINGS) for _ in range(2))
    assert np.array_equal(first.logits_after, second.logits_after)
    assert np.array_equal(first.logits_random, second.logits_random)
    assert torch.is_grad_enabled()


def test_findings_are_judged_alone_whatever_else_was_kept():
    """Logits of all findings are kept: a table of some is what a drawing of these alone would give."""
    rng = np.random.default_rng(5)
    before, after, random = rng.normal(size=(8, 5)), rng.normal(1.0, 1, (8, 1, 5)), rng.normal(size=(8, 4, 5))
    names, columns = ["finding 4", "finding 2", "finding 0"], [4, 2, 0]
    finetune = rng.normal(size=(90, 5))
    kept = toy_responses(["finding 2"], FINDINGS, before, after, random)
    alone = toy_responses(["finding 2"], names, before[:, columns], after[:, :, columns], random[:, :, columns])
    tables = [audit(drawn, toy_classified(names, finetune[:, columns]), TOY_AUDIT) for drawn in (kept, alone)]
    pd.testing.assert_frame_equal(*tables)
    assert set(tables[0]["confounder"]) == {"finding 4", "finding 0"}
    with pytest.raises(DataError, match=r"'finding 2', which is not among the 2 scored.*dvc repro draw_audit"):
        audit(kept, toy_classified(["finding 0", "finding 1"], finetune[:, :2]), TOY_AUDIT)
    with pytest.raises(DataError, match="draw_audit kept no logit of 'finding 1'"):
        audit(alone, toy_classified([*names, "finding 1"], finetune[:, [*columns, 1]]), TOY_AUDIT)


@pytest.mark.parametrize(
    ("column", "value"),
    [("p_adjusted", 0.051), ("effect", 0.4), ("prevalence", 0.09), ("prevalence_lift", 1.9)],
)
def test_a_finding_appears_when_all_bounds_are_met(column, value):
    pair = {"p_adjusted": 0.05, "effect": 0.5, "random_limit": 0.4, "prevalence": 0.1, "prevalence_lift": 2.0}
    assert appears(pd.DataFrame([pair, pair | {column: value}]), TOY_AUDIT).tolist() == [True, False]


def test_a_classifier_without_outputs_has_no_pairs_but_all_columns():
    none = np.empty((8, 0))
    responses = toy_responses([], [], none, np.empty((8, 0, 0)), np.empty((8, 4, 0)))
    table = audit(responses, toy_classified([], np.empty((90, 0)), weight=np.empty((0, 6))), TOY_AUDIT)
    full = audit(run(LinearAutoencoder(), toy_head(), FINDINGS), scored(toy_head()), TOY_AUDIT)
    assert table.empty
    assert list(table.columns) == list(full.columns)
