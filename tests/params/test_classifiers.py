"""Descriptors: each mistake is named by its key, whether in params.yaml or in a file of its own."""

import pytest

from diffchest.errors import DataError
from diffchest.params.base import ParamsError, validate
from diffchest.params.classifiers import ClassifierParams, ClassifiersParams, read_descriptor
from tests.helpers.tiny_onnx import DESCRIPTOR

ONNX = {"kind": "onnx", "file": "m.onnx", **DESCRIPTOR}
COMMAND = {"kind": "command", "command": ["score", "{folder}", "{scores}"], "output": "logit", "names": ["goiter"]}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, r"classifiers\.theirs\.kind: missing; add it"),
        ({"kind": "pickle"}, r"classifiers\.theirs\.kind: .*'onnx', 'command', 'python' or 'torch'"),
        ({"kind": "onnx"}, "kind onnx needs `file`"),
        ({"kind": "python"}, "kind python needs `function`"),
        (ONNX | {"command": ["a"]}, "`command` does not go with kind onnx"),
        (ONNX | {"trusted": True}, "`trusted` does not go with kind onnx"),
        (COMMAND | {"mean": 0.5}, "`mean` does not go with kind command"),
        (COMMAND | {"command": ["score", "{folder}"]}, r"`command` has no word with \{scores\}"),
        ({"kind": "python", "function": "score"}, r"classifiers\.theirs\.function: expected a text of the form "),
        (ONNX | {"polarty": "bright_bone"}, r"classifiers\.theirs\.polarty: unknown key"),
        (ONNX | {"polarity": "bright"}, r"classifiers\.theirs\.polarity: .*'bright_bone' or 'dark_bone'"),
        (ONNX | {"range": [1.0, 0.0]}, "`range` is .*for bone that is dark set `polarity`"),
        (ONNX | {"sd": 0.0}, r"classifiers\.theirs\.sd: .*greater than 0"),
        (ONNX | {"mean": [0.1, 0.2, 0.3]}, "`mean` has 3 values, but `channels` is 1"),
        (ONNX | {"channels": 2}, r"classifiers\.theirs\.channels: .*1 or 3"),
        (ONNX | {"size": [1, 2, 3]}, r"classifiers\.theirs\.size"),
        (ONNX | {"operating_points": {"goiter": 0.1}}, "`operating_points` bend probabilities, but `output` is logit"),
        (ONNX | {"operating_points": {"goiter": 1.0}}, r"classifiers\.theirs\.operating_points\.goiter: .*less than 1"),
    ],
)
def test_mistakes_are_named(section, message):
    with pytest.raises(ParamsError, match=message):
        validate(ClassifiersParams, {"theirs": section}, source="params.yaml", keys={"theirs": "classifiers.theirs"})


@pytest.mark.parametrize("name", ["a/b", "diffchest", ""])
def test_names_that_cannot_be(name):
    with pytest.raises(ParamsError, match=r"cannot be a classifier's name|our own head is called diffchest"):
        validate(ClassifiersParams, {name: ONNX}, source="params.yaml")


def test_our_own_head_goes_by_its_name_and_needs_nothing():
    sections = validate(ClassifiersParams, {"diffchest": {"kind": "own"}}, source="params.yaml").sections
    assert sections["diffchest"].kind == "own"
    with pytest.raises(ParamsError, match="theirs: kind is own; our own head is called diffchest"):
        validate(ClassifiersParams, {"theirs": {"kind": "own"}}, source="params.yaml")
    with pytest.raises(ParamsError, match="`file` does not go with kind own"):
        validate(ClassifiersParams, {"diffchest": {"kind": "own", "file": "x.onnx"}}, source="params.yaml")


def test_classifiers_by_name():
    classifiers = validate(ClassifiersParams, {"theirs": ONNX, "other": COMMAND}, source="params.yaml")
    assert list(classifiers.sections) == ["theirs", "other"]
    assert classifiers["other"].timeout_s == 600.0
    with pytest.raises(ParamsError, match=r"classifiers\.them is not defined \(defined: theirs, other\)"):
        classifiers["them"]


def test_a_descriptor_may_be_a_file_of_its_own(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text("file: net.onnx\nsize: 8\nmean: 0.5\nnames: [goiter, null]\n")
    params = read_descriptor(path)
    assert (params.kind, params.file) == ("onnx", str(tmp_path / "net.onnx"))
    assert (params.size, params.mean, params.names) == (8, 0.5, ["goiter", None])
    assert read_descriptor(path, file=tmp_path / "b.pt2").kind == "torch"
    assert read_descriptor(None, file=tmp_path / "b.onnx").file == str(tmp_path / "b.onnx")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size: -1\nkind: onnx\nfile: a.onnx\n", r"model\.yaml: 1 problem\(s\)\n  size: .*greater than or equal to 1"),
        ("- onnx\n", r"model\.yaml: expected keys and values"),
        ("kind: [onnx\n", r"model\.yaml, line 2, column 1: not valid YAML"),
        ("kind: onnx\nfile: a.onnx\nkind: torch\n", r"model\.yaml, line 3, column 1: .*`kind` is there twice"),
        ("file: a.h5\n", r"model\.yaml: 1 problem\(s\)\n  kind: missing"),
    ],
)
def test_mistakes_in_that_file_are_named(tmp_path, text, message):
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_descriptor(tmp_path / "model.yaml")
    with pytest.raises(DataError, match="no such file"):
        read_descriptor(tmp_path / "none.yaml")


@pytest.mark.parametrize(("name", "found"), [("labels.csv", "'.csv'"), ("films", "a folder"), ("net", "''")])
def test_a_file_alone_of_no_known_suffix_is_told_with_those_that_are(tmp_path, name, found):
    (tmp_path / "films").mkdir()
    known = r"\.onnx, \.pt, \.pt2, \.pth, \.ts"
    with pytest.raises(ParamsError, match=f"{name}: expected a classifier's file that ends in {known}, found {found}"):
        read_descriptor(None, file=tmp_path / name)


def test_the_class_is_read_only():
    params = validate(ClassifierParams, ONNX, source="here")
    with pytest.raises(Exception, match="frozen"):
        params.size = 3
