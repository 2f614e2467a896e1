"""What a pass over the store finds, against NumPy on the squares themselves."""

import numpy as np
import pytest

from diffchest.images import survey as module
from diffchest.images.survey import survey
from tests.helpers.stores import SIZE, build, pixels, store_rows


@pytest.mark.parametrize("codec", ["raw", "png"])
def test_a_survey_says_what_the_squares_are(tmp_path, monkeypatch, codec):
    monkeypatch.setattr(module, "CHUNK_BYTES", 3 * SIZE**2)
    build(store_rows(tmp_path / "root"), tmp_path, codec)
    numbers = [0, 1, 2, 9, 39]
    looked = survey(tmp_path / "images.lmdb", [f"d/{number:03d}.png" for number in numbers])
    squares = [pixels(number) for number in numbers]
    np.testing.assert_allclose(looked.mean, [square.mean() for square in squares])
    assert looked.levels.tolist() == [len(np.unique(square)) for square in squares]
    expected = [np.histogram(square, bins=64, range=(0, 256))[0] / square.size for square in squares]
    np.testing.assert_allclose(looked.shares, expected)
    assert len(set(looked.digests)) == len(numbers)
    with pytest.raises(KeyError):
        survey(tmp_path / "images.lmdb", ["d/003.png"])
