"""The store: whole or not there, the same bytes however it was built, readable from any process."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import lmdb
import numpy as np
import pytest

from diffchest.compute import workers
from diffchest.compute.workers import cluster, spread
from diffchest.contracts.image_store import RECORD, ImageStore
from diffchest.errors import DataError
from diffchest.images import building, preparing, working_file
from diffchest.images.building import build_store, fingerprint, publish
from diffchest.images.preparing import StoreRow
from diffchest.images.sources import SourceReader
from tests.helpers.cohort_roots import png
from tests.helpers.stores import SIZE, build, pixels, store_rows
from tests.helpers.waiting import HANG

prepare_batch = preparing._prepare_batch


@pytest.fixture
def rows(tmp_path):
    return store_rows(tmp_path / "root")


@pytest.mark.parametrize("codec", ["raw", "png"])
def test_reads_what_was_stored(rows, tmp_path, codec):
    rejected = build(rows, tmp_path, codec)
    assert [entry.image_id for entry in rejected] == ["d/003.png", "d/006.png"]
    assert [entry.reason.split(" (")[0] for entry in rejected] == [
        "not a PNG, JPEG or DICOM file",
        "image is not there",
    ]
    store = ImageStore(tmp_path / "images.lmdb")
    assert (len(store), store.size) == (38, SIZE)
    assert store.ids() == [row.image_id for row in rows if row.image_id not in ("d/003.png", "d/006.png")]
    assert "d/000.png" in store
    assert "d/003.png" not in store
    images = store.read(["d/009.png", "d/001.png", "d/009.png"])
    np.testing.assert_array_equal(images, [pixels(9), pixels(1), pixels(9)])
    assert store.read([]).shape == (0, SIZE, SIZE)
    with pytest.raises(DataError, match=r"no image 'd/003\.png'"):
        store.read(["d/003.png"])


def test_bytes_do_not_depend_on_workers_or_interruptions(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(working_file, "COMMIT", 8)
    monkeypatch.setattr(preparing, "BATCH", 3)
    monkeypatch.setattr(preparing, "POOL_FROM", 10)
    folders = [tmp_path / name for name in ("one", "pool", "interrupted")]
    for folder in folders:
        folder.mkdir()
    expected = build(rows, folders[0])
    assert build(rows, folders[1], workers=2) == expected

    commit, commits = working_file._commit, []

    def interrupted(environment, record, chunk):
        if len(commits) == 2:
            raise KeyboardInterrupt
        commits.append(len(chunk))
        commit(environment, record, chunk)

    monkeypatch.setattr(working_file, "_commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(rows, folders[2])
    assert not (folders[2] / "images.lmdb").exists()
    prepared = []
    monkeypatch.setattr(working_file, "_commit", commit)
    prepare = preparing._prepare_batch
    monkeypatch.setattr(
        preparing, "_prepare_batch", lambda batch, **options: prepared.extend(batch) or prepare(batch, **options)
    )
    assert build(rows, folders[2]) == expected
    assert [row for row, _ in prepared] == rows[16:]
    first, *others = ((folder / "images.lmdb").read_bytes() for folder in folders)
    assert all(other == first for other in others)


def test_a_killed_build_carries_on_and_leaves_no_process(rows, tmp_path, monkeypatch):
    """kill -9 while the pool works: nothing under the final name, workers end, the next build completes it."""
    code = f"""
import time
from diffchest.images import building, preparing, working_file
working_file.COMMIT, preparing.BATCH, preparing.POOL_FROM = 8, 2, 10
commit = working_file._commit
def slow(environment, record, chunk):
    commit(environment, record, chunk)
    print("committed", flush=True)
    time.sleep({HANG})
working_file._commit = slow
rows = [preparing.StoreRow(*row) for row in {[tuple(row) for row in rows]!r}]
building.build_store(rows, building.Path({str(tmp_path / "w.lmdb")!r}), size={SIZE}, codec="raw", workers=2)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "committed\n"
    process.kill()
    process.communicate(timeout=HANG)  # returns when the last worker has closed its copy of the pipe
    monkeypatch.setattr(working_file, "COMMIT", 8)
    whole = tmp_path / "whole"
    whole.mkdir()
    assert build(rows, tmp_path) == build(rows, whole)
    assert (tmp_path / "images.lmdb").read_bytes() == (whole / "images.lmdb").read_bytes()


def test_what_could_not_be_read_is_tried_again(rows, tmp_path, capsys):
    """A disk that was away: the images it holds are stored by the next run, and the file is as if it had been there."""
    rejected = build_store(rows, tmp_path / "w.lmdb", size=SIZE, codec="raw", workers=1)
    assert [entry.image_id for entry in rejected] == ["d/003.png", "d/006.png"]
    assert build_store(rows, tmp_path / "w.lmdb", size=SIZE, codec="raw", workers=1) == rejected
    assert not capsys.readouterr().err
    (tmp_path / "root" / "006.png").write_bytes(png(pixels(6)))
    assert [entry.image_id for entry in build(rows, tmp_path)] == ["d/003.png"]
    assert "can be read now; begun anew" in capsys.readouterr().err
    np.testing.assert_array_equal(ImageStore(tmp_path / "images.lmdb").read(["d/006.png"])[0], pixels(6))
    whole = tmp_path / "whole"
    whole.mkdir()
    build(rows, whole)
    assert (tmp_path / "images.lmdb").read_bytes() == (whole / "images.lmdb").read_bytes()


