"""The order of the images, and how a batch is dealt out."""

import numpy as np
import pytest

from diffchest.pretraining.order import Order, batches, is_due, micro_batches, run_length
from tests.helpers.tiny import tiny_params


@pytest.mark.parametrize(
    ("batch", "size", "processes"), [(16, 4, 2), (16, 4, 3), (5, None, 2), (1, None, 4), (7, 2, 1)]
)
def test_parts_of_a_batch_are_dealt_out_whole(batch, size, processes):
    parts = [micro_batches(range(100, 100 + batch), size, rank, processes) for rank in range(processes)]
    assert sorted(number for mine in parts for part in mine for number in part) == list(range(100, 100 + batch))
    if size:
        assert sorted((part for mine in parts for part in mine), key=lambda part: part.start) == [
            range(start, min(start + size, 100 + batch)) for start in range(100, 100 + batch, size)
        ]


def test_order_shows_every_image_once_an_epoch_wherever_it_starts():
    order = Order(10, seed=3)
    shown = order.take(range(35))
    for epoch in range(3):
        assert sorted(shown[10 * epoch : 10 * epoch + 10]) == list(range(10))
    assert (shown[:10] != shown[10:20]).any()
    np.testing.assert_array_equal(Order(10, seed=3).take(range(17, 25)), shown[17:25])


@pytest.mark.parametrize(("images_shown", "length"), [(1, 16), (160, 160), (161, 176)])
def test_every_batch_is_whole_and_the_last_one_reaches_the_end(images_shown, length):
    settings = tiny_params(pretrain={"images_shown": images_shown, "batch_size": 16}).pretrain
    found = list(batches(0, settings))
    assert [number for batch in found for number in batch] == list(range(length))
    assert {len(batch) for batch in found} == {16}
    assert run_length(settings) == length
    assert list(batches(16, settings)) == found[1:]
    assert list(batches(length, settings)) == []


@pytest.mark.parametrize(
    ("every", "length", "places"),
    [
        (12000, 30000, [750, 1500, 3000, 6000, 12000, 24000]),
        (12000, 2000, [750, 1500]),  # a short run has the first of those of a long one
        (1000, 2500, [500, 1000, 2000]),
        (998, 2500, [998, 1996]),
        (80, 200, [80, 160]),
    ],
)
def test_checkpoints_are_at_multiples_of_the_interval_and_before_the_first_at_its_halves(every, length, places):
    batches = [range(start, start + 2) for start in range(0, length, 2)]
    assert [batch.stop for batch in batches if is_due(batch, every)] == places


def test_two_checkpoints_in_one_batch_are_one():
    assert [is_due(range(start, start + 4096), 2000) for start in (0, 4096)] == [True, True]
