"""Made-up tables and metrics of how well classifiers do."""

import itertools

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.evaluation.auc import AUC_COLUMNS
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.averaged import kinds
from diffchest.findings.vocabulary import DRAWN
from diffchest.params.whole import Params
from tests.helpers.report_inputs.flow import DECODING_FLOW, FLOW
from tests.helpers.report_inputs.made_up import NOT_DRAWN, write_csv

ROC = 21  # points of each curve
COMPARED = {"wins": 40, "ties": 1, "losses": 6, "wins_holm": 31, "losses_holm": 2, "mean_difference": 0.1}


def write_scores(params: Params, rng: np.random.Generator) -> None:
    """Write what the stages from `ingest` to `data_efficiency` tell."""
    write_csv("study_flow", **pd.DataFrame(FLOW, columns=["dataset", "step", "images", "patients"]))
    write_csv("decoding_flow", **pd.DataFrame(DECODING_FLOW, columns=["dataset", "step", "images", "patients"]))
    write_csv(
        "positives", dataset=["padchest"], finding=["cardiomegaly"], role=["test"], positives=[700], images=[7928]
    )
    shown = np.linspace(3200, 96000, 30)
    loss = pd.DataFrame({"images": shown, "train_loss": 0.05 + 600 / shown, "validation_loss": 0.052 + 610 / shown})
    write_table(paths.PLOTS / "pretrain_loss.csv", loss)

    findings = [*DRAWN, *NOT_DRAWN]
    auc = np.sort(rng.uniform(0.6, 0.99, len(findings)))[::-1]
    positives = rng.integers(31, 900, len(findings))
    half = 0.9 / np.sqrt(positives)
    ours = {"finding": findings, "n": 7928, "positives": positives, "auc": auc, "low": auc - half}
    ours |= {"high": np.minimum(auc + half, 1.0)}
    rival = auc - rng.uniform(-0.05, 0.25, len(findings))
    pca = ours | {"auc": rival, "low": rival - half, "high": rival + half}
    rows = [pd.DataFrame(table).assign(model=model) for model, table in (("diffchest", ours), ("pca", pca))]
    both = pd.concat(rows).assign(undefined_redraws=0, finetune_n=18504, kind=kinds(findings) * 2, reason="")
    both["finetune_positives"] = both["positives"] * 2
    both["drawn"] = both["finding"].isin(DRAWN) & (params.evaluation.dataset in params.phantom.datasets)
    write_csv("auc", **pd.concat([both, _unjudged()])[AUC_COLUMNS])
    comparison = pd.DataFrame(ours).assign(kind=kinds(findings))
    comparison = comparison.assign(reference_auc=rival, reference_low=rival - half, reference_high=rival + half)
    comparison = comparison.assign(difference=auc - rival, difference_low=auc - rival - half)
    comparison = comparison.assign(
        difference_high=auc - rival + half, p_value=1e-4, p_holm=4e-3, p_bh=2e-4, p_delong=1e-5
    )
    write_csv("comparison", **comparison)
    _write_groups(findings)
    write_csv("published_audit", claim=["mean AUC of CheXzero"], text=[0.681], recomputed=[0.729])
    macro = {
        "macro_auc_findings": len(findings),
        "macro_auc": auc.mean(),
        "macro_auc_low": auc.mean() - 0.01,
        "macro_auc_high": auc.mean() + 0.01,
    }
    drawn = {f"drawn_{name}": value + 0.04 for name, value in macro.items()} | {"not_drawn_macro_auc": 0.68}
    model = macro | drawn | {"at_least_0.9": 12, "macro_auc_left_out": 1, "auc": dict(zip(findings, auc, strict=True))}
    write_metrics(paths.stage_metrics("evaluate"), {"diffchest": model, "pca": model | {"macro_auc": rival.mean()}})
    write_metrics(paths.stage_metrics("compare"), COMPARED)
    write_metrics(paths.stage_metrics("fit_head"), {"findings": 193, "fitted": 150, "patients": 16967, "images": 18504})
    _write_data_efficiency(params)


