"""Twins are kept as written, and found by radiograph and finding."""

import numpy as np

from diffchest.contracts.twins import Twins


def made():
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8)
    return Twins(
        image_id=["padchest/a", "padchest/a", "padchest/b", "padchest/a"],
        finding=["goiter", "goiter", "goiter", "dai"],
        added=np.array([True, True, False, True]),
        placement=np.array([0, 2, 0, 0]),
        picture=pictures,
        mask=pictures > 100,
    )


def test_they_are_kept_as_written(tmp_path):
    made().save(tmp_path / "twins.npz")
    read = Twins.load(tmp_path / "twins.npz")
    for name, value in vars(made()).items():
        assert np.array_equal(getattr(read, name), value), name
        assert type(getattr(read, name)) is type(value), name


def test_each_has_its_own_id_and_place():
    assert made().ids == ["padchest/a|goiter|0", "padchest/a|goiter|2", "padchest/b|goiter|0", "padchest/a|dai|0"]
    assert made().rows(added=True) == {("padchest/a", "goiter"): [0, 1], ("padchest/a", "dai"): [3]}
    assert made().rows(added=False) == {("padchest/b", "goiter"): [2]}
