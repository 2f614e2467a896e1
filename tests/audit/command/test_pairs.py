"""Which answer a pair gets, and when a score responds in pictures."""

import numpy as np
import pandas as pd
from scipy import stats

from diffchest.audit.command.pairs import pictured
from diffchest.params.whole import Params
from tests.helpers.repository import ROOT

RULE = Params.load(ROOT / "params.yaml").confounders


def test_a_score_responds_in_pictures_beyond_chance_random_moves_and_the_bound():
    rng = np.random.default_rng(0)
    spread = np.array([0.5, 0.5, 0.5, 20.0, 0.5, 0.0])
    mean = np.array([1.0, -1.0, 0.3, 1.0, 1.0, 0.0])
    noise = rng.standard_normal((64, len(mean)))
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0, ddof=1)
    test = stats.ttest_1samp(mean + spread * noise, 0.0)
    interval = test.confidence_interval(0.95)
    table = pd.DataFrame({"picture": mean, "picture_low": interval.low, "picture_high": interval.high})
    table["picture_random"] = [0.2, 0.2, 0.2, 0.2, 1.5, 0.2]
    table.loc[5, ["picture_low", "picture_high"]] = 0.0  # no change in any radiograph
    assert pictured(table, 64, RULE).tolist() == ["rises", "falls", "", "", "", ""]
