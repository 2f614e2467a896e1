"""Workers that are not there, and what to install."""

import sys

import pytest

from diffchest.compute import workers
from diffchest.compute.workers import cluster
from diffchest.errors import DataError


def test_a_cluster_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(workers, "WAIT", 1)
    pytest.importorskip("distributed", reason="the optional extra `dask` is not installed")
    expected = r"runtime\.scheduler: no dask worker at tcp://127\.0\.0\.1:9"
    with pytest.raises(DataError, match=expected), cluster("dask", "tcp://127.0.0.1:9"):
        pass


def test_a_backend_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    expected = r"runtime\.backend: dask needs a package .* `pip install -e '\.\[dask\]'`"
    with pytest.raises(DataError, match=expected), cluster("dask"):
        pass
