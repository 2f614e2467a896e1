"""Work spread over processes that do not outlive the process that started them."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config

T = TypeVar("T")
R = TypeVar("R")


def spread(function: Callable[[T], R], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """Yield `function` of every item, in order, computed by `workers` processes (1: by this one)."""
    # the watch starts before a worker takes work: one that waits for a task or a lock would never come to it
    with parallel_config("loky", n_jobs=workers, initializer=_end_with, initargs=(os.getpid(),)):
        pool = Parallel(return_as="generator")
    results: Any = pool(delayed(function)(item) for item in items)  # joblib's annotations allow None
    return results


def _end_with(starter: int) -> None:
    """Let this worker end when process `starter` does: a killed one leaves its workers waiting for ever."""

    def watch() -> None:
        while os.getppid() == starter:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