def _unjudged() -> pd.DataFrame:
    """A finding that is only listed, for both models."""
    row = {
        "finding": "mass",
        "kind": "finding",
        "n": 7928,
        "positives": 2,
        "finetune_n": 18504,
        "finetune_positives": 9,
    }
    reason = "2 test positives, more than 30 are needed; 9 fine-tuning positives, more than 30 are needed"
    return pd.DataFrame([{"model": model, **row, "drawn": True, "reason": reason} for model in ("diffchest", "pca")])


def _write_groups(findings: list[str]) -> None:
    """Tables of the stages `subgroups` and `calibration`."""
    groups = [(a, g) for a, names in (("sex", "FM"), ("age", ("<40", "40-59", ">=60"))) for g in names]
    rows = [(a, g, f, 0.6 + 0.3 * (len(f) % 7) / 7) for a, g in groups for f in findings]
    table = pd.DataFrame(rows, columns=["attribute", "group", "finding", "auc"]).assign(model="diffchest")
    table["kind"] = kinds(table["finding"].tolist())
    table = table.assign(n=900, positives=90, low=table["auc"] - 0.05, high=table["auc"] + 0.05, undefined_redraws=0)
    write_csv("subgroups", **table)
    gaps = table.drop_duplicates(["attribute", "finding"])[["model", "attribute", "finding"]]
    gaps = gaps.assign(measure="auc", lowest="F", highest="M", gap=0.05, low=0.01, high=0.1)
    write_csv("subgroup_gaps", **gaps.assign(p_value=np.linspace(1e-5, 1, len(gaps)), p_holm=0.04, p_bh=0.02))
    models = list(itertools.product(("diffchest", "pca"), findings))
    calibration = pd.DataFrame(models, columns=["model", "finding"])
    calibration["kind"] = kinds(calibration["finding"].tolist())
    calibration["positives"] = calibration["finding"].map(len) * 10
    write_csv("calibration", **calibration.assign(n=7928, brier=0.02, skill=0.3, slope=1.04))
    p = np.linspace(0.001, 0.8, 10)
    curves = [
        pd.DataFrame({"model": m, "finding": f, "bin": range(1, 11), "n": 792, "predicted": p}) for m, f in models
    ]
    curve = pd.concat(curves)
    observed = curve["predicted"] ** 1.1
    curve = curve.assign(observed=observed, low=observed * 0.9, high=np.minimum(observed * 1.1 + 0.01, 1))
    write_table(paths.PLOTS / "reliability.csv", curve)


def _write_data_efficiency(params: Params) -> None:
    settings = params.data_efficiency
    cells = list(itertools.product(settings.findings, settings.fractions))
    table = pd.DataFrame(cells, columns=["finding", "fraction"])
    table["patients"], table["images"] = (table["fraction"] * 2500).astype(int), (table["fraction"] * 6000).astype(int)
    table["kind"], table["test_n"], table["test_positives"], table["reason"] = "finding", 234, 60, ""
    table["draws"] = np.where(table["fraction"] < 1, settings.redraws, 1)
    table["auc"] = 0.9 + 0.05 * np.log10(table["fraction"]) - 0.02 * table["finding"].map(settings.findings.index)
    table["low"], table["high"] = table["auc"] - 0.03, table["auc"] + 0.03
    table["readers_above"], table["readers_below"] = (table["auc"] < 0.85) * 3, (table["auc"] >= 0.85) * 2
    write_csv("data_efficiency", **table)
    fpr = np.linspace(0, 1, ROC)
    curves = [
        pd.DataFrame({"finding": f, "fraction": q, "fpr": fpr, "tpr": fpr ** (0.2 - 0.1 * np.log10(q))})
        for f, q in cells
    ]
    write_table(paths.PLOTS / "data_efficiency_roc.csv", pd.concat(curves))
    points = [
        (f, r, 0.1 + 0.05 * i, 0.7 + 0.05 * i) for f in settings.findings for i, r in enumerate(("bc4", "bc6", "bc8"))
    ]
    write_csv("data_efficiency_readers", **pd.DataFrame(points, columns=["finding", "reader", "fpr", "tpr"]))