def test_an_image_that_crashed_the_decoder_is_not_tried_again(rows, tmp_path, monkeypatch):
    working = tmp_path / "w.lmdb"
    monkeypatch.setattr(preparing, "_prepare_batch", lambda batch, **_: [preparing.LOST for _ in batch])
    build_store(rows[:2], working, size=SIZE, codec="raw", workers=1)
    monkeypatch.setattr(building, "prepare_image", lambda *_, **__: pytest.fail("decoded once more"))
    again = build_store(rows[:2], working, size=SIZE, codec="raw", workers=1)
    assert [entry.reason for entry in again] == [preparing.LOST] * 2


def test_bits_and_inversion_of_the_table_reach_the_pixels(tmp_path):
    """A MONOCHROME1 PNG of 12 bits in 16, as PadChest has them."""
    values = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)
    (tmp_path / "a.png").write_bytes(png(values))
    build([StoreRow("d/a", str(tmp_path), "a.png", 12, True)], tmp_path)
    stored = ImageStore(tmp_path / "images.lmdb").read(["d/a"])[0]
    np.testing.assert_array_equal(stored, np.rint((1 - values / 4095) * 255))


@pytest.mark.parametrize("remains", [b"garbage" * 900, 4096, 8192])
def test_a_damaged_working_file_is_begun_anew(rows, tmp_path, remains, capsys):
    working = tmp_path / "w.lmdb"
    build_store(rows, working, size=SIZE, codec="raw", workers=1)
    working.write_bytes(remains if isinstance(remains, bytes) else working.read_bytes()[:remains])
    assert len(build(rows, tmp_path)) == 2
    assert "begun anew" in capsys.readouterr().err
    assert len(ImageStore(tmp_path / "images.lmdb")) == 38


def test_rows_out_of_order_are_an_error(rows, tmp_path):
    with pytest.raises(ValueError, match="is not above the one before"):
        build(rows[::-1], tmp_path)


def test_a_second_build_in_the_same_folder_is_refused(tmp_path):
    code = f"from diffchest.images.building import claimed\nwith claimed(__import__('pathlib').Path({str(tmp_path)!r})): pass"
    with building.claimed(tmp_path):
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "another process builds the store; wait for it, or end it" in second.stderr
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def disks(monkeypatch):
    """The working file on another disk than `images.lmdb`."""
    replace = os.replace

    def replaced(source, target):
        if source.name == "w.lmdb":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, target)

    monkeypatch.setattr(os, "replace", replaced)


@pytest.mark.usefixtures("disks")
def test_a_disk_that_is_full_when_the_store_is_published_is_said(rows, tmp_path, monkeypatch):
    def full(source, target):
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    build_store(rows, tmp_path / "w.lmdb", size=SIZE, codec="raw", workers=1)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(DataError, match=r"images\.lmdb: cannot be written .*is the disk full"):
            publish(tmp_path / "w.lmdb", tmp_path / "images.lmdb")
    assert not list(tmp_path.glob("images.lmdb*"))
    publish(tmp_path / "w.lmdb", tmp_path / "images.lmdb")
    assert len(ImageStore(tmp_path / "images.lmdb")) == 38


def test_the_record_says_what_the_pixels_are(rows, tmp_path):
    build(rows, tmp_path, "png")
    options = {"subdir": False, "readonly": True, "lock": False}
    with lmdb.open(str(tmp_path / "images.lmdb"), **options) as environment, environment.begin() as transaction:
        record = json.loads(transaction.get(RECORD))
    assert (record["size"], record["codec"], record["images"], record["done"]) == (SIZE, "png", 38, 40)
    assert "Lanczos" in record["resize"]
    assert {len(record["params_sha256"]), len(record["rows_sha256"])} == {64}


