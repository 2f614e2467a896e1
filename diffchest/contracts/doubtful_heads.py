"""What `auc.csv` leaves in doubt: heads that may see a finding no better than chance, and those that are not judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from diffchest import paths
from diffchest.errors import DataError
from diffchest.findings.judged import CHANCE
from diffchest.params.base import OURS


@dataclass(frozen=True)
class DoubtfulHeads:
    """Findings whose head the test radiographs do not show to be better than chance.

    chance: those whose interval reaches an AUC of 0.5, each with its AUC and limits; unjudged: those with too few
    radiographs for an AUC.
    """

    chance: dict[str, tuple[float, float, float]]
    unjudged: list[str]

    @classmethod
    def among(cls, findings: Sequence[str], path: Path | None = None) -> "DoubtfulHeads":
        """Read our head's rows of `auc.csv` for `findings`, in their order; a finding without a row is not judged.

        Raises `DataError` without the table.
        """
        path = path or paths.table("auc")
        if not path.is_file():
            raise DataError(f"{path}: no such file; run `dvc repro evaluate`")
        table = pd.read_csv(path)
        rows = table[table["model"] == OURS].set_index("finding").reindex(list(findings))
        chance = {
            str(name): (row["auc"], row["low"], row["high"])
            for name, row in rows.iterrows()
            if pd.notna(row["auc"]) and not row["low"] > CHANCE
        }
        return cls(chance, [str(name) for name, auc in rows["auc"].items() if pd.isna(auc)])

    def __len__(self) -> int:
        return len(self.chance) + len(self.unjudged)

    @property
    def said(self) -> str:
        """The doubts in words, for captions; "" without any."""
        at_chance = [
            f"{name} (AUC {auc:.2f}, {low:.2f} to {high:.2f})" for name, (auc, low, high) in self.chance.items()
        ]
        parts = [
            f"the head may see no better than chance: {', '.join(at_chance)}" if at_chance else "",
            f"too few radiographs to judge how well the head sees: {', '.join(self.unjudged)}" if self.unjudged else "",
        ]
        return "; ".join(part for part in parts if part)
