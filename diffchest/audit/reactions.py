"""Judging what a score responds to: what does the score of A do when B alone is there?

Columns, one row per target A and other finding B, in standard deviations of A's logit among the fine-tuning
radiographs:

* response, response_low, response_high: what B adds to A's logit while all other findings, view, sex and age are held:
  B's coefficient in a regression of the classifier's own scores on the labels, and its 95 % t interval: of chance
  (clustered by patient) and of `confounders.model_error`, in SD and relative to the response, since a score is no sum
  of its findings. NaN where there are not twice as many radiographs as columns
* response_p: two-sided, of that being 0; response_p_adjusted: Benjamini-Hochberg over all pairs
* moved_z: what the regression of the classifier's logits on z says of the move `alone` of B, nothing drawn
* picture, picture_low, picture_high: mean change of A's logit in pictures in which B was put in, or taken out (with its
  sign turned), and its t interval over patients; picture_put_in, picture_taken_out: of each alone; picture_a_absent,
  picture_a_present: of radiographs without and with A; picture_random: largest mean change, up or down, of random moves
* responds: rises, falls or nothing, see `responding`

Why the labels and not the pictures say what a score responds to: where there are enough of them they do it better.
Beside the same radiographs truly drawn with B the ranking by `response` is nearly perfect for our head and small CNNs,
while pictures lose what the decoder cannot draw (docs/results/audit.md). A picture shows where; and it needs no labels
of B in the radiographs scored.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from diffchest.contracts.classified import Classified
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.regression import Regression, covariates
from diffchest.findings.cooccurrence import PAIR
from diffchest.findings.hierarchy import related
from diffchest.findings.judged import CHANCE
from diffchest.params.audit import AuditRuleParams, ModelErrorParams
from diffchest.progress import notice
from diffchest.stats import adjust


def reactions(
    classified: Classified,
    interventions: Interventions,
    moves: Moves,
    labels: pd.DataFrame,
    rows: pd.DataFrame,
    *,
    kinds: Mapping[str, Sequence[str]],
    rule: AuditRuleParams,
) -> pd.DataFrame:
    """The response of every output to every finding of the interventions: target, confounder, and the module's columns.

    labels: of the fine-tuning radiographs that were scored, all findings that are held, NaN taken for absent; rows:
    theirs of the manifest.
    """
    told = label_responses(
        classified.outputs,
        classified.logits_finetune,
        interventions.findings,
        labels,
        rows,
        kinds=kinds,
        model_error=rule.model_error,
    )
    pictured = picture_responses(classified, interventions, moves)
    return judged(told.merge(pictured, on=PAIR, how="left", validate="one_to_one"), rule)


def label_responses(
    outputs: Sequence[str],
    logits: np.ndarray,
    findings: Sequence[str],
    labels: pd.DataFrame,
    rows: pd.DataFrame,
    *,
    kinds: Mapping[str, Sequence[str]],
    model_error: ModelErrorParams,
) -> pd.DataFrame:
    """Columns `response...` of every output and each of `findings`, which are columns of `labels`.

    logits: [N, K] of `outputs`; labels, rows: of the same radiographs, see `reactions`.
    """
    scores = logits.astype(np.float64)
    held = Regression.fit(
        scores / scores.std(axis=0), labels.fillna(0.0).reset_index(drop=True), covariates(rows), kinds
    )
    groups = rows["patient_id"].to_numpy()
    if held.freedom < held.columns:
        notice(
            f"{len(rows)} radiographs are too few to hold {held.columns} findings and groups: no response by labels; "
            f"give at least {2 * held.columns}, or hold fewer findings"
        )
        nothing = np.full((len(findings), len(outputs)), np.nan)
        return _pairs(outputs, findings, _with_interval(nothing, nothing, model_error, 1))
    shape = len(findings), len(outputs)  # maybe no finding
    response = np.reshape([held.added(finding) for finding in findings], shape)
    error = np.reshape([held.standard_error(finding, groups) for finding in findings], shape)
    return _pairs(outputs, findings, _with_interval(response, error, model_error, held.freedom))


def picture_responses(classified: Classified, interventions: Interventions, moves: Moves) -> pd.DataFrame:
    """Columns `moved_z` and `picture...` of every output and each finding of the interventions."""
    findings = interventions.findings
    moved = mean_moves(moves, findings) @ classified.weight.T / classified.spread
    changes = _pictures(picture_changes(classified, interventions), classified, interventions)
    return _pairs(classified.outputs, findings, {"moved_z": moved.ravel(), **changes})


def judged(table: pd.DataFrame, rule: AuditRuleParams) -> pd.DataFrame:
    """Add `response_p_adjusted` and `responds`."""
    table = table.assign(response_p_adjusted=adjust(table["response_p"].to_numpy(), method="bh"))
    return table.assign(responds=responding(table, rule))


def responding(table: pd.DataFrame, rule: AuditRuleParams) -> np.ndarray:
    """Which scores respond to B alone, by at least `flagged.response` and beyond chance: rises, falls or ""."""
    sure = (table["response_p_adjusted"] <= rule.false_discovery_rate) & (
        table["response"].abs() >= rule.flagged.response
    )
    return np.where(~sure, "", np.where(table["response"] > 0, "rises", "falls"))


def with_aucs(table: pd.DataFrame, classified: Classified) -> pd.DataFrame:
    """Add target_auc, target_auc_low, confounder_auc, confounder_auc_low: see `Classified`; NaN where no output."""
    columns = {}
    for name in ("auc", "auc_low"):
        values = pd.Series(getattr(classified, name), index=classified.outputs, dtype=np.float64)
        columns |= {f"{role}_{name}": table[role].map(values).astype(np.float64) for role in PAIR}
    return table.assign(**columns)


def flagged(table: pd.DataFrame, kinds: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Which B are confounders of A: B appears with A, and A's score rises with B alone; kinds of each other never.

    Both outputs have to find their findings better than chance (`..._auc_low` above `CHANCE`): what moves a score that
    may be blind says nothing, nor does what a blind score says of a picture.
    """
    sees = (table[[f"{role}_auc_low" for role in PAIR]] > CHANCE).all(axis=1).to_numpy()
    kin = [related(one, other, kinds) for one, other in table[PAIR].itertuples(index=False)]
    return (
        table["appears"].to_numpy(dtype=bool)
        & (table["responds"] == "rises").to_numpy()
        & sees
        & ~np.array(kin, dtype=bool)
    )


