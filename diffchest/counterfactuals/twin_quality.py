"""Counterfactuals beside their true twins: is the finding drawn, as large as it is, and nothing else?

All of it is read from what was drawn and kept; nothing is decoded. Twins judge, and nothing that explains reads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from diffchest.contracts.explained import MACRO, Explained
from diffchest.contracts.head import Head
from diffchest.contracts.latents import Latents
from diffchest.contracts.twins import CHANGED, Twins
from diffchest.contracts.witness import Witness
from diffchest.counterfactuals.quality import quality_metrics, quality_table, side_effects
from diffchest.params.evaluation import BootstrapParams

ADDED, REMOVED = "added twin", "removed twin"  # judges of rows of counterfactual_quality.csv
RATIOS = {  # what the counterfactuals do, over what their twins do
    "size_ratio": ("size", "twin_size"),
    "own": ("own", "twin_own"),
    "off_target": ("off_target", "twin_off_target"),
    "witness": ("witness_own", "twin_witness_own"),
}
TWIN_MEASURES = ("cosine", "outside", *RATIOS, "flipped", "twin_flipped", "sparsity", "twin_sparsity")


@dataclass(frozen=True, eq=False)
class TwinJudge:
    """What counterfactuals are held against, and how.

    * head, latents: the classifier, and the twins' z by `Twins.ids`
    * findings: whose logits count as side effects; spread: standard deviation of each logit, by finding
    * threshold: the logit from which on the head calls a finding, by finding
    """

    twins: Twins
    head: Head
    latents: Latents
    witness: Witness
    findings: Sequence[str]
    spread: pd.Series
    threshold: pd.Series

    def rows(self, groups: Sequence[Explained], *, added: bool) -> pd.DataFrame:
        """One row per radiograph and target that has a twin: one `added` (towards presence) or removed (absence).

        * image_id, target; placement: of the nearest twin, whose change has the largest cosine with the
          counterfactual's. A change is that of gray levels from the radiograph
        * cosine: of the two changes, 0 where the counterfactual changes nothing
        * size, twin_size: sum of |change|; sparsity, twin_sparsity: share of pixels changed by more than `CHANGED`
        * outside: share of the counterfactual's |change| outside the twin's mask; NaN where it changes nothing
        * own, twin_own: change of the target's logit, in standard deviations; off_target, twin_off_target: mean
          |change| of the other findings'. A counterfactual is compared with what it changes (`logits_before` of
          `Explained`), a twin with the radiograph
        * flipped, twin_flipped: whether the logit crossed the threshold; NaN where it was beyond it before
        * witness_own, twin_witness_own: change of the witness's logit; NaN where it has none
        """
        where = self.twins.rows(added=added)
        logits = self.head.logits(self.latents.select(self.twins.ids)) if where else None
        blocks = [self._of_group(explained, where, logits, added) for explained in groups if logits is not None]
        kept = [block for block in blocks if len(block)]
        return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=["image_id", "target"])

    def _of_group(self, explained: Explained, where: dict, logits: np.ndarray | None, added: bool) -> pd.DataFrame:
        pairs = [
            (row, column, where[image_id, target])
            for row, image_id in enumerate(explained.image_id)
            for column, target in enumerate(explained.targets)
            if (image_id, target) in where
        ]
        if not pairs or logits is None:
            return pd.DataFrame()
        found = [self._compared(explained, *pair) for pair in pairs]
        table = pd.DataFrame(found)
        rows, columns, chosen = (
            np.array(part) for part in ([p[0] for p in pairs], [p[1] for p in pairs], table["twin"])
        )
        return pd.concat(
            [table.drop(columns="twin"), self._seen(explained, rows, columns, logits[chosen], added)], axis=1
        )

    def _compared(self, explained: Explained, row: int, column: int, candidates: list[int]) -> dict:
        """The columns of one counterfactual that need no head, and the nearest `twin`'s row."""
        original = explained.original[row].astype(np.float64)
        change = explained.counterfactual[row, column] - original
        twin, alike = self.twins.nearest(candidates, explained.original[row], explained.counterfactual[row, column])
        other, size = self.twins.picture[twin] - original, np.abs(change).sum()
        outside = np.abs(change[~self.twins.mask[twin]]).sum()
        target = explained.targets[column]
        pictures = np.stack([explained.original[row], explained.counterfactual[row, column], self.twins.picture[twin]])
        before, after, twin_after = self._witness_says(pictures, target)
        return {
            "image_id": explained.image_id[row],
            "target": target,
            "placement": int(self.twins.placement[twin]),
            "cosine": alike,
            "size": size,
            "twin_size": np.abs(other).sum(),
            "outside": outside / size if size else np.nan,
            "sparsity": (np.abs(change) > CHANGED).mean(),
            "twin_sparsity": (np.abs(other) > CHANGED).mean(),
            "witness_own": after - before,
            "twin_witness_own": twin_after - before,
            "twin": twin,
        }

    def _witness_says(self, pictures: np.ndarray, target: str) -> np.ndarray:
        """The witness's logit of the target in each picture [N, H, W]; NaN without one."""
        if target not in self.witness.findings:
            return np.full(len(pictures), np.nan)
        return self.witness.only(target).logits(pictures)[:, 0].astype(np.float64)

    def _seen(
        self, explained: Explained, rows: np.ndarray, columns: np.ndarray, after: np.ndarray, added: bool
    ) -> pd.DataFrame:
        """What the head says of counterfactuals (rows, columns) [K] and of their twins, whose logits are `after`."""
        own, off_target = (part[rows, columns] for part in side_effects(explained, self.findings, self.spread))
        targets = [explained.targets[column] for column in columns]
        measured = list(dict.fromkeys([*explained.targets, *self.findings]))
        twin_after = after[:, self.head.rows(measured)].astype(np.float64)
        before = explained.logits_z[rows][:, explained.columns(measured)]
        change = (twin_after - before) / self.spread[measured].to_numpy()
        at = np.array([measured.index(target) for target in targets])
        counted = np.isin(measured, list(self.findings)) & (at[:, None] != np.arange(len(measured)))
        with np.errstate(invalid="ignore"):  # no other finding
            twin_off = (np.abs(change) * counted).sum(axis=1) / counted.sum(axis=1)
        each, bound = np.arange(len(rows)), self.threshold[targets].to_numpy()
        return pd.DataFrame(
            {
                "own": own,
                "twin_own": change[each, at],
                "off_target": off_target,
                "twin_off_target": twin_off,
                "flipped": _crossed(
                    explained.logit_before[rows, columns], explained.logit_after[rows, columns], bound, added
                ),
                "twin_flipped": _crossed(before[each, at], twin_after[each, at], bound, added),
            }
        )


