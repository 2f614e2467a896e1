"""Twins are kept as written, and found by radiograph and finding."""

import numpy as np
import pytest
from scipy.spatial.distance import cosine as cosine_distance

from diffchest.contracts.twins import Twins, cosine


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


def test_cosine_of_vectors():
    assert cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(np.sqrt(0.5))
    assert cosine(np.zeros(2), np.ones(2)) == 0
    assert cosine(np.array([-3.0, 0.0]), np.array([2.0, 0.0])) == pytest.approx(-1)


def test_nearest_is_the_one_whose_change_points_the_same_way():
    original, picture = np.random.default_rng(1).integers(0, 256, (2, 8, 8), dtype=np.uint8)
    twins = made()

    def changes(of):
        return (of.astype(float) - original).ravel()

    expected = {row: 1 - cosine_distance(changes(picture), changes(twins.picture[row])) for row in (0, 1, 3)}
    row, value = twins.nearest([0, 1, 3], original, picture)
    assert row == max(expected, key=lambda each: expected[each])
    assert value == pytest.approx(expected[row])
    assert twins.nearest([1], original, twins.picture[1]) == (1, pytest.approx(1.0))
    assert twins.nearest([3, 0], original, original) == (3, 0.0)  # nothing is changed
