"""Made-up tables and pictures of the audit of every classifier."""

from typing import Any

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.contracts.responses import Responses
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.vocabulary import DRAWN, KIND
from diffchest.params.base import OURS
from diffchest.params.whole import Params
from tests.helpers.report_inputs.made_up import NOT_DRAWN, phantom, write_csv

TARGETS, FINDINGS = list(DRAWN[:38]), [*DRAWN, *NOT_DRAWN]
PICTURES = ("picture_put_in", "picture_taken_out", "picture_a_absent", "picture_a_present")
RIVALS = ("moved_z", "picture", "difference", "appears", "weight_correlation", "lift", "cooccurrence")


def write_audit(params: Params, rng: np.random.Generator) -> None:
    """Write what `draw_audit`, `score_classifier` and `confounders` leave of every classifier."""
    metrics = {}
    for name in params.classifiers.sections:
        table = _pairs(params, rng)
        paths.audit(name).parent.mkdir(parents=True, exist_ok=True)
        write_table(paths.audit(name), table)
        found = _metrics(table)
        metrics |= found if name == OURS else {name: found}
        gate = {"classifier": name, "output": TARGETS, "gate": "auc_originals", "value": 0.9, "bound": 0.6}
        write_csv(f"gates_{name}", **gate, passed=[*[True] * (len(TARGETS) - 1), False], hard=False, remedy="")
        if name == OURS:
            _write_reliance(table)
    write_metrics(paths.stage_metrics("confounders"), metrics)
    write_csv("label_cooccurrence", target=["a"], confounder=["b"], positives_a=[72], both=[69], p_b_given_a=[0.958])
    Responses(
        image_id=[f"padchest/{number}" for number in range(4)],
        targets=TARGETS,
        findings=FINDINGS,
        logits_before=rng.normal(size=(4, len(FINDINGS))),
        logits_after=rng.normal(size=(4, len(TARGETS), len(FINDINGS))),
        logits_random=rng.normal(size=(4, 2, len(FINDINGS))),
        direct=rng.normal(size=(4, len(TARGETS), len(FINDINGS))),
        reconstruction=np.stack([phantom([], number) for number in range(4)]),
        counterfactual=np.stack([[phantom([target, "pacemaker"], n) for target in TARGETS] for n in range(4)]),
    ).save(paths.responses(OURS))


def _pairs(params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """One classifier's table: its scores respond to one in fifty findings with a rise, to as many with a fall."""
    table = pd.DataFrame([(a, b) for a in TARGETS for b in FINDINGS if a != b], columns=["target", "confounder"])
    number, on_phantoms = len(table), params.evaluation.dataset in params.phantom.datasets
    table["kind"] = table["confounder"].map(KIND).fillna("")
    table["planted"] = (rng.random(number) < 0.03) & on_phantoms
    table["effect"] = rng.normal(0, 0.25, number) + 2.0 * (rng.random(number) < 0.03) + 1.5 * table["planted"]
    table["low"], table["high"] = table["effect"] - 0.2, table["effect"] + 0.2
    table["p_value"] = table["p_adjusted"] = np.where(table["effect"] > 0.9, 1e-4, 0.5)
    table["prevalence_rise"] = table["effect"] / 10
    table = table.assign(mutual_effect=0.1, prevalence=0.1, prevalence_lift=2.0, random_effect=0.05, random_limit=0.3)
    table = table.assign(direct_effect=0.1, weight_correlation=0.1, appears=table["effect"] > 0.9)
    response = rng.choice([-2.0, 0.0, 2.0], number, p=[0.02, 0.96, 0.02]) + rng.normal(0, 0.1, number)
    response[table["appears"].to_numpy() & (rng.random(number) < 0.6)] += 2.0
    table = table.assign(response=response, response_low=response - 0.2, response_high=response + 0.2)
    table["responds"] = np.where(response > 0.5, "rises", np.where(response < -0.5, "falls", ""))
    table["flagged"] = table["appears"] & (table["responds"] == "rises")
    table = table.assign(moved_z=response, picture=0.8 * response, picture_random=0.2, p_b_given_a=0.42, lift=3.2)
    table.loc[table.index[table["flagged"]][:1], "lift"] = 0.5  # one that the labels contradict
    table["contradicted_by_labels"] = table["flagged"] & (table["lift"] < 1)
    table = table.assign(target_auc=0.9, target_auc_low=0.8, confounder_auc=0.85, confounder_auc_low=0.75)
    table = table.assign(picture_low=0.7 * response, picture_high=0.9 * response)
    table = table.assign(**dict.fromkeys(PICTURES, 0.8 * response))
    truth = response + rng.normal(0, 0.1, number) if on_phantoms else np.full(number, np.nan)
    table = table.assign(cace=truth, cace_low=truth - 0.1, cace_high=truth + 0.1)
    return table.assign(agrees_with_labels=table["planted"])


def _metrics(table: pd.DataFrame) -> dict[str, Any]:
    known = bool(table["cace"].notna().any())
    truth = {"average_precision": 0.91, "falls_average_precision": 0.87, "spearman": 0.93, "false_alarms": 0.012}
    rivals = {name: {"average_precision": 0.8 - 0.07 * at, "spearman": 0.5} for at, name in enumerate(RIVALS)}
    return {
        "outputs": table["target"].nunique(),
        "pairs": len(table),
        "appear": int(table["appears"].sum()),
        "rises": int((table["responds"] == "rises").sum()),
        "falls": int((table["responds"] == "falls").sum()),
        "flagged": int(table["flagged"].sum()),
        "cace": {"pairs": len(table) * known, **(truth if known else dict.fromkeys(truth)), "rivals": rivals},
    }


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
