"""Where an audit may be written."""

import json

import pandas as pd
import pytest

from diffchest.audit.command.folder import FILES, OURS, check_folder, write_folder
from diffchest.errors import DataError


def test_a_new_folder_an_empty_one_and_an_earlier_audit_are_written_to(tmp_path):
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    table = pd.DataFrame({"a": [1.5]})
    check_folder(out, films)
    out.mkdir()
    check_folder(out, films)
    for text in ("first", "second"):
        check_folder(out, films)
        write_folder(out, dict.fromkeys(OURS, text), text, table, table)
        assert {path.name for path in out.iterdir()} == FILES
        assert (out / "index.html").read_text() == text
        assert json.loads((out / "audit.json").read_text())["audit_of"] == text


@pytest.mark.parametrize("name", ["index.html", "mine.txt"])
def test_what_is_not_ours_is_never_overwritten(tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(DataError, match=f"such as {name}.*name another folder with --out"):
        check_folder(tmp_path / "out", tmp_path / "films")


def test_an_earlier_audit_with_something_else_beside_it_is_left_alone(tmp_path):
    table = pd.DataFrame({"a": [1.5]})
    write_folder(tmp_path / "out", dict.fromkeys(OURS, ""), "", table, table)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"such as notes.txt"):
        check_folder(tmp_path / "out", tmp_path / "films")


def test_the_folder_of_the_radiographs_is_refused(tmp_path):
    (tmp_path / "film.png").write_bytes(b"film")
    for radiographs in (tmp_path, tmp_path / "table.csv"):
        with pytest.raises(DataError, match=r"the radiographs lie there.*; name another folder"):
            check_folder(tmp_path, radiographs)


@pytest.mark.parametrize("below", ["out", "deep/out", "deep/../out"])
@pytest.mark.parametrize("there", [False, True])
def test_a_folder_below_that_of_the_radiographs_is_refused_also_before_it_is_there(tmp_path, below, there):
    films = tmp_path / "films"
    (films / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(films)
    if there:
        (films / below).mkdir()
    for out in (films / below, tmp_path / "link" / below):
        with pytest.raises(DataError, match=r"the radiographs lie there, in .*films; name another folder with --out"):
            check_folder(out, films)


def test_a_folder_beside_a_table_that_names_radiographs_is_written_to(tmp_path):
    (tmp_path / "table.csv").write_text("image\nfilm.png\n")
    check_folder(tmp_path / "out", tmp_path / "table.csv")
    check_folder(tmp_path / "films_audit", tmp_path / "films")
