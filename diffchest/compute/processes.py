"""The processes of one run as `torchrun` starts them: this one alone, or one for each GPU of one or more machines."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from diffchest.compute.joining import joined
from diffchest.compute.meeting import Meeting


@dataclass(frozen=True)
class Processes:
    """This process's number among `count`; what they tell each other goes through the CPU and waits for no GPU."""

    rank: int = 0
    count: int = 1
    meeting: Meeting | None = None  # of all of them, for `wait`

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and speaks."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether `flag` is set in one of them."""
        return bool(self.sum(torch.tensor(float(flag))) > 0)

    def sum(self, values: Tensor) -> Tensor:
        """The sum of `values` over the processes, on the CPU, in float64; the same in all of them."""
        total = values.detach().to("cpu", torch.float64, copy=True)
        if self.count > 1:
            dist.all_reduce(total)
        return total

    def share(self, value: Any) -> Any:
        """What the first process gives as `value`, in all of them."""
        values = [value]
        if self.count > 1:
            dist.broadcast_object_list(values, src=0, device=torch.device("cpu"))
        return values[0]

    def wait(self) -> None:
        """Go on when all have come here, however long the work of one takes; `LostError` when one is gone."""
        if self.meeting is not None:
            self.meeting.wait()
            self.any(False)  # nobody leaves, and takes the store along, while another still looks who has come


ALONE = Processes()


@contextmanager
def launched() -> Iterator[Processes]:
    """Join the processes that `torchrun` started with this one; without it, be alone.

    When one of them ends, what the others do together next raises `RuntimeError`; torchrun stops them all, and with
    `--max-restarts` starts them anew.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = joined(rank, count)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count)
    meeting = Meeting(store, rank, count)
    try:
        yield Processes(rank, count, meeting)
    finally:
        meeting.close()
        dist.destroy_process_group()