def _crossed(before: np.ndarray, after: np.ndarray, bound: np.ndarray, added: bool) -> np.ndarray:
    """1 where a logit crossed its bound, upwards if `added`, else downwards; NaN where it was beyond it before."""
    called, calls = (before >= bound, after >= bound) if added else (before < bound, after < bound)
    return np.where(called, np.nan, calls.astype(float))


def twin_table(rows: pd.DataFrame, patients: pd.Series, bootstrap: BootstrapParams) -> pd.DataFrame:
    """Each of `TWIN_MEASURES` by target, and its mean over the targets, as `quality_table` has them.

    rows: see `TwinJudge.rows`; those of `RATIOS` are sums over radiographs, one over the other. Empty without rows.
    """
    if rows.empty:
        return pd.DataFrame(columns=["target", "measure", "n", "value", "low", "high"])
    return quality_table(rows, patients, TWIN_MEASURES, bootstrap, RATIOS)


def twin_quality(
    judge: TwinJudge,
    *,
    added: Sequence[Explained],
    removed: Sequence[Explained],
    patients: pd.Series,
    bootstrap: BootstrapParams,
) -> pd.DataFrame:
    """The rows of counterfactual_quality.csv that twins judge: of findings `added` and of findings `removed`.

    Findings that do not enter a table are there, but in no mean.
    """
    tables = []
    for name, groups, way in ((ADDED, added, True), (REMOVED, removed, False)):
        rows = judge.rows(groups, added=way)
        counted = rows["target"].isin(list(judge.findings))
        few = twin_table(rows[~counted], patients, bootstrap)
        tables += [
            table.assign(judge=name)
            for table in (twin_table(rows[counted], patients, bootstrap), few[few["target"] != MACRO])
        ]
    return pd.concat(tables, ignore_index=True)


def twin_metrics(table: pd.DataFrame) -> dict[str, Any]:
    """Means over the findings that are added, and under `removed` over those that are; {} where there is no twin."""
    of = {name: quality_metrics(table[table["judge"] == name]) for name in (ADDED, REMOVED)}
    return of[ADDED] | ({"removed": of[REMOVED]} if of[REMOVED] else {})


def told(metrics: dict[str, Any]) -> str:
    """What twins say, for the summary; nothing where there are none."""
    if not metrics:
        return ""
    return (
        f"; beside true twins: cosine {metrics['cosine']:.2f}, size {metrics['size_ratio']:.2f}, "
        f"{metrics['outside']:.0%} outside, its logit {metrics['own']:.2f}, the others {metrics['off_target']:.2f}"
    )
