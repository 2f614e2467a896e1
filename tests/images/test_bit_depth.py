"""The bits of a cohort's 16-bit PNG: from many pixels of many images, never from one of one."""

import numpy as np
import pytest

from diffchest.images import bit_depth
from diffchest.images.bit_depth import brightest_values, fewest_bits
from tests.helpers.cohort_roots import jpeg, png

SCENE = np.linspace(0, 1000, 4096).reshape(64, 64).astype(np.uint16)


def test_values_of_sixteen_bit_gray_alone(tmp_path):
    bright = SCENE.copy()
    bright[0, 0] = 65535
    files = {"a.png": png(SCENE), "b.png": png(bright), "c.png": png((SCENE // 4).astype(np.uint8)), "d.png": b"none"}
    files |= {"e.jpg": jpeg(np.zeros((20, 20), np.uint8)), "f.png": png(SCENE)[:300]}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    found = brightest_values(tmp_path, [*files, "absent.png"])
    edge = np.sort(SCENE.ravel())[int(0.999 * 4095)]
    assert found[0] == edge
    assert abs(found[1] - int(edge)) <= 1
    assert len(found) == 2
    assert brightest_values(tmp_path, ["c.png"]) == []
    assert brightest_values(tmp_path, []) == []


def test_a_sample_spreads_over_the_cohort(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(bit_depth.SourceReader, "read", lambda _, source: read.append(source) or b"none")
    brightest_values(tmp_path, [str(number) for number in range(1000)])
    assert len(read) == bit_depth.LOOKED_AT
    assert (read[0], read[-1]) == ("0", "999")


@pytest.mark.parametrize(("values", "bits"), [([1023], 10), ([1024], 12), ([3, 4095], 12), ([65535], 16), ([200], 8)])
def test_fewest_bits(values, bits):
    assert fewest_bits(values) == bits
