"""What is said of findings that the radiographs hardly tell apart."""

import numpy as np
import pandas as pd

from diffchest.counterfactuals.fitting import hardly_apart


def test_findings_that_few_radiographs_tell_apart_are_named_unless_one_is_a_kind_of_the_other():
    valve = np.arange(200) < 40
    labels = pd.DataFrame(
        {
            "valve": valve,
            "sternotomy": (np.arange(200) < 38) | (np.arange(200) > 150),  # 38 of the 40
            "ring": valve,
            "goiter": np.arange(200) % 2 == 0,
            "rare": np.arange(200) < 9,  # too few for anything to be said
        }
    ).astype(float)
    told = hardly_apart(labels, {"ring": ["valve"], "valve": ["ring"]})
    assert [text.split(":")[0] for text in told] == [
        "2 of 40 radiographs with 'valve' lack 'sternotomy'",
        "2 of 40 radiographs with 'ring' lack 'sternotomy'",
    ]
    assert len(hardly_apart(labels)) == 4
