"""A file is there whole or not at all: after an exception, after kill -9, and for whoever reads meanwhile."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from diffchest.files.whole import whole


def write_half(path):
    with whole(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_makes_folders_and_leaves_the_file_alone(tmp_path):
    path = tmp_path / "a" / "b" / "file.txt"
    with whole(path) as partial:
        partial.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"
    assert names(tmp_path) == ["a", "b", "file.txt"]


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with path.open() as opened:
        with whole(path) as partial:
            partial.write_text("new, and longer")
            assert path.read_text() == "old"
        assert path.read_text() == "new, and longer"
        assert opened.read() == "old"


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    for before in ([], ["file.txt"]):
        with pytest.raises(KeyboardInterrupt):
            write_half(path)
        assert names(tmp_path) == before
        path.write_text("old")
    assert path.read_text() == "old"


def test_a_killed_write_leaves_the_old_file_and_the_next_one_clears_up(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    code = f"""
import os, signal
from pathlib import Path
from diffchest.files.whole import whole
with whole(Path({str(path)!r})) as partial:
    with partial.open("w") as file:
        file.write("much more than the next one writes")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt", "file.txt", "file.txt.partial"]
    with whole(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["file.txt"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    (tmp_path / "file.txt").write_text("old")
    with pytest.raises(FileNotFoundError), whole(tmp_path / "file.txt"):
        pass
    assert (tmp_path / "file.txt").read_text() == "old"


def test_writers_that_go_by_the_suffix_write_there(tmp_path):
    """`np.savez` adds `.npz` to other names, Pillow refuses them."""
    with whole(tmp_path / "arrays.npz") as partial:
        np.savez(partial, one=np.ones(3))
    with whole(tmp_path / "picture.png") as partial:
        Image.new("L", (2, 2)).save(partial)
    assert names(tmp_path) == ["arrays.npz", "picture.png"]


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: steps.append("fsync") or fsync(number))
    monkeypatch.setattr(os, "replace", lambda *names: steps.append("replace") or replace(*names))
    with whole(tmp_path / "file.txt") as partial:
        partial.write_text("content")
    assert steps == ["fsync", "replace"]


def test_it_needs_no_torch():
    code = "import sys; import diffchest.files.whole; assert not {'torch', 'numpy', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
