"""Work spread over processes of this machine, or over the workers of a cluster."""

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any, TypeVar

from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import get_active_backend

from diffchest.errors import DataError

T = TypeVar("T")
R = TypeVar("R")

JOBS_A_WORKER = 4  # where a cluster gives results back only all together
WAIT = 60  # seconds for the workers of a cluster to come

_on_cluster: ContextVar[bool] = ContextVar("on_cluster", default=False)


class WorkerLostError(Exception):
    """A worker process died, for want of memory or in a decoder's native code; its results so far were yielded."""


def spread(function: Callable[[T], R], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """Yield `function` of every item, in order, computed by `workers` processes (1: by this one).

    Inside `cluster` the cluster's workers compute, however many they are, unless `workers` is 1. Local processes do not
    outlive this one. Raises `WorkerLostError` when one of them dies.
    """
    jobs = (delayed(function)(item) for item in items)
    if workers > 1 and _on_cluster.get():
        yield from _on_the_cluster(jobs)
        return
    # the watch starts before a worker takes work: one that waits for a task or a lock would never come to it
    with parallel_config("loky", n_jobs=workers, initializer=_end_with, initargs=(os.getpid(),)):
        pool = Parallel(return_as="generator")
    results: Any = pool(jobs)  # joblib's annotations allow None
    try:
        yield from results
    except TerminatedWorkerError as error:
        raise WorkerLostError(str(error).splitlines()[0]) from None


def _on_the_cluster(jobs: Iterator[Any]) -> Iterator[Any]:
    """Results in order; ray gives them back only all together, so it is given a few jobs for each worker at a time."""
    backend: Any = get_active_backend()[0]  # joblib's annotations allow a sentinel
    if backend.supports_return_generator:
        results: Any = Parallel(return_as="generator")(jobs)
        yield from results
        return
    while some := list(islice(jobs, JOBS_A_WORKER * effective_n_jobs(-1))):
        yield from Parallel()(some)


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
def cluster(backend: str, scheduler: str | None = None) -> Iterator[None]:
    """Let `spread` use the workers of a cluster: `backend` dask or ray (loky: this machine's processes, as outside).

    `scheduler` is its address; None starts a cluster on this machine. Its workers must see the files under the same
    paths. Raises `DataError` when the package is not installed or no worker answers.
    """
    if backend == "loky":
        yield
        return
    connect = {"dask": _dask, "ray": _ray}[backend]
    with connect(scheduler), parallel_config(backend, n_jobs=-1):
        token = _on_cluster.set(True)
        try:
            yield
        finally:
            _on_cluster.reset(token)


@contextmanager
def _dask(scheduler: str | None) -> Iterator[None]:
    distributed = _package("distributed", extra="dask")
    try:
        client = distributed.Client(scheduler, timeout=WAIT)
        client.wait_for_workers(1, timeout=WAIT)
    except (OSError, TimeoutError, ValueError) as error:
        raise DataError(f"runtime.scheduler: no dask worker at {scheduler or 'this machine'} ({error})") from None
    with client:
        yield


@contextmanager
def _ray(scheduler: str | None) -> Iterator[None]:
    ray = _package("ray", extra="ray")
    try:
        ray.init(address=scheduler, ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise DataError(f"runtime.scheduler: no ray cluster at {scheduler} ({error})") from None
    importlib.import_module("ray.util.joblib").register_ray()
    try:
        yield
    finally:
        ray.shutdown()


def _package(name: str, *, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise DataError(
            f"runtime.backend: {extra} needs a package that is not installed; run `pip install -e '.[{extra}]'` "
            f"in the repository, or set runtime.backend to loky"
        ) from None


def _end_with(starter: int) -> None:
    """Let this worker end when process `starter` does: a killed one leaves its workers waiting for ever."""

    def watch() -> None:
        while os.getppid() == starter:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
