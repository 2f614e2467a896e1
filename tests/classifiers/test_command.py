"""A command gets PNG files and returns a CSV; whatever else it does is told, and nothing that it started is left."""

import os
import sys
import time

import numpy as np
import pandas as pd
import pytest

from diffchest.classifiers.command import read_scores
from diffchest.classifiers.opening import open_classifier
from diffchest.errors import DataError
from diffchest.params.classifiers import ClassifierParams
from tests.helpers.tiny_onnx import some_pictures

SCRIPT = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
from PIL import Image
folder, out = map(Path, sys.argv[1:3])
files = sorted(folder.iterdir(), reverse=True)
pictures = np.stack([np.asarray(Image.open(file)) for file in files])
assert pictures.dtype == np.uint8
table = pd.DataFrame({"image": [file.name for file in files], "dark": 255 - pictures.mean(axis=(1, 2)),
                      "goiter": pictures.mean(axis=(1, 2))})
"""
GOOD = "table.to_csv(out, index=False)\n"
FILES = ["000000.png", "000001.png"]


def opened(tmp_path, ending, *, names=("goiter", "dark"), timeout_s=60.0, **said):
    script = tmp_path / "score.py"
    script.write_text(SCRIPT + ending)
    params = ClassifierParams(
        kind="command", command=[sys.executable, str(script), "{folder}", "{scores}"], output="logit",
        names=list(names), timeout_s=timeout_s, **said,
    )  # fmt: skip
    return open_classifier(params, source="theirs")


def test_rows_and_columns_find_their_place(tmp_path):
    """The command writes them in another order than they are asked for."""
    pictures = some_pictures(4)
    found = opened(tmp_path, GOOD).logits(pictures)
    mean = pictures.mean(axis=(1, 2))
    np.testing.assert_allclose(found, np.stack([mean, 255 - mean], axis=1), rtol=1e-6)


def test_pictures_are_turned_round_and_scaled_where_the_descriptor_says(tmp_path):
    pictures = some_pictures(2)
    dark = opened(tmp_path, GOOD, polarity="dark_bone").logits(pictures)
    np.testing.assert_allclose(dark[:, 1], pictures.mean(axis=(1, 2)), rtol=1e-6)
    ending = "assert pictures.shape[1:] == (16, 16), pictures.shape\n" + GOOD
    assert opened(tmp_path, ending, size=16, resize="bilinear").logits(pictures).shape == (2, 2)


def test_the_identity_changes_with_the_script(tmp_path):
    first = opened(tmp_path, GOOD)
    assert str(tmp_path / "score.py") in first.files
    assert opened(tmp_path, GOOD).sha256 == first.sha256
    assert opened(tmp_path, GOOD + "\n").sha256 != first.sha256
    assert opened(tmp_path, GOOD, polarity="dark_bone").sha256 != first.sha256


def test_a_command_that_fails_shows_what_it_said_last(tmp_path):
    ending = "print('\\n'.join(map(str, range(50))))\nraise SystemExit('no licence found')\n"
    with pytest.raises(
        DataError, match=r"failed with exit code 1\. It said last:\n(  .*\n)+  no licence found"
    ) as error:
        opened(tmp_path, ending).logits(some_pictures(2))
    assert str(error.value).count("\n") <= 13


def test_a_command_that_hangs_is_stopped_with_all_that_it_started(tmp_path):
    pid = tmp_path / "pid"
    ending = (
        "import subprocess, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"Path({str(pid)!r}).write_text(str(child.pid))\nprint('waiting for a GPU', flush=True)\ntime.sleep(600)\n"
    )
    started = time.monotonic()
    with pytest.raises(
        DataError, match=r"did not end within 8 s and was stopped; raise `timeout_s`.*\n  waiting for a"
    ):
        opened(tmp_path, ending, timeout_s=8.0).logits(some_pictures(2))
    assert time.monotonic() - started < 60
    assert not alive(int(pid.read_text()))


def test_a_child_that_a_command_leaves_behind_is_stopped_too(tmp_path):
    pid = tmp_path / "pid"
    ending = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"Path({str(pid)!r}).write_text(str(child.pid))\n" + GOOD
    )
    assert opened(tmp_path, ending).logits(some_pictures(2)).shape == (2, 2)
    assert not alive(int(pid.read_text()))


def alive(pid: int) -> bool:
    """Whether a process runs: one that was killed may stay as a zombie until its parent looks."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as file:
                state = file.read().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return False
        if state in "ZX":
            return False
        time.sleep(0.05)
    return True


