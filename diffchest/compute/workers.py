"""Work spread over processes of this machine, or over the workers of a cluster."""

import errno
import importlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from joblib.externals.loky import ProcessPoolExecutor, cpu_count, get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from diffchest.errors import DataError

T = TypeVar("T")
R = TypeVar("R")
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
AHEAD = 3  # jobs a worker has at a time, done ones that wait for a slow consumer among them: memory stays small
IDLE = 300  # seconds after which a worker without work ends
WAIT = 60  # seconds for the workers of a cluster to come
THREADS = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "NUMBA")  # libraries with a variable <NAME>_NUM_THREADS
LIMITS = {
    errno.EMFILE: "too many files are open; raise the limit (`ulimit -n 4096`), or lower runtime.workers",
    errno.ENFILE: "too many files are open on this machine; end other programs, or lower runtime.workers",
    errno.EAGAIN: "the system lets no more processes start; raise the limit (`ulimit -u`), or lower runtime.workers",
    errno.ENOMEM: "memory is short; end other programs, or lower runtime.workers",
}
_by_cluster: ContextVar[Spread | None] = ContextVar("by_cluster", default=None)


class WorkerLostError(Exception):
    """A worker process died, for want of memory or in a decoder's native code; its results so far were yielded."""


def spread(function: Callable[[T], R], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """Yield `function` of every item, in order, computed by `workers` processes (1: by this one).

    At most `AHEAD` items a worker are taken before their results are, however slow the consumer. Inside `cluster` the
    cluster's workers compute, however many they are, unless `workers` is 1. Local processes do not outlive this one.
    Raises `WorkerLostError` when one of them dies, and `DataError` when the system lets no process start or no file
    be opened, or when the cluster is lost.
    """
    by_cluster = _by_cluster.get()
    with _limits_told():
        if workers == 1:
            yield from map(function, items)
        elif by_cluster is not None:
            yield from by_cluster(function, items)
        else:
            yield from _by_processes(function, items, workers)


def _by_processes(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    # the watch starts before a worker takes work: one that waits for a task or a lock would never come to it
    pool = get_reusable_executor(
        workers, timeout=IDLE, initializer=_end_with, initargs=(os.getpid(),), env=_few_threads(workers)
    )
    try:
        yield from in_order(lambda item: pool.submit(function, item), items, ahead=AHEAD * workers)
    except TerminatedWorkerError as error:
        raise WorkerLostError(str(error).splitlines()[0]) from None
    except BrokenProcessPool as error:
        reason = str(error.__cause__ or error).strip().splitlines()[-1]
        raise DataError(f"the worker processes cannot take up work ({reason}); run again") from None


def in_order(submit: Callable[[T], Any], items: Iterable[T], *, ahead: int) -> Iterator[Any]:
    """Yield the results of the futures that `submit` makes of `items`, in order, with at most `ahead` of them there.

    Those that are left when the consumer ends early are cancelled.
    """
    under_way: deque[Any] = deque()
    try:
        for item in items:
            under_way.append(submit(item))
            if len(under_way) >= ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()


def apart(function: Callable[[T], R], items: Iterable[T], *, lost: Callable[[T], R]) -> Iterator[R]:
    """Yield `function` of every item, each computed alone in a process; `lost(item)` where the process died of it."""
    remaining = list(items)[::-1]
    while remaining:
        with (
            _limits_told(),
            ProcessPoolExecutor(max_workers=1, initializer=_end_with, initargs=(os.getpid(),)) as pool,
        ):
            try:
                while remaining:
                    yield pool.submit(function, remaining[-1]).result()
                    remaining.pop()
            except TerminatedWorkerError:
                yield lost(remaining.pop())


@contextmanager
def _limits_told() -> Iterator[None]:
    """Turn a limit of the system that starting a process or opening a file met into words."""
    try:
        yield
    except OSError as error:
        if error.errno not in LIMITS:
            raise
        raise DataError(f"{os.strerror(error.errno)}: {LIMITS[error.errno]}") from None


def _few_threads(workers: int) -> dict[str, str]:
    """Environment of the workers in which numerical libraries share the cores, where it does not say otherwise."""
    share = str(max(1, cpu_count() // workers))
    return {name: os.environ.get(name, share) for name in (f"{library}_NUM_THREADS" for library in THREADS)}


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

    def submitted(function: Callable[[T], R], item: T) -> Any:
        if client.status != "running":  # a job that no scheduler takes would be waited for without end
            raise CancelledError("the connection is closed")
        return client.submit(function, item, pure=False)

    def by_dask(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        ahead = AHEAD * sum(client.nthreads().values())
        try:
            yield from in_order(lambda item: submitted(function, item), items, ahead=ahead)
        except distributed.scheduler.KilledWorker as error:
            raise WorkerLostError(str(error).splitlines()[0]) from None
        except (CancelledError, distributed.comm.CommClosedError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                f"runtime.scheduler: the dask scheduler {client.scheduler.addr} was lost ({reason}); start it and run "
                "again, or set runtime.backend to loky"
            ) from None

    with client:
        yield by_dask


def _end_with(starter: int) -> None:
    """Let this worker end when process `starter` does: a killed one leaves its workers waiting for ever."""

    def watch() -> None:
        while os.getppid() == starter:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
