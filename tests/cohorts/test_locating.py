"""Which file a cell means: spellings of other programs, Unicode, endings; and what is nearly there."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffchest.cohorts.locating import Paths, Present, leaves


@pytest.mark.parametrize(
    "cell",
    [
        "img/a b.png",
        "  img/a b.png\t",
        "\u00a0img/a b.png",
        "./img/a b.png",
        "img//./a b.png",
        "img\\a b.png",
        ".\\img\\a b.png",
        "{root}/img/a b.png",
        "/{root}/img/../img/a b.png",
        "{link}/img/a b.png",
        "file://{root}/img/a%20b.png",
        "FILE://localhost{root}/img/a%20b.png",
        "file:{root}/img/a b.png",
        "file://img/a%20b.png",
    ],
)
def test_spellings_of_one_path(tmp_path, cell):
    root, link = tmp_path / "root", tmp_path / "link"
    root.mkdir()
    link.symlink_to(root)
    assert Paths(root).below(cell.format(root=root, link=link)) == "img/a b.png"
    assert Paths(link).below(cell.format(root=root, link=link)) == "img/a b.png"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("C:\\films\\a.png", "a drive letter of Windows"),
        ("d:/films/a.png", "a drive letter of Windows"),
        ("file:///C:/films/a.png", "a drive letter of Windows"),
        ("/elsewhere/a.png", "an absolute path outside the root"),
        ("{root}-2/a.png", "an absolute path outside the root"),
        ("\\\\server\\films\\a.png", "an absolute path outside the root"),
        ("../a.png", "a path that leads out of the root"),
        ("img/../../a.png", "a path that leads out of the root"),
        ("{root}/../a.png", "an absolute path outside the root"),
    ],
)
def test_what_leaves_the_root_is_said_in_words(tmp_path, cell, words):
    root = tmp_path / "root"
    root.mkdir()
    assert words in leaves(Paths(root).below(cell.format(root=root)), root)


def test_a_path_below_the_root_is_no_word(tmp_path):
    assert leaves("img/a.png", tmp_path) == ""


@given(st.text())
def test_no_cell_leads_out_of_the_root_unseen(cell):
    path = Paths("/films").below(cell)
    assert leaves(path, "/films") or not path or (not path.startswith("/") and ".." not in path.split("/"))


def present(root, *names, **options):
    return Present(root, {name: f"at {name}" for name in names}, **options)


def test_composed_and_decomposed_names_are_one(tmp_path):
    name = "Ger\u00e4t/Z\u00fcrich \u00c5.png"
    for there, asked in (("NFD", "NFC"), ("NFC", "NFD")):
        disk = unicodedata.normalize(there, name)
        assert present(tmp_path, disk).find(unicodedata.normalize(asked, name)) == f"at {disk}"
    both = [unicodedata.normalize(form, name) for form in ("NFD", "NFC")]
    assert present(tmp_path, *both).find(both[0]) == f"at {both[0]}"  # as it is spelled
    ohm, omega = "\u2126/\u212b.png", "\u03a9/\u00c5.png"
    assert present(tmp_path, ohm).find(omega) == f"at {ohm}"
    third = "\u2126/\u00c5.png"
    assert present(tmp_path, ohm, third).find(omega) == ""
    assert "in Unicode normalisation alone" in present(tmp_path, ohm, third).near(omega)


def test_a_name_without_ending_is_the_one_file_that_has_one(tmp_path):
    assert present(tmp_path, "img/1.png", "img/1.txt").find("img/1") == "at img/1.png"
    assert present(tmp_path, "1.2.840.113.dcm", "1.2.840.114.dcm").find("1.2.840.113") == "at 1.2.840.113.dcm"
    several = present(tmp_path, "1.png", "1.dcm")
    assert several.find("1") == ""
    assert several.near("1") == "the ending is missing, and several could be meant: '1.png', '1.dcm'"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("IMG/A.png", "'img/a.PNG' is there: upper and lower case differ"),
        ("img/a.jpg", "'img/a.PNG' is there: another ending"),
        ("img/b.png", "'img/b.tiff' is there: another ending"),
        ("img/1.2.3.dcm", "'img/1.2.3' is there: another ending"),
        ("img/c%20d.png", "'img/c d.png' is there: the name is written as in a web address"),
        ("old/sub/e.png", "'img/sub/e.png', 'e.png', 'x/e.png' and 1 more is there: another folder"),
        ("/old/img/b.png", "'img/b.tiff' is there: another folder, with another ending"),
        ("img/1.2.4.dcm", ""),
        ("img/zz.png", ""),
        ("", ""),
    ],
)
def test_what_is_near(tmp_path, name, near):
    more = ["e.png", "x/e.png", "y/e.png", "img/sub/e.png"]
    there = present(tmp_path, "img/a.PNG", "img/b.tiff", "img/1.2.3", "img/c d.png", *more, whole_paths=True)
    assert there.find(name) == ""
    assert there.near(name) == near


def test_what_else_is_there_is_asked_for_once_and_only_when_something_is_missing(tmp_path):
    asked = []
    there = present(tmp_path, "a.png", more=lambda: asked.append(1) or {"b.png": "at b.png"})
    assert there.find("a.png") == "at a.png"
    assert not asked
    assert [there.find("b"), there.near("B.png"), there.find("c")] == [
        "at b.png",
        "'b.png' is there: upper and lower case differ",
        "",
    ]
    assert asked == [1]
