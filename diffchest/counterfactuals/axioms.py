"""Axioms of sound counterfactuals (Monteiro et al. 2023), judged from what was drawn: composition, reversibility."""

from pathlib import Path

import numpy as np
import pandas as pd

from diffchest.contracts.explained import Axioms
from diffchest.counterfactuals.quality import quality_table
from diffchest.params.evaluation import BootstrapParams

AFTER = (1, 10)  # null edits
MEASURES = ("reversibility", *(f"composition_{number}" for number in AFTER))
JUDGE = "axioms"  # of these rows of counterfactual_quality.csv


def axioms_rows(path: Path, patients: pd.Series, bootstrap: BootstrapParams) -> pd.DataFrame:
    """The rows of counterfactual_quality.csv that say how far the axioms hold; none without both ways."""
    tables = [axioms_table(axioms) for axioms in Axioms.load_all(path)]
    if not tables:
        return pd.DataFrame(columns=["target", "measure", "n", "value", "low", "high", "judge"])
    return quality_table(pd.concat(tables, ignore_index=True), patients, MEASURES, bootstrap).assign(judge=JUDGE)


def axioms_table(axioms: Axioms) -> pd.DataFrame:
    """One row per radiograph and target; mean absolute differences to the original on the [0, 1] scale.

    composition_1, composition_10: after so many edits that move nothing; reversibility: moved, and the picture back.
    """

    def error(pictures: np.ndarray) -> np.ndarray:
        difference = pictures.astype(np.float64) - axioms.original.astype(np.float64)[:, None]
        return np.abs(difference).mean(axis=(2, 3)) / 255

    targets = len(axioms.targets)
    unmoved = error(axioms.unmoved)
    table = pd.DataFrame(
        {
            "image_id": np.repeat(axioms.image_id, targets),
            "target": np.tile(axioms.targets, len(axioms.image_id)),
            "reversibility": error(axioms.returned).ravel(),
        }
    )
    for number in AFTER:
        table[f"composition_{number}"] = np.repeat(unmoved[:, number - 1], targets)
    return table
