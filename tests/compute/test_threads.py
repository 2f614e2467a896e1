"""Work in slices: who computes with how many threads, and in which order results come."""

import threading

import pytest
import torch

from diffchest.compute.threads import Threads


@pytest.fixture
def allowed():
    """Set how many threads PyTorch may use, until the end of the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize(("of_all", "most", "count", "each"), [(4, 4, 4, 1), (4, 2, 2, 2), (2, 9, 2, 1), (1, 4, 1, 1)])
def test_threads_share_those_of_pytorch(of_all, most, count, each, allowed):
    allowed(of_all)
    threads = Threads(most)
    met = threading.Barrier(count)

    def who(_: int) -> tuple[str, int]:
        met.wait(60)  # all at the same time
        return threading.current_thread().name, torch.get_num_threads()

    found = threads.map(who, range(count))
    assert len({name for name, _ in found}) == threads.count == count
    assert {number for _, number in found} == {each}
    assert torch.get_num_threads() == of_all


def test_results_come_in_the_order_of_the_slices(allowed):
    allowed(2)
    last_begun = threading.Event()

    def compute(number: int) -> int:
        if number == 0:
            assert last_begun.wait(60)  # the other thread takes all the rest meanwhile
        elif number == 5:
            last_begun.set()
        return number**2

    assert Threads(2).map(compute, range(6)) == [0, 1, 4, 9, 16, 25]


def test_the_error_of_a_slice_is_raised(allowed):
    allowed(2)
    with pytest.raises(ZeroDivisionError):
        Threads(2).map(lambda number: 1 / number, [1, 0, 2])
