"""Every YAML file is read by one reader: what is wrong in it is told by file, line and column."""

import itertools

import pytest
from ruamel.yaml import YAML

from diffchest.errors import DataError
from diffchest.files.yaml import editable, editable_text, parse_yaml, read_mapping, shown
from tests.helpers.repository import ROOT

LETTERS = "abcdefghi"
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in itertools.pairwise(LETTERS)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"split:\n\tseed: 3\n", r"case\.yaml, line 2, column 1: not valid YAML: a tab; .*spaces\n  \\tseed: 3$"),
        (b"split:\n  seed:\t3\n", r"line 2, column 8: .*a tab"),
        (b"split: {seed: 1}\nsplit: {seed: 2}\n", r"line 2, column 1: .*key `split` is there twice; keep one"),
        (b"a:\n  b: {c: 1, d: 2, c: 3}\n", r"line 2, column 19: .*key `c` is there twice"),
        (b"x:\r\n  a: 1\r\n  a: 1\r\n", r"line 3, column 3: .*key `a` is there twice"),
        (b"- a\n", r"case\.yaml: expected keys and values, .*found \['a'\]"),
        (b"# nothing\n", r"case\.yaml: holds no keys"),
        (b"1: x\n", r"the key 1 is no name"),
        (b"a: 1\n---\nb: 2\n", r"line 2, column 1: .*expected a single document"),
        (b"a: [1,\n", r"line 2, column 1: not valid YAML"),
        (b"a: {b: [1\nc: 2}\n", r"line 2, column 2: .*bracket opened in line 1 is not closed"),
        (b'a: "b\nc: 2\n', r"line 3, column 1: .*quotation mark opened in line 1 is not closed"),
        (b"a:\n    b: 1\n   c: 2\n", r"line 3, column 4: .*indented otherwise than the keys above it; .*\n     c: 2$"),
        (b"a: b: c\n", r"line 1, column 5: .*second `:`"),
        (b"a: @b\n", r"line 1, column 4: .*needs quotation marks"),
        (b"a: !!python/object:os.system x\n", r"line 1, column 4: .*tag"),
        (b"a: *b\n", r"line 1, column 4: .*undefined alias"),
        (b"a: &a [*a]\n", "contains itself"),
        (b"[" * 600, "nested too deeply"),
        (BOMB.encode(), "aliases .* make more than 100,000 values"),
        (b"a: 2020-13-45\n", r"case\.yaml: not valid YAML: month"),
        ("a: 1\nb: Neumotórax\n".encode("latin-1"), r"line 2, column 10: not UTF-8 \(byte 0xf3\)"),
        ("a: ó\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
        (b"a: 1\nb: \x00\n", r"line 2, column 4: a character that no text has \(#x0000\)"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path, content, message):
    (tmp_path / "case.yaml").write_bytes(content)
    with pytest.raises(DataError, match=message) as told:
        read_mapping(tmp_path / "case.yaml")
    assert len(str(told.value).splitlines()) <= 2


def test_a_whole_file_is_read_as_dvc_reads_it(tmp_path):
    """Against the parser alone; a byte order mark is no part of the first key."""
    text = "a: 1e-4\nb: &b [yes, 012, ó]\nc: *b\nd: {<<: {e: 1}, e: 2}\n"
    (tmp_path / "case.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_mapping(tmp_path / "case.yaml") == YAML(typ="safe").load(text)
    assert read_mapping(tmp_path / "case.yaml")["a"] == 0.0001


def test_what_is_edited_keeps_its_comments():
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    content = editable(text, source="params.yaml")
    content["probe"]["fraction"] = 0.5
    written = editable_text(content)
    assert "# of the fine-tuning patients; fractions are nested" in written
    before, after = parse_yaml(text, source="params.yaml"), parse_yaml(written, source="params.yaml")
    assert after == before | {"probe": before["probe"] | {"fraction": 0.5}}
    with pytest.raises(DataError, match=r"case, line 1, column 4: .*tag"):
        editable("a: !odd x\n", source="case")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "nothing (null)"), (True, "true"), ({"a": [1, None]}, "{a: [1, nothing (null)]}"), ("x", "'x'")],
)
def test_values_are_shown_as_yaml_has_them(value, text):
    assert shown(value) == text
    assert len(shown(["a" * 50] * 50)) == 100
