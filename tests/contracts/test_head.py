"""The file of a head."""

import numpy as np
import pytest

from diffchest.contracts.head import Head
from diffchest.errors import DataError


def test_head_survives_the_round_trip_in_equal_bytes(tmp_path):
    rng = np.random.default_rng(0)
    weight, bias, mean, sd, z = (rng.normal(size=size).astype(np.float32) for size in ((2, 3), 2, 3, 3, (9, 3)))
    head = Head(["common", "never"], weight, bias, mean, sd, model_sha256="abc")
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in paths:
        head.save(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = Head.load(paths[0])
    assert (again.findings, again.model_sha256) == (["common", "never"], "abc")
    np.testing.assert_array_equal(again.logits(z), head.logits(z))


def test_missing_or_foreign_head_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.safetensors.*dvc repro fit_head"):
        Head.load(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("no head at all, but long enough to be read as one")
    with pytest.raises(DataError, match="not a head"):
        Head.load(tmp_path / "text")