def test_a_program_that_is_not_there_is_named():
    params = ClassifierParams(
        kind="command", command=["no-such-program", "{folder}", "{scores}"], output="logit", names=["goiter"]
    )
    with pytest.raises(DataError, match=r"cannot run 'no-such-program' \(No such file or directory\)"):
        open_classifier(params, source="theirs").logits(some_pictures(1))


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        ("", "ended well, but wrote no scores to {scores}"),
        ("out.write_bytes(b'\\x00\\xff\\xfe')\n", "its scores are no CSV"),
        ("out.write_text('')\n", "its scores are no CSV"),
    ],
)
def test_a_command_that_writes_no_table_is_told(tmp_path, ending, message):
    with pytest.raises(DataError, match=message):
        opened(tmp_path, ending).logits(some_pictures(2))


def table(tmp_path, text, names=("goiter", "dark")):
    (tmp_path / "scores.csv").write_text(text)
    return read_scores(tmp_path / "scores.csv", FILES, names, source="theirs")


def test_names_of_pictures_may_lack_their_suffix_or_have_a_folder(tmp_path):
    found = table(tmp_path, "image,goiter,dark\n/tmp/x/000001.png,3,4\n000000,1,2\n")
    np.testing.assert_array_equal(found, [[1, 2], [3, 4]])


def test_an_output_without_a_name_needs_no_column(tmp_path):
    found = table(tmp_path, "image,goiter\n000000.png,1\n000001.png,2\n", names=["goiter", None])
    np.testing.assert_array_equal(found, [[1, 0], [2, 0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,goiter,dark\n000000.png,1,2\n", r"1 rows for 2 pictures: 1 missing, the first is '000001\.png'"),
        ("image,goiter,dark\n000000.png,1,2\n000001.png,1,2\n000000.png,1,2\n", r"1 twice, the first is '000000\.png'"),
        ("image,goiter,dark\n000000.png,1,2\n000001.png,1,2\nb.png,1,2\n", r"1 of no picture that was given.*'b\.png'"),
        ("image,goiter\n000000.png,1\n000001.png,2\n", r"other names: missing \['dark'\], unknown none"),
        ("image,goiter,dark,x\n000000.png,1,2,3\n000001.png,1,2,3\n", r"missing none, unknown \['x'\]"),
        ("image,Goiter,dark\n000000.png,1,2\n", r"missing \['goiter'\], unknown \['Goiter'\]"),
        ("file,goiter,dark\n000000.png,1,2\n", r"no column 'image' \(found file, goiter, dark\)"),
        ("image,goiter,dark\n000000.png,1,nan\n000001.png,1,2\n", r"1 score\(s\) of 'dark' are no finite numbers.*nan"),
        ("image,goiter,dark\n000000.png,1,2\n000001.png,high,2\n", r"of 'goiter' .*'high' for 000001\.png"),
        ("image,goiter,dark\n000000.png,1,inf\n000001.png,1,2\n", r"1 score\(s\) of 'dark' are no finite"),
        (
            "image,label,score\n000000.png,goiter,0.9\n000000.png,dark,0.1\n",
            r"long form \(columns image, label, score\): .*perhaps the best few alone.*top_k=None",
        ),
    ],
)
def test_tables_that_are_not_what_was_asked_for(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        table(tmp_path, text)


def test_pandas_writes_what_is_read(tmp_path):
    frame = pd.DataFrame({"image": FILES, "goiter": [0.1, 1e-9], "dark": [1, 2]})
    np.testing.assert_array_equal(table(tmp_path, frame.to_csv(index=False)), frame[["goiter", "dark"]].to_numpy())
