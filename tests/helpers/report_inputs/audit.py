"""Made-up tables and pictures of the confounder audit."""

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.contracts.responses import Responses
from diffchest.files.tables import write_metrics
from diffchest.findings.vocabulary import DRAWN, KIND
from diffchest.params.whole import Params
from tests.helpers.report_inputs.made_up import NOT_DRAWN, phantom, write_csv


def write_audit(params: Params, rng: np.random.Generator) -> None:
    """Write what `draw_audit` and `confounders` leave."""
    targets, findings = list(DRAWN[:38]), [*DRAWN, *NOT_DRAWN]
    table = pd.DataFrame([(a, b) for a in targets for b in findings if a != b], columns=["target", "confounder"])
    table["kind"] = table["confounder"].map(KIND)
    table["planted"] = (rng.random(len(table)) < 0.03) & (params.evaluation.dataset in params.phantom.datasets)
    table["effect"] = rng.normal(0, 0.25, len(table)) + 2.0 * (rng.random(len(table)) < 0.03) + 1.5 * table["planted"]
    table["low"], table["high"] = table["effect"] - 0.2, table["effect"] + 0.2
    table["p_value"] = table["p_adjusted"] = np.where(table["effect"] > 0.9, 1e-4, 0.5)
    table["flagged"] = table["effect"] > 0.9
    table = table.assign(random_effect=0.05, head_correlation=0.1, p_b_given_a=0.42, lift=3.2)
    table["agrees_with_labels"] = table["planted"]
    write_csv("confounders", **table)
    write_csv("label_cooccurrence", target=["a"], confounder=["b"], positives_a=[72], both=[69], p_b_given_a=[0.958])
    _write_reliance(table)
    Responses(
        image_id=[f"padchest/{number}" for number in range(4)],
        targets=targets,
        findings=findings,
        logits_before=rng.normal(size=(4, len(findings))),
        logits_after=rng.normal(size=(4, len(targets), len(findings))),
        logits_random=rng.normal(size=(4, 2, len(findings))),
        reconstruction=np.stack([phantom([], number) for number in range(4)]),
        counterfactual=np.stack([[phantom([target, "pacemaker"], n) for target in targets] for n in range(4)]),
    ).save(paths.RESPONSES)
    rivals = {"cooccurrence": {"precision": 0.9, "recall": 0.5, "average_precision": 0.7}}
    found = {"precision": 0.8, "recall": 0.6, "average_precision": 0.71, "rivals": rivals}
    write_metrics(paths.stage_metrics("confounders"), found | {"flagged": 60, "planted": 50})


def _write_reliance(audit: pd.DataFrame) -> None:
    """Tables of the stage `reliance`."""
    pairs = audit.loc[audit["flagged"] | audit["planted"], ["target", "confounder", "kind", "flagged"]]
    pairs["source"] = np.where(pairs.pop("flagged"), "audit", "labels")
    pairs["without_auc"] = np.linspace(0.5, 0.9, len(pairs))
    for group, gain in (("", 0.08), ("with_", -0.04)):
        pairs[f"{group}auc"] = pairs["without_auc"] + gain
    pairs.loc[pairs.index[::5], "with_auc"] = np.nan
    for group in ("", "with_", "without_"):
        pairs[f"{group}low"], pairs[f"{group}high"] = pairs[f"{group}auc"] - 0.05, pairs[f"{group}auc"] + 0.05
        pairs[f"{group}positives"] = 40
    pairs["drop"] = pairs["auc"] - pairs["without_auc"]
    pairs["p_bh"] = np.linspace(1e-4, 1, len(pairs))
    write_csv("reliance", **pairs.assign(collapses=pairs["p_bh"] < 0.02))
    write_csv("published_cooccurrence", diagnosis=["a"], confounder=["b"], both_labelled=[69], p_b_given_a=[0.958])
    found = {"audit": {"tested": 104, "drops_bh": 2, "collapses": 0}}
    write_metrics(paths.stage_metrics("reliance"), found)
