"""Where the processes of a run wait for each other: however long the work of one takes, but not for one that is gone.

A process that ends closes its connections, and the others see that at once. A machine that loses power or network
closes nothing; without what is here its peers would wait for as long as they would for work.
"""

import os
import signal
import threading
import time

from torch.distributed.distributed_c10d import PrefixStore, Store

BEAT = 1.0  # seconds between two signs of life, and between two looks for those of the others
MOST_MISSED = 300  # looks; counted so, and not in time, a job that is suspended as a whole loses nobody


class LostError(RuntimeError):
    """A process of the run has shown no sign of life for too long."""


class Meeting:
    """Signs of life and arrivals of `count` processes, kept in the store in which they joined.

    A process whose launcher is gone, or that of the first machine, stops itself as by SIGTERM: nobody else would do it,
    and a run started anew would write into the same folder.
    """

    def __init__(
        self, store: Store, rank: int, count: int, *, beat: float = BEAT, most_missed: int = MOST_MISSED
    ) -> None:
        self._rank, self._count, self._beat, self._most_missed = rank, count, beat, most_missed
        self._store = PrefixStore("meeting", store)
        self._meetings, self._launcher, self._over = 0, os.getppid(), threading.Event()
        self._beats = threading.Thread(target=self._keep_beating, daemon=True)
        self._beats.start()

    def wait(self) -> None:
        """Go on when all have come to this meeting; `LostError` names a process that is gone."""
        self._meetings += 1
        come = f"come/{self._meetings}"
        arrived = self._store.add(come, 1)
        last, missed = [0] * self._count, [0] * self._count
        pause = 0.01
        while arrived < self._count:
            time.sleep(pause)
            pause = min(2 * pause, self._beat)
            arrived = self._store.add(come, 0)
            if pause == self._beat:
                self._look(last, missed)

    def close(self) -> None:
        """Give no more signs of life."""
        self._over.set()
        self._beats.join()

    def _look(self, last: list[int], missed: list[int]) -> None:
        """Compare everybody's signs of life with the `last`; count in `missed` how often in a row there was none."""
        for rank in range(self._count):
            beats = self._store.add(f"beats/{rank}", 0)
            missed[rank] = missed[rank] + 1 if beats == last[rank] else 0
            last[rank] = beats
            if missed[rank] >= self._most_missed:
                raise LostError(
                    f"process {rank} of {self._count} has given no sign of life for {missed[rank] * self._beat:.0f} s; "
                    "its machine or the network is gone; the same command goes on from what is saved"
                )

    def _keep_beating(self) -> None:
        while not self._over.wait(self._beat):
            try:
                self._store.add(f"beats/{self._rank}", 1)
                launched = os.getppid() == self._launcher
            except RuntimeError:  # the store is gone, and with it the launcher of the first machine
                launched = False
            if not launched:
                os.kill(os.getpid(), signal.SIGTERM)
                return
