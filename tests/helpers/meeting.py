"""Two processes that `torchrun` started and that meet; the second one is late, suspended, or both wait to be orphans.

python -m tests.helpers.meeting late|suspended|orphans <folder>
"""

import os
import signal
import sys
import time
from pathlib import Path

import torch.distributed as dist

from diffchest.compute.joining import joined
from diffchest.compute.meeting import Meeting
from tests.helpers.waiting import HANG

BEAT, MOST_MISSED = 0.1, 20  # 2 seconds

if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2])
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = joined(rank, count)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=count)
    meeting = Meeting(store, rank, count, beat=BEAT, most_missed=MOST_MISSED)
    meeting.wait()
    (folder / f"met_{dist.get_rank()}").write_text(str(os.getpid()))
    if what == "orphans":
        time.sleep(HANG)
    if dist.get_rank() == 1 and what == "suspended":
        os.kill(os.getpid(), signal.SIGSTOP)
    if dist.get_rank() == 1 and what == "late":
        time.sleep(3 * BEAT * MOST_MISSED)
    meeting.wait()
    dist.barrier()  # the store stays until both have seen it
    (folder / f"met_again_{dist.get_rank()}").touch()
    meeting.close()
    dist.destroy_process_group()
