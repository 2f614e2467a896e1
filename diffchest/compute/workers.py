"""Work spread over processes of this machine, or over the workers of a cluster."""

import importlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from diffchest.errors import DataError

T = TypeVar("T")
R = TypeVar("R")
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
AHEAD = 3  # jobs a worker has at a time: what is done and waits for a slow consumer stays small
WAIT = 60  # seconds for the workers of a cluster to come
_by_cluster: ContextVar[Spread | None] = ContextVar("by_cluster", default=None)


class WorkerLostError(Exception):
    """A worker process died, for want of memory or in a decoder's native code; its results so far were yielded."""


def spread(function: Callable[[T], R], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """Yield `function` of every item, in order, computed by `workers` processes (1: by this one).

    Inside `cluster` the cluster's workers compute, however many they are, unless `workers` is 1. Local processes do not
    outlive this one. Raises `WorkerLostError` when one of them dies.
    """
    by_cluster = _by_cluster.get()
    if workers > 1 and by_cluster is not None:
        yield from by_cluster(function, items)
        return
    # the watch starts before a worker takes work: one that waits for a task or a lock would never come to it
    with parallel_config("loky", n_jobs=workers, initializer=_end_with, initargs=(os.getpid(),)):
        pool = Parallel(return_as="generator")
    results: Any = pool(delayed(function)(item) for item in items)  # joblib's annotations allow None
    try:
        yield from results
    except TerminatedWorkerError as error:
        raise WorkerLostError(str(error).splitlines()[0]) from None


def apart(function: Callable[[T], R], items: Iterable[T], *, lost: Callable[[T], R]) -> Iterator[R]:
    """Yield `function` of every item, each computed alone in a process; `lost(item)` where the process died of it."""
    remaining = list(items)[::-1]
    while remaining:
        with ProcessPoolExecutor(max_workers=1, initializer=_end_with, initargs=(os.getpid(),)) as pool:
            try:
                while remaining:
                    yield pool.submit(function, remaining[-1]).result()
                    remaining.pop()
            except TerminatedWorkerError:
                yield lost(remaining.pop())


@contextmanager
def cluster(backend: Literal["loky", "dask"], scheduler: str | None = None) -> Iterator[None]:
    """Let `spread` use the workers of a dask cluster (loky: this machine's processes, as outside).

    `scheduler` is its address; None starts a cluster on this machine. Its workers must see the files under the same
    paths. Raises `DataError` when the package is not installed or no worker answers.
    """
    if backend == "loky":
        yield
        return
    with _dask(scheduler) as by_cluster:
        token = _by_cluster.set(by_cluster)
        try:
            yield
        finally:
            _by_cluster.reset(token)


@contextmanager
def _dask(scheduler: str | None) -> Iterator[Spread]:
    """By dask itself: joblib's backend for it waits for ever where a job ended its worker."""
    try:
        distributed = importlib.import_module("distributed")  # an extra, without types
    except ImportError:
        raise DataError(
            "runtime.backend: dask needs a package that is not installed; run `pip install -e '.[dask]'` in the "
            "repository, or set runtime.backend to loky"
        ) from None
    try:
        client = distributed.Client(scheduler, timeout=WAIT)
        client.wait_for_workers(1, timeout=WAIT)
    except (OSError, TimeoutError, ValueError) as error:
        raise DataError(f"runtime.scheduler: no dask worker at {scheduler or 'this machine'} ({error})") from None

    def by_dask(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        under_way: deque[Any] = deque()
        ahead = AHEAD * sum(client.nthreads().values())
        try:
            for item in items:
                under_way.append(client.submit(function, item, pure=False))
                if len(under_way) >= ahead:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except distributed.scheduler.KilledWorker as error:
            raise WorkerLostError(str(error).splitlines()[0]) from None

    with client:
        yield by_dask


def _end_with(starter: int) -> None:
    """Let this worker end when process `starter` does: a killed one leaves its workers waiting for ever."""

    def watch() -> None:
        while os.getppid() == starter:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
