"""Too many rejected images stop the stage with the reasons."""

import pandas as pd
import pytest

from diffchest.cohorts.rejected import check_rejected, check_some_present
from diffchest.errors import DataError


def test_too_many_rejected_images_stop_with_the_reasons(tmp_path):
    reasons = [f"reason {number:02d}" for number in range(12)] + ["reason 05"]
    rejected = pd.DataFrame({"dataset": "a", "reason": reasons, "detail": [f"row {row}" for row in range(13)]})
    check_rejected(rejected, {"a": 1300}, limit=0.01, report=tmp_path)
    with pytest.raises(DataError, match="13 of 1299 images rejected") as error:
        check_rejected(rejected, {"a": 1299}, limit=0.01, report=tmp_path)
    lines = [line for line in str(error.value).splitlines() if " x " in line]
    assert len(lines) == 10
    assert lines[0] == "  2 x reason 05"
    assert "\n  row 0\n  row 1\n  row 2\nAll of them" in str(error.value)  # one of each reason, three at most


def test_a_cohort_without_any_image_stops_with_what_was_tried(tmp_path):
    images = pd.DataFrame({"image_id": ["a/1.png", "a/2.png"], "source": ["", ""]})
    rejected = pd.DataFrame(
        {"image_id": ["a/1.png", "a/../3.png"], "reason": ["absent", "outside"], "detail": ["x", "y"]}
    )
    about = {"dataset": "a", "root": "films", "report": tmp_path / "list.csv"}
    with pytest.raises(DataError) as error:
        check_some_present(images, rejected, **about)
    first, *rest = str(error.value).splitlines()
    assert first == "films: none of the 3 images of cohort 'a' is there, or can be used"
    assert rest == ["  1 x absent", "  1 x outside", "  x", "  y", f"All of them: {tmp_path / 'list.csv'}."]
    check_some_present(images.assign(source=["", "2.png"]), rejected, **about)
