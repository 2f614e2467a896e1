"""Fixtures shared by the tests of this room."""

import numpy as np
import pandas as pd
import pytest

from diffchest.evaluation.test_set import TestSet

N = 240


@pytest.fixture(scope="module")
def test_set() -> TestSet:
    rng = np.random.default_rng(0)
    y = (rng.random((N, 4)) < [0.5, 0.3, 0.2, 0.0]).astype(np.float32)
    y[:40, 1] = np.nan
    labels = pd.DataFrame(y, columns=["strong", "weak", "third", "absent"])
    return TestSet.choose(labels, np.arange(N) // 2, positives_above=5)


@pytest.fixture(scope="module")
def models(test_set) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(1)
    y = test_set.labels.fillna(0)
    ours = y * [3.0, 0.5, 0.8] + rng.normal(size=y.shape)
    return ours.assign(extra=0.0), 1 / (1 + np.exp(-(y * [0.5, 0.5, 0.8] + rng.normal(size=y.shape))))
