"""Features of any encoder, from arrays and tables."""

import numpy as np
import pandas as pd
import pytest

from diffchest.baselines.features import read_features
from diffchest.errors import DataError

N = 200
IDS = [f"set/{number}" for number in range(N)]


@pytest.mark.parametrize("suffix", ["npz", "parquet", "csv"])
def test_features_are_read_from_arrays_and_tables(tmp_path, suffix):
    features, path = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32), tmp_path / f"encoder.{suffix}"
    table = pd.DataFrame(features, columns=["a", "b", "c"], index=pd.Index(IDS, name="image_id")).reset_index()
    if suffix == "npz":
        np.savez(path, image_id=np.array(IDS), features=features)
    else:
        table.to_parquet(path) if suffix == "parquet" else table.to_csv(path, index=False)
    found = read_features(path)
    assert found.index.tolist() == IDS
    np.testing.assert_allclose(found.to_numpy(), features, rtol=1e-6)
    assert found.to_numpy().dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"ids": IDS, "features": np.zeros((N, 2))}, "expected the arrays `image_id` and `features`"),
        ({"image_id": IDS, "features": np.zeros((N, 2, 2))}, r"features \(200, 2, 2\) of float64; expected \[N\]"),
        ({"image_id": IDS[1:], "features": np.zeros((N, 2))}, r"image_id is \(199,\), features \(200, 2\)"),
        ({"image_id": IDS, "features": np.full((N, 2), "a")}, "of <U1; expected"),
        ({"image_id": ["a", "b", "a"], "features": np.zeros((3, 2))}, "1 duplicated image ids, such as 'a'"),
        ({"image_id": ["a", "b"], "features": np.array([[0, np.nan]] * 2)}, "2 values are NaN or infinite"),
        ({"image_id": ["a"], "features": np.array([[1e300]])}, "1 values are NaN or infinite"),
        ({"image_id": ["a"], "features": np.zeros((1, 0))}, "1 rows of 0 numbers"),
        ({"image_id": np.array([b"\xff"]), "features": np.zeros((1, 2))}, "not a whole npz file"),
        ({"image_id": np.array([{}, {}]), "features": np.zeros((2, 2))}, "not a whole npz file of plain arrays"),
    ],
)
def test_features_that_do_not_fit_are_named(tmp_path, arrays, message):
    path = tmp_path / "encoder.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message) as caught:
        read_features(path)
    assert str(path) in str(caught.value)


def test_missing_and_damaged_features_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        read_features(tmp_path / "none.npz")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    np.savez_compressed(
        tmp_path / "flipped.npz", image_id=np.array(IDS), features=np.random.default_rng(0).random((N, 9))
    )
    damaged = bytearray((tmp_path / "flipped.npz").read_bytes())
    damaged[-6000:-5000] = bytes(1000)
    (tmp_path / "flipped.npz").write_bytes(damaged)
    for name in ("cut", "array", "flipped"):
        with pytest.raises(DataError, match=rf"{name}\.npz: (not a whole npz file|expected the arrays)"):
            read_features(tmp_path / f"{name}.npz")
