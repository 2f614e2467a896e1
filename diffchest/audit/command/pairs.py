"""The pairs of an audit of some radiographs, with all that could be asked of each.

A row per output A (target) and other finding B (confounder): the columns of `audit.reactions` and, where it was asked
what goes with A, of `audit.pairs`; blank where a question could not be answered. Besides:

* judged_by: labels where `response` is known, which is the better answer; else pictures; blank where neither is
* strength: the answer, SD: `response` or `picture`; strength_low, strength_high: its 95 % interval
* responds: rises, falls or blank, by the same answer; see `reactions.responding` and `pictured`
* flagged: see `reactions.flagged`; nothing where no labels could show that both outputs find their findings
* p_b_given_a, lift, contradicted_by_labels, where labels are given: of the pair in them; a flagged pair that they have
  together less often than by chance, beyond doubt
* target_auc, confounder_auc and their `_low`: see `reactions.with_aucs`
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from diffchest.audit.command.label_table import Labelled
from diffchest.audit.quality import with_contradicted
from diffchest.audit.reactions import flagged, judged, label_responses, picture_responses, with_aucs
from diffchest.contracts.classified import Classified
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.moves import Moves
from diffchest.findings.cooccurrence import PAIR, count_pairs
from diffchest.params.audit import AuditRuleParams
from diffchest.stats import adjust


def pairs_of(
    classified: Classified,
    drawn: Interventions,
    moves: Moves,
    goes_with: pd.DataFrame | None,
    held: Sequence[str],
    labelled: Labelled,
    *,
    kinds: Mapping[str, Sequence[str]],
    rule: AuditRuleParams,
) -> pd.DataFrame:
    """The table of the module, strongest first.

    goes_with: of `audit.pairs`; held: findings of `labelled` whose response the labels tell. labelled: of the
    radiographs of `classified.finetune_id`, in their order; all its findings are held in the regression.
    """
    table = picture_responses(classified, drawn, moves)
    table["responds_in_pictures"] = pictured(table, len(drawn.image_id), rule)
    if held:
        told = label_responses(
            classified.outputs,
            classified.logits_finetune,
            held,
            labelled.named,
            labelled.rows,
            kinds=kinds,
            model_error=rule.model_error,
        )
        told = judged(told, rule).rename(columns={"responds": "responds_by_labels"})
        table = table.merge(told, on=PAIR, how="outer", validate="one_to_one")
    else:
        table = table.assign(response=np.nan, response_low=np.nan, response_high=np.nan, responds_by_labels="")
    if goes_with is not None:
        table = table.merge(goes_with, on=PAIR, how="outer", validate="one_to_one")
    else:
        table = table.assign(appears=False)
    table = _with_answer(with_aucs(table, classified), kinds)
    if labelled.labels is not None:
        counts = count_pairs(labelled.named)
        table = with_contradicted(table, counts)
        table = table.merge(counts[[*PAIR, "p_b_given_a", "lift"]], on=PAIR, how="left", validate="one_to_one")
    return table


def pictured(table: pd.DataFrame, radiographs: int, rule: AuditRuleParams) -> np.ndarray:
    """Which scores respond to B alone in pictures: rises, falls or "".

    By at least `flagged.response`, more than under any random move, and beyond chance over the radiographs (two-sided t
    test, Benjamini-Hochberg over all pairs).
    """
    mean = table["picture"].to_numpy()
    error = (table["picture_high"] - table["picture_low"]).to_numpy() / 2 / stats.t.ppf(0.975, radiographs - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = np.nan_to_num(2 * stats.t.sf(np.abs(mean / error), radiographs - 1), nan=1.0)
    sure = (
        (adjust(p_value, method="bh") <= rule.false_discovery_rate)
        & (np.abs(mean) >= rule.flagged.response)
        & (np.abs(mean) > table["picture_random"].to_numpy())
    )
    return np.where(~sure, "", np.where(mean > 0, "rises", "falls"))


def _with_answer(table: pd.DataFrame, kinds: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    told, drawn = table["response"].notna(), table["picture"].notna()
    table = table.assign(
        judged_by=np.where(told, "labels", np.where(drawn, "pictures", "")),
        responds=table["responds_by_labels"].where(told, table["responds_in_pictures"]).fillna(""),
        appears=table["appears"].eq(True),
        strength=table["response"].where(told, table["picture"]),
        strength_low=table["response_low"].where(told, table["picture_low"]),
        strength_high=table["response_high"].where(told, table["picture_high"]),
    )
    table["flagged"] = flagged(table, kinds)
    first = [*PAIR, "flagged", "appears", "responds", "judged_by", "strength", "strength_low", "strength_high"]
    table = table[[*first, *(column for column in table.columns if column not in first)]]
    order = table["strength"].abs().sort_values(ascending=False, kind="stable", na_position="last").index
    return table.loc[order].reset_index(drop=True)
