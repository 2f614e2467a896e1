import numpy as np
import pytest

from diffchest.small_cnn.key import training_key
from tests.helpers.spots import SETTINGS, spots

PICTURES, LABELS = spots(20)
NAMES = ["left", "right"]
KEY = training_key(PICTURES, LABELS, NAMES, SETTINGS)


def test_the_same_training_has_the_same_key():
    assert training_key(PICTURES.copy(), LABELS.astype(np.float32), tuple(NAMES), SETTINGS.model_copy()) == KEY
    assert len(KEY) == 16


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 9}, {"width": 5}, {"shift": 0}])
def test_another_setting_has_another_key(change):
    assert training_key(PICTURES, LABELS, NAMES, SETTINGS.model_copy(update=change)) != KEY


def test_another_pixel_label_or_name_has_another_key():
    pictures, labels = PICTURES.copy(), LABELS.copy()
    pictures[3, 4, 5] += 1
    labels[3, 1] = np.nan
    others = [(pictures, LABELS, NAMES), (PICTURES, labels, NAMES), (PICTURES, LABELS, NAMES[::-1])]
    assert KEY not in {training_key(*given, SETTINGS) for given in others}
