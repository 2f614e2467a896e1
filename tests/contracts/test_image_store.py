"""Reading the store: from any process, and never one that is cut short or replaced."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from diffchest.contracts.image_store import ImageStore
from diffchest.errors import DataError
from tests.helpers.stores import build, store_rows
from tests.helpers.waiting import HANG


@pytest.fixture
def rows(tmp_path):
    return store_rows(tmp_path / "root")


def test_a_file_that_is_cut_short_is_refused(rows, tmp_path):
    build(rows, tmp_path)
    path = tmp_path / "images.lmdb"
    whole = path.read_bytes()
    for length in (0, 1000, 5000, len(whole) - 4096):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="run `dvc repro -f -s build_lmdb`"):
            ImageStore(path)
    path.write_bytes(whole)
    assert len(ImageStore(path)) == 38
    with pytest.raises(DataError, match="no image store there"):
        ImageStore(tmp_path / "none.lmdb")


def first_pixel(store):
    return int(store.read(["d/009.png"])[0, 0, 0])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_stores_travel_to_other_processes(rows, tmp_path, method):
    build(rows, tmp_path)
    store, second = ImageStore(tmp_path / "images.lmdb"), ImageStore(tmp_path / "images.lmdb")
    assert first_pixel(store) == first_pixel(second) == 9
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        assert pool.submit(first_pixel, store).result(timeout=HANG) == 9
    assert first_pixel(pickle.loads(pickle.dumps(store))) == 9


def test_a_replaced_store_is_read_anew(rows, tmp_path):
    build(rows, tmp_path)
    store = ImageStore(tmp_path / "images.lmdb")
    build(rows[10:], tmp_path)
    assert len(ImageStore(tmp_path / "images.lmdb")) == 30
    with pytest.raises(DataError, match="no image"):
        store.read(["d/001.png"])
