"""Manifests as written and read, and what is refused."""

import pandas as pd
import pytest

from diffchest.contracts.manifest import COHORT_ROLES, read_manifest, write_manifest
from diffchest.errors import DataError
from tests.helpers.cohort_roots import padchest, padchest_row, write_padchest


def test_manifests_are_checked(tmp_path):
    rows = [padchest_row("a.png", "1"), padchest_row("b.png", "2")]
    images = padchest(write_padchest(tmp_path, rows)).images
    write_manifest(tmp_path / "m.parquet", images, roles=COHORT_ROLES)
    pd.testing.assert_frame_equal(read_manifest(tmp_path / "m.parquet", roles=COHORT_ROLES), images)
    with pytest.raises(DataError, match="role is not one of pretrain, finetune, test"):
        read_manifest(tmp_path / "m.parquet")
    for change, message in [
        ({"image_id": "padchest/a.png"}, "image_id occurs twice"),
        ({"patient_id": "padchest/"}, "patient_id is empty"),
        ({"dataset": "chexpert"}, "dataset's name"),
    ]:
        with pytest.raises(DataError, match=message):
            write_manifest(tmp_path / "m.parquet", images.assign(**change), roles=COHORT_ROLES)
    with pytest.raises(DataError, match="not sorted"):
        write_manifest(tmp_path / "m.parquet", images.iloc[::-1], roles=COHORT_ROLES)
    with pytest.raises(DataError, match="no such file"):
        read_manifest(tmp_path / "none.parquet")