def picture_changes(classified: Classified, interventions: Interventions) -> np.ndarray:
    """What the presence of each finding does to each logit in each radiograph's picture, SD: [P, F, K].

    Where a finding was taken out, the change with its sign turned.
    """
    change = classified.logits_picture - classified.logits_base[:, None]
    return interventions.sign[:, :, None] * change.astype(np.float64) / classified.spread


def mean_moves(moves: Moves, findings: Sequence[str]) -> np.ndarray:
    """The mean of all ways in which each finding shows, each as often as it occurs: [F, d]."""
    rows = moves.rows(findings)
    share = moves.share[rows][:, :, None]
    return np.nansum(moves.alone[rows] * share, axis=1) / share.sum(axis=1)


def _pairs(outputs: Sequence[str], findings: Sequence[str], columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """A row per output and other finding; columns: [F * K], findings first."""
    names = {
        "target": np.tile(np.array(outputs, dtype=object), len(findings)),
        "confounder": np.repeat(np.array(findings, dtype=object), len(outputs)),
    }
    table = pd.DataFrame({**names, **columns})
    return table[table["target"] != table["confounder"]].reset_index(drop=True)


def _with_interval(
    value: np.ndarray, error: np.ndarray, wrong: ModelErrorParams, freedom: int
) -> dict[str, np.ndarray]:
    """Columns of responses [F, K] with the standard error of chance, and of how wrong the model is."""
    by_chance = np.sqrt(error**2 + wrong.absolute**2)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(by_chance**2 + (wrong.relative * value) ** 2)
    return {
        "response": value.ravel(),
        "response_low": (value - half).ravel(),
        "response_high": (value + half).ravel(),
        "response_p": 2 * stats.t.sf(np.abs(value / by_chance), freedom).ravel(),
    }


def _pictures(changes: np.ndarray, classified: Classified, interventions: Interventions) -> dict[str, np.ndarray]:
    """Columns `picture...` of changes [P, F, K]."""
    present = interventions.present
    target = np.full((len(present), len(classified.outputs)), False)  # which radiographs have A
    for column, name in enumerate(classified.outputs):
        if name in interventions.findings:
            target[:, column] = present[:, interventions.findings.index(name)]
    everywhere = np.ones_like(changes, dtype=bool)
    put_in, with_a = everywhere & ~present[:, :, None], everywhere & target[:, None]
    random = (classified.logits_random - classified.logits_base[:, None]) / classified.spread
    limit = np.abs(random.mean(axis=0)).max(axis=0)  # [K]
    mean = changes.mean(axis=0)
    half = stats.t.ppf(0.975, len(changes) - 1) * changes.std(axis=0, ddof=1) / np.sqrt(len(changes))
    return {
        "picture": mean.ravel(),
        "picture_low": (mean - half).ravel(),
        "picture_high": (mean + half).ravel(),
        "picture_put_in": _mean_where(changes, put_in).ravel(),
        "picture_taken_out": _mean_where(changes, ~put_in).ravel(),
        "picture_a_absent": _mean_where(changes, ~with_a).ravel(),
        "picture_a_present": _mean_where(changes, with_a).ravel(),
        "picture_random": np.tile(limit, changes.shape[1]),
    }


def _mean_where(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mean over the first axis of those chosen; NaN where there is none."""
    number = chosen.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(chosen, np.nan_to_num(values), 0.0).sum(axis=0) / np.where(number, number, np.nan)
