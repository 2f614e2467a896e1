"""Workers that are not there or are lost, limits of the system, and how much is under way at a time."""

import errno
import itertools
import os
import sys
from concurrent.futures import Future

import pytest

from diffchest.compute import workers
from diffchest.compute.workers import AHEAD, cluster, in_order, spread
from diffchest.errors import DataError
from tests.helpers.waiting import HANG


def test_a_cluster_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(workers, "WAIT", 1)
    pytest.importorskip("distributed", reason="the optional extra `dask` is not installed")
    expected = r"runtime\.scheduler: no dask worker at tcp://127\.0\.0\.1:9"
    with pytest.raises(DataError, match=expected), cluster("dask", "tcp://127.0.0.1:9"):
        pass


def test_a_backend_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    expected = r"runtime\.backend: dask needs a package .* `pip install -e '\.\[dask\]'`"
    with pytest.raises(DataError, match=expected), cluster("dask"):
        pass


def test_a_slow_consumer_has_few_results_waiting():
    """Items are taken one by one as results leave, and come back in order; what is left at the end is cancelled."""
    futures = []

    def submit(item):
        futures.append(Future())
        if item < 12:
            futures[-1].set_result(item * item)
        return futures[-1]

    results = in_order(submit, itertools.count(), ahead=6)
    for number in range(10):
        assert next(results) == number * number
        assert len(futures) == number + 6
    results.close()
    assert [future.cancelled() for future in futures] == [False] * 12 + [True] * 3
    assert list(in_order(submit, range(5), ahead=6)) == [0, 1, 4, 9, 16]


def test_processes_take_no_more_than_their_share_ahead():
    """However fast the workers are: what is taken depends on what has been consumed alone."""
    taken = []

    def items():
        for item in range(50):
            taken.append(item)
            yield item

    results = spread(abs, items(), workers=2)
    assert next(results) == 0
    assert len(taken) == 2 * AHEAD
    assert list(results) == list(range(1, 50))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EMFILE, r"Too many open files: .*`ulimit -n 4096`.* or lower runtime\.workers"),
        (errno.EAGAIN, r"the system lets no more processes start; .*`ulimit -u`"),
        (errno.ENOMEM, r"Cannot allocate memory: memory is short; .* lower runtime\.workers"),
    ],
)
def test_a_limit_of_the_system_is_told_as_what_it_is(monkeypatch, number, words):
    """Met by a job, here or in another process, and in starting the processes."""
    for processes in (1, 2):
        with pytest.raises(DataError, match=words):
            list(spread(meet_limit, [number] * 3, workers=processes))

    def no_pool(*_, **__):
        meet_limit(number)

    monkeypatch.setattr(workers, "get_reusable_executor", no_pool)
    with pytest.raises(DataError, match=words):
        list(spread(abs, [1], workers=2))


def test_another_error_of_a_job_stays_what_it_is():
    with pytest.raises(FileNotFoundError):
        list(spread(meet_limit, [errno.ENOENT], workers=2))


def meet_limit(number):
    raise OSError(number, os.strerror(number))


def test_a_scheduler_that_is_lost_is_named(monkeypatch):
    """It ends while jobs are under way."""
    distributed = pytest.importorskip("distributed", reason="the optional extra `dask` is not installed")
    monkeypatch.setattr(workers, "WAIT", HANG)
    alone = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**alone) as started, cluster("dask", started.scheduler_address):
        results = spread(abs, itertools.count(), workers=2)
        assert next(results) == 0
        started.close()
        with pytest.raises(DataError, match=r"runtime\.scheduler: the dask scheduler .* was lost .*; start it and run"):
            list(itertools.islice(results, 1000))