def test_a_full_disk_stops_the_build_and_loses_nothing(rows, tmp_path, monkeypatch):
    """The limit on file size stands for the disk: writing fails in the middle, the next build carries on."""
    code = f"""
import resource, signal
from diffchest.images import building, preparing, working_file
working_file.COMMIT = 8
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (49152, 49152))
rows = [preparing.StoreRow(*row) for row in {[tuple(row) for row in rows]!r}]
building.build_store(rows, building.Path({str(tmp_path / "w.lmdb")!r}), size={SIZE}, codec="raw", workers=1)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "w.lmdb: cannot be written" in result.stderr
    assert "is the disk full? Make room and run `dvc repro` again" in result.stderr
    monkeypatch.setattr(working_file, "COMMIT", 8)
    whole = tmp_path / "whole"
    whole.mkdir()
    assert build(rows, tmp_path) == build(rows, whole)
    assert (tmp_path / "images.lmdb").read_bytes() == (whole / "images.lmdb").read_bytes()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, r"w\.lmdb: cannot be written \(No space left on device\); is the disk full\? Make room and run"),
        (errno.EACCES, r"w\.lmdb: cannot be written \(Permission denied\); mend that and run `dvc repro` again"),
    ],
)
def test_what_stops_the_writing_is_told_as_what_it_is(rows, tmp_path, monkeypatch, number, words):
    def no_file(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lmdb, "open", no_file)
    with pytest.raises(DataError, match=words):
        build(rows, tmp_path)


def test_a_worker_without_file_handles_rejects_no_image_and_is_no_full_disk(rows, tmp_path, monkeypatch):
    def no_handle(*_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(SourceReader, "_read_file", no_handle)
        with pytest.raises(DataError, match=r"^Too many open files: too many files are open; raise the limit"):
            build(rows, tmp_path)
    assert len(build(rows, tmp_path)) == 2


def test_too_little_room_is_said_before_any_work(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 10**6 - 1000, 1000))
    with pytest.raises(DataError, match=r"0\.0 GB free; make room, or set images\.codec to png"):
        build(rows, tmp_path)


def test_a_full_map_is_made_larger(rows, tmp_path, monkeypatch):
    small = tmp_path / "small"
    small.mkdir()
    expected = build(rows, tmp_path)
    opened = lmdb.open
    monkeypatch.setattr(lmdb, "open", lambda path, **options: opened(path, **{**options, "map_size": 2**15}))
    assert build(rows, small) == expected
    assert ImageStore(small / "images.lmdb").ids() == ImageStore(tmp_path / "images.lmdb").ids()


def test_an_image_that_ends_its_worker_is_rejected_alone(rows, tmp_path):
    """A crash in a decoder's native code costs one image, not the build."""
    code = f"""
import os, signal
from diffchest.images import building, preparing
preparing.BATCH, preparing.POOL_FROM = 4, 10

original = preparing._prepare_batch
def deadly(rows, **options):
    if any(row.image_id == "d/021.png" for row, _ in rows):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(rows, **options)
preparing._prepare_batch = deadly
rows = [preparing.StoreRow(*row) for row in {[tuple(row) for row in rows]!r}]
for image_id, reason in building.build_store(
    rows, building.Path({str(tmp_path / "w.lmdb")!r}), size={SIZE}, codec="raw", workers=2
):
    print(image_id, reason)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=HANG)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["d/003.png", "d/006.png", "d/021.png"]
    assert "ended the process" in lines[2]


@pytest.fixture
def dask_cluster(monkeypatch):
    """`cluster` with two dask workers, small batches, and no second try for a job that ended its worker."""
    dask = pytest.importorskip("dask", reason="the optional extra `dask` is not installed")
    distributed = pytest.importorskip("distributed", reason="the optional extra `dask` is not installed")
    monkeypatch.setattr(preparing, "BATCH", 3)
    monkeypatch.setattr(preparing, "POOL_FROM", 10)
    monkeypatch.setattr(workers, "WAIT", HANG)
    once = dask.config.set(
        {"distributed.scheduler.allowed-failures": 0, "distributed.comm.timeouts.connect": f"{HANG} s"}
    )
    with once, distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:
        yield cluster("dask", started.scheduler_address)


def test_a_dask_cluster_gives_the_same_bytes(rows, tmp_path, dask_cluster):
    folders = [tmp_path / name for name in ("here", "there")]
    for folder in folders:
        folder.mkdir()
    expected = build(rows, folders[0])
    with dask_cluster:
        assert build(rows, folders[1], workers=2) == expected
        pids = set(spread(process_id, range(20), workers=2))
    assert pids
    assert os.getpid() not in pids
    first, second = ((folder / "images.lmdb").read_bytes() for folder in folders)
    assert first == second


def test_an_image_that_ends_workers_of_a_cluster_is_rejected_alone(rows, tmp_path, monkeypatch, dask_cluster):
    monkeypatch.setattr(preparing, "_prepare_batch", deadly)
    with dask_cluster:
        rejected = build_store(rows, tmp_path / "w.lmdb", size=SIZE, codec="raw", workers=2)
    assert [entry.image_id for entry in rejected] == ["d/003.png", "d/006.png", "d/021.png"]
    assert rejected[2].reason == preparing.LOST


def deadly(rows, **options):
    """As `_prepare_batch`, but one image ends the process."""
    if any(row.image_id == "d/021.png" for row, _ in rows):
        os.kill(os.getpid(), signal.SIGKILL)
    return prepare_batch(rows, **options)


def process_id(number):
    return os.getpid()


def test_the_working_folder_changes_with_everything_the_bytes_come_from(rows, tmp_path):
    options = {"size": SIZE, "codec": "raw"}
    name = fingerprint(rows, **options)
    assert fingerprint(rows, **options) == name
    assert fingerprint(rows[1:], **options) != name
    assert fingerprint(rows, size=SIZE, codec="png") != name
    assert fingerprint([rows[0]._replace(inverted=True), *rows[1:]], **options) != name
    os.utime(tmp_path / "root" / "a.zip", (1, 1))
    assert fingerprint(rows, **options) != name
