"""Reading the next batches while the device works on this one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2  # items


def read_ahead(read: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Yield every item with what `read` makes of it, a thread reading `AHEAD` items ahead."""
    waiting: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        for item in items:
            waiting.append((item, thread.submit(read, item)))
            if len(waiting) > AHEAD:
                ready, result = waiting.popleft()
                yield ready, result.result()
        for ready, result in waiting:
            yield ready, result.result()
