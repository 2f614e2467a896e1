"""The store in which the processes of one start find each other, and nothing that an earlier start left there.

`torchrun` keeps one store for all its restarts. Processes that are started anew would find in it the addresses of
those that were killed, and wait for them: restarts that came in the middle of such a search hung for half an hour. The
number of the restart does not tell them apart, since launchers count only those that they began themselves.
"""

import json
import os
import time
import uuid
from datetime import timedelta

from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import TCPStore  # pyright: ignore[reportPrivateImportUsage]: torch names it nowhere else

PATIENCE = timedelta(minutes=30)  # for a process that has not begun: machines may start minutes apart
BETWEEN_LOOKS = 0.02  # seconds


def joined(rank: int, count: int, *, patience: timedelta = PATIENCE) -> Store:
    """Return a store that is empty at first, the same for the `count` processes that are started together.

    Each shows a name that it has just drawn. The first answers with all names that it sees and one of its own, which is
    right for those that find their own name in the answer. No process of an earlier start lives: torchrun starts none
    before it has ended all. Raises `TimeoutError` when the others have not come within `patience`.
    """
    hosts = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = TCPStore(address, port, is_master=hosts, timeout=patience, wait_for_workers=False)
    name, until = uuid.uuid4().hex, time.monotonic() + patience.total_seconds()
    if rank:
        store.set(f"joining/{rank}", name)
    while time.monotonic() < until:
        if rank == 0:
            shown = [key for key in (f"joining/{other}" for other in range(1, count)) if store.check([key])]
            store.set("joining/answer", json.dumps([name, *(store.get(key).decode() for key in shown)]))
            if store.add(f"{name}/joined", 0) == count - 1:
                return PrefixStore(name, store)
        elif store.check(["joining/answer"]):
            first, *others = json.loads(store.get("joining/answer"))
            if name in others:
                store.add(f"{first}/joined", 1)
                return PrefixStore(first, store)
        time.sleep(BETWEEN_LOOKS)
    raise TimeoutError(
        f"process {rank} of {count} has waited {patience} for the others; did torchrun start on every machine, and do "
        f"all reach {address}?"
    )
