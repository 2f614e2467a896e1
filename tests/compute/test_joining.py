"""Processes that are started together find each other, whatever those before them left in the store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch.distributed.rendezvous import TCPStore  # pyright: ignore[reportPrivateImportUsage]: torch names it nowhere else

from diffchest.compute.joining import joined


@pytest.fixture
def kept_store(monkeypatch):
    """The store of a launcher, which stays through all restarts."""
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", str(store.port))
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    return store


def all_joined(count):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda rank: joined(rank, count), range(count)))


@pytest.mark.parametrize("count", [2, 3])
def test_each_start_has_an_empty_store_that_its_processes_share(count, kept_store):
    before = all_joined(count)
    before[0].set("address", "of a process that is killed later")
    after = all_joined(count)
    assert not any(store.check(["address"]) for store in after)
    after[-1].set("address", "new")
    assert [store.get("address") for store in after] == [b"new"] * count


@pytest.mark.parametrize("alive", [0, 1])
def test_a_start_that_was_killed_half_way_does_not_mislead_the_next(alive, kept_store):
    """One of the two came, showed its name or its answer, and was killed while it waited."""
    with pytest.raises(TimeoutError, match=rf"process {alive} of 2 has waited"):
        joined(alive, 2, patience=timedelta(seconds=0.3))
    first, second = all_joined(2)
    first.set("address", "new")
    assert second.get("address") == b"new"
