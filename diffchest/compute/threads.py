"""Work on a CPU in slices, each computed by one thread from beginning to end.

PyTorch otherwise divides every operation among its threads, which wait for each other at its end, thousands of times a
second and spinning: beside another busy program, where one of them has to wait for its core, both stand still. Here
threads meet once a batch, and a core that is taken leaves its slices to the other.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


class Threads:
    """Up to `most` threads, which share the threads that PyTorch may use (`torch.get_num_threads()`) evenly."""

    def __init__(self, most: int) -> None:
        allowed = torch.get_num_threads()
        self.count = max(1, min(allowed, most))
        # what a thread sets is its own: this one keeps its number
        self._pool = ThreadPoolExecutor(
            self.count, "slices", initializer=torch.set_num_threads, initargs=(allowed // self.count,)
        )

    def map(self, compute: Callable[[T], R], slices: Iterable[T]) -> list[R]:
        """What `compute` makes of each slice, in their order; the first error of one of them is raised."""
        return list(self._pool.map(compute, slices))
