"""Ratings of three readers, for the tests of the reader study."""

import numpy as np
import pandas as pd

from diffchest.params.readers import SimulatedReadersParams
from diffchest.readers.ratings import RATING_COLUMNS

IDS = [f"cohort/{number:03d}" for number in range(300)]


def three_readers() -> pd.DataFrame:
    """Readers a, b and c, two questions of one kind, one of the other, 20 radiographs each; nobody perfect."""
    rng = np.random.default_rng(1)
    rows = []
    for kind, diagnosis, confounder in [
        ("treatment", "valve", "wires"),
        ("treatment", "effusion", "tube"),
        ("physiology", "valve", "effusion"),
    ]:
        for image_id in IDS[:20]:
            truth = rng.random() < 0.5
            for reader in "abc":
                rows.append((reader, image_id, diagnosis, kind, confounder, int(truth != (rng.random() < 0.2))))
    return pd.DataFrame(rows, columns=RATING_COLUMNS)


QUESTIONS = pd.DataFrame({"diagnosis": ["valve", "effusion"], "kind": "treatment", "confounder": ["wires", "tube"]})


def simulated_readers(sensitivity=1.0, specificity=1.0, readers=3) -> SimulatedReadersParams:
    return SimulatedReadersParams(readers=readers, sensitivity=sensitivity, specificity=specificity)
