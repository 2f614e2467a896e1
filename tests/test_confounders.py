"""The audit against autoencoders whose effects have a closed form, and its quality against scikit-learn's definitions."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from scipy.stats import t as student
from sklearn.metrics import average_precision_score

from diffchest.audit_quality import audit_metrics, with_planted, with_witness
from diffchest.confounders import Responses, audit, evaluated_findings, respond
from diffchest.errors import DataError
from diffchest.params import ConfoundersParams
from tests.toy_autoencoder import DIMENSIONS, LinearAutoencoder, toy_explain, toy_head, toy_radiographs

FINDINGS = [f"finding {row}" for row in range(5)]


class ConfoundedAutoencoder(LinearAutoencoder):
    """Whoever has more of dimension 0 is drawn with 1.5 times as much more of dimension 1."""

    def predict(self, x_t, t, z):
        drawn = z.clone()
        drawn[:, 1] += 1.5 * z[:, 0]
        return super().predict(x_t, t, drawn)


EXPLAIN = toy_explain()
SETTINGS = ConfoundersParams(
    images=6, random_directions=4, encode_steps=4, decode_steps=4, false_discovery_rate=0.05,
    planted_lift=2.0, planted_cooccurrence=0.1, seed=0,
)  # fmt: skip


def run(model, head, findings):
    with TemporaryDirectory() as runs:
        responded = respond(
            model, head, toy_radiographs(6), targets=findings[:2], findings=findings,
            covariance=np.eye(DIMENSIONS), explain=EXPLAIN, settings=SETTINGS, runs=Path(runs),
        )  # fmt: skip
    assert responded is not None
    return responded[0]


def finetune_latents(head, seed=7):
    return (np.random.default_rng(seed).standard_normal((300, DIMENSIONS)) * head.sd + head.mean).astype(np.float32)


def replace_bounds(*, lift=0.0, cooccurrence=0.0):
    return SETTINGS.model_copy(update={"planted_lift": lift, "planted_cooccurrence": cooccurrence})


def axis_head():
    """One finding per dimension, in the units of the latent itself."""
    head = toy_head(DIMENSIONS)
    unit = np.ones(DIMENSIONS, dtype=np.float32)
    return replace(head, weight=np.eye(DIMENSIONS, dtype=np.float32), mean=0 * unit, sd=unit)


def test_linear_autoencoder_shows_the_direct_effect_and_nothing_beyond():
    head = toy_head()
    finetune = finetune_latents(head)
    spread = head.logits(finetune).std(axis=0)
    table = audit(run(LinearAutoencoder(), head, FINDINGS), head, finetune, SETTINGS)
    assert len(table) == 2 * 4
    for row in table.itertuples():
        own, other = FINDINGS.index(row.target), FINDINGS.index(row.confounder)
        first, second = head.weight[own].astype(float), head.weight[other].astype(float)
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        expected = 0.2 * np.sqrt(DIMENSIONS) * np.linalg.norm(second) * cosine / spread[other]
        assert row.head_correlation == pytest.approx(cosine, abs=1e-6)
        assert row.effect == pytest.approx(expected, abs=0.1)
        assert row.excess == pytest.approx(0.0, abs=0.1)


def test_what_the_decoder_adds_is_found_and_flagged():
    head = axis_head()
    findings = [f"finding {row}" for row in range(DIMENSIONS)]
    finetune = finetune_latents(head)
    spread = finetune.std(axis=0)
    responses = run(ConfoundedAutoencoder(), head, findings)
    table = audit(responses, head, finetune, replace_bounds(lift=0.5))
    assert table.loc[table["flagged"], ["target", "confounder"]].to_numpy().tolist() == [["finding 0", "finding 1"]]
    strongest = table.iloc[0]
    assert strongest["effect"] == pytest.approx(1.5 * 0.2 * np.sqrt(DIMENSIONS) / spread[1], abs=0.05)
    assert strongest["excess"] == pytest.approx(strongest["effect"], abs=0.05)
    assert strongest["head_correlation"] == 0
    moved = expit(responses.moved[:, 0, 1]).mean()
    assert strongest["probability"] == pytest.approx(moved)
    assert strongest["probability_rise"] == pytest.approx(moved - expit(responses.reconstruction[:, 1]).mean())
    assert not audit(responses, head, finetune, replace_bounds(lift=10.0))["flagged"].any()
    assert not audit(responses, head, finetune, replace_bounds(cooccurrence=1.0))["flagged"].any()


def test_audit_is_a_paired_one_sided_t_test_with_its_interval():
    rng = np.random.default_rng(3)
    head = toy_head(3)
    finetune = finetune_latents(head)
    spread = head.logits(finetune)[:, 1].std()
    baseline, moved, random = rng.normal(size=(8, 3)), rng.normal(0.6, 1, (8, 1, 3)), rng.normal(size=(8, 4, 3))
    responses = Responses(FINDINGS[:1], FINDINGS[:3], baseline, moved, random)
    table = audit(responses, head, finetune, SETTINGS).set_index("confounder")
    change = (moved[:, 0, 1] - baseline[:, 1]) / spread
    paired = change - (random[:, :, 1].mean(axis=1) - baseline[:, 1]) / spread
    half = student.ppf(0.975, 7) * change.std(ddof=1) / np.sqrt(8)
    row = table.loc["finding 1"]
    assert [row["low"], row["high"]] == pytest.approx([change.mean() - half, change.mean() + half])
    statistic = paired.mean() / (paired.std(ddof=1) / np.sqrt(8))
    assert row["p_value"] == pytest.approx(student.sf(statistic, 7))
    assert (table["p_adjusted"] >= table["p_value"]).all()


def test_audit_repeats_exactly():
    first, second = (run(LinearAutoencoder(), toy_head(), FINDINGS) for _ in range(2))
    assert np.array_equal(first.moved, second.moved)
    assert np.array_equal(first.random, second.random)
    assert torch.is_grad_enabled()


def test_evaluated_findings_have_enough_positives_and_a_fitted_head():
    head = replace(toy_head(3), findings=["normal", "goiter", "dai"])
    head.weight[2] = np.nan
    labels = pd.DataFrame({"normal": [1, 1, 1, 1], "goiter": [1, 1, -1, np.nan], "dai": [1, 1, 1, 1]})
    assert evaluated_findings(labels, head, positives_above=1) == ["goiter"]
    with pytest.raises(DataError, match=r"no finding has more than 2 positives .* lower evaluation.positives_above"):
        evaluated_findings(labels, head, positives_above=2)


def pairs(rise):
    """A small audit: two targets with three confounders each, the third of which no one drew."""
    names = [(a, b) for a in ("a", "b") for b in ("a", "b", "c", "dust") if a != b]
    return pd.DataFrame(names, columns=["target", "confounder"]).assign(
        probability_rise=rise, flagged=np.array(rise) > 0.5
    )


def test_witness_and_planted_pairs_are_joined_by_name():
    table = pairs([0.9, 0.1, 0.8, 0.2, 0.7, 0.1])
    counts = pd.DataFrame(
        {"target": ["a", "b"], "confounder": ["b", "c"], "p_b_given_a": [0.5, 0.05], "lift": [3.0, 9.0]}
    )
    joined = with_witness(table, counts, kinds={"b": "treatment"}, lift=2.0, cooccurrence=0.1)
    assert joined["agrees_with_labels"].tolist() == [True, False, False, False, False, False]
    assert joined["kind"].tolist() == ["treatment", "", "", "", "", ""]
    planted = with_planted(joined, counts)
    assert planted["planted"].tolist() == [True, False, False, False, True, False]


def test_metrics_count_only_pairs_whose_truth_is_known():
    table = pairs([0.9, 0.1, 0.8, 0.2, 0.7, 0.1])
    table["planted"] = [True, False, False, False, True, False]
    rival = np.array([0.0, np.nan, 1.0, 0.5, 0.4, 1.0])
    metrics = audit_metrics(table, {"rival": rival}, drawn={"a", "b", "c"})
    assert metrics["flagged"] == 3
    assert metrics["drawn_flagged"] == 2
    assert (metrics["precision"], metrics["recall"], metrics["average_precision"]) == (1.0, 1.0, 1.0)
    expected = average_precision_score([True, False, False, True], [0.0, -1.0, 0.5, 0.4])
    assert metrics["rivals"]["rival"] == pytest.approx({"precision": 0.5, "recall": 0.5, "average_precision": expected})


def test_metrics_without_planted_pairs_are_undefined():
    table = pairs([0.9, 0.1, 0.8, 0.2, 0.7, 0.1]).assign(planted=False)
    metrics = audit_metrics(table, {}, drawn=set())
    assert np.isnan([metrics["precision"], metrics["recall"], metrics["average_precision"]]).all()
