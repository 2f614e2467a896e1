"""Too many rejected images stop the stage with the reasons."""

import pandas as pd
import pytest

from diffchest.cohorts.rejected import check_rejected
from diffchest.errors import DataError


def test_too_many_rejected_images_stop_with_the_reasons(tmp_path):
    reasons = [f"reason {number:02d}" for number in range(12)] + ["reason 05"]
    rejected = pd.DataFrame({"dataset": "a", "reason": reasons})
    check_rejected(rejected, {"a": 1300}, limit=0.01, report=tmp_path)
    with pytest.raises(DataError, match="13 of 1299 images rejected") as error:
        check_rejected(rejected, {"a": 1299}, limit=0.01, report=tmp_path)
    lines = [line for line in str(error.value).splitlines() if " x " in line]
    assert len(lines) == 10
    assert lines[0] == "  2 x reason 05"
