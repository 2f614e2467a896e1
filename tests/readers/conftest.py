"""Fixtures shared by the tests of this room."""

import numpy as np
import pandas as pd
import pytest

from tests.helpers.ratings import IDS


@pytest.fixture
def labels() -> pd.DataFrame:
    values = np.random.default_rng(0).random((len(IDS), 4)) < [0.4, 0.5, 0.5, 0.3]
    return pd.DataFrame(values.astype(np.float32), index=IDS, columns=["valve", "effusion", "wires", "tube"])


@pytest.fixture
def manifest() -> pd.DataFrame:
    return pd.DataFrame({"image_id": IDS, "patient_id": [f"cohort/p{number // 2}" for number in range(300)]})
