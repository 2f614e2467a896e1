"""A finding that anyone can see is learnt; labels that were not assessed are no part of it; equal runs are equal."""

import numpy as np
import pytest
import torch
from scipy.ndimage import shift
from sklearn.metrics import log_loss, roc_auc_score

from diffchest.errors import DataError
from diffchest.small_cnn.training import masked_loss, shifted, standardised, train_cnn, with_both_classes
from tests.helpers.spots import SETTINGS, SIDE, spots

NAMES = ["left", "right"]


def trained_on(pictures, labels, **changes):
    return train_cnn(pictures, labels, NAMES, settings=SETTINGS.model_copy(update=changes))


def aucs(trained, seed=9):
    pictures, labels = spots(300, seed=seed)
    return roc_auc_score(labels, trained.logits(pictures), average=None)


def test_a_visible_finding_is_learnt_in_seconds():
    trained = trained_on(*spots(600))
    assert trained.logits(spots(5)[0]).shape == (5, 2)
    assert trained.logits(np.empty((0, SIDE, SIDE), np.uint8)).shape == (0, 2)
    assert min(aucs(trained)) > 0.9


def test_labels_that_were_not_assessed_do_not_count():
    """Most labels wrong teach the opposite; the wrong ones left out, all is learnt."""
    pictures, labels = spots(800)
    most = np.random.default_rng(1).random(800) < 0.7
    wrong, left_out = labels.copy(), labels.copy()
    wrong[most, 0] = 1 - wrong[most, 0]
    left_out[most, 0] = np.nan
    assert aucs(trained_on(pictures, wrong))[0] < 0.3
    assert min(aucs(trained_on(pictures, left_out))) > 0.9


def test_loss_is_that_of_scikit_learn_where_labels_are_known():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(30, 2)), (rng.random((30, 2)) < 0.5).astype(float)
    labels[:10, 1] = np.nan
    expected = sum(
        log_loss(labels[start:, column], 1 / (1 + np.exp(-logits[start:, column])), normalize=False)
        for column, start in ((0, 0), (1, 10))
    )
    found = masked_loss(torch.from_numpy(logits), torch.from_numpy(labels))
    assert found.item() == pytest.approx(expected / 60)
    given = torch.from_numpy(logits).requires_grad_()
    masked_loss(given, torch.from_numpy(labels)).backward()
    assert (given.grad[:10, 1] == 0).all()
    assert (given.grad[10:, 1] != 0).all()


def test_the_same_seed_is_the_same_network_and_another_is_another():
    pictures, labels = spots(200)
    one, same, other = (trained_on(pictures, labels, seed=seed, epochs=1) for seed in (0, 0, 1))
    weights = [{name: value.numpy().tobytes() for name, value in of.network.state_dict().items()} for of in (one, same)]
    assert weights[0] == weights[1]
    assert not np.array_equal(one.logits(pictures), other.logits(pictures))


def test_the_labels_of_one_finding_do_not_leak_into_the_names_of_another():
    pictures, labels = spots(600)
    swapped = train_cnn(pictures, labels[:, ::-1], NAMES[::-1], settings=SETTINGS)
    assert swapped.findings == ["right", "left"]
    assert min(aucs(swapped)[0], aucs(swapped)[1]) < 0.7  # each output is of the other finding
    pictures, labels = spots(300, seed=9)
    assert roc_auc_score(labels[:, ::-1], swapped.logits(pictures)) > 0.9


@pytest.mark.parametrize("most", [0, 1, 3])
def test_shifts_are_those_of_scipy(most):
    pictures = np.random.default_rng(0).integers(0, 256, (6, 12, 12), dtype=np.uint8)
    by = np.random.default_rng(1).integers(-most, most + 1, (6, 2))
    expected = [shift(picture, move, order=0, mode="nearest") for picture, move in zip(pictures, by, strict=True)]
    assert np.array_equal(shifted(pictures, by, most), expected)


def test_input_is_standardised():
    pictures, _ = spots(64)
    trained = trained_on(*spots(64), epochs=1)
    x = standardised(pictures, trained.mean, trained.sd).numpy()
    assert x.shape == (64, 1, SIDE, SIDE)
    assert x[:, 0] == pytest.approx((pictures / 255 - trained.mean) / trained.sd, abs=1e-5)
    assert (x.mean(), x.std()) == (pytest.approx(0, abs=1e-2), pytest.approx(1, abs=1e-2))


def test_pictures_without_contrast_give_finite_logits():
    _, labels = spots(64)
    trained = trained_on(np.full((64, SIDE, SIDE), 7, dtype=np.uint8), labels, epochs=1)
    assert np.isfinite(trained.logits(spots(3)[0])).all()


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_a_finding_that_lacks_a_class_is_named(value):
    pictures, labels = spots(40)
    labels[:, 1] = value
    assert with_both_classes(labels).tolist() == [True, False]
    with pytest.raises(DataError, match="small_cnn: right cannot be learnt from these 40 radiographs"):
        trained_on(pictures, labels)


def test_no_finding_at_all_is_an_error():
    with pytest.raises(DataError, match="no finding cannot be learnt"):
        train_cnn(spots(40)[0], np.empty((40, 0)), [], settings=SETTINGS)


def test_fewer_radiographs_than_a_batch():
    trained = trained_on(*spots(10), epochs=2)
    assert np.isfinite(trained.logits(spots(3)[0])).all()
