"""A descriptor is made whole by what files say; it goes before them, and must agree with the graph."""

import json

import pytest

from diffchest.classifiers.described import WHERE, describe
from diffchest.classifiers.onnx_graph import read_graph
from diffchest.errors import DataError
from diffchest.params.base import ParamsError
from diffchest.params.classifiers import ClassifierParams
from tests.helpers.tiny_onnx import DESCRIPTOR, linear_onnx

FROM_ITS_SHAPE = {"size", "channels", "layout"}


@pytest.fixture
def path(tmp_path):
    linear_onnx(tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def described(path, **said):
    params = ClassifierParams(kind="onnx", file=str(path), **said)
    return describe(params, source="theirs", graph=read_graph(path))


def without(*fields):
    return {key: value for key, value in DESCRIPTOR.items() if key not in fields}


def test_what_the_descriptor_says_counts(path):
    found = described(path, **DESCRIPTOR)
    assert (found.picture.size, found.picture.resize, found.picture.polarity) == ((8, 8), "bilinear", "bright_bone")
    assert (found.pixels.range, found.pixels.mean, found.pixels.sd) == ((-1.0, 1.0), (0.0,), (1.0,))
    assert (found.outputs.kind, found.outputs.called, found.read_from) == ("logit", ["goiter", "pacemaker"], {})


@pytest.mark.parametrize("field", sorted(set(DESCRIPTOR) - FROM_ITS_SHAPE))
def test_a_missing_field_is_named_with_where_it_can_be_read(path, field):
    with pytest.raises(ParamsError) as error:
        described(path, **without(field))
    assert str(error.value) == (
        f"theirs: 1 field(s) are missing, and no file says them; add to the descriptor\n  {field}: {WHERE[field]}"
    )


def test_all_missing_fields_are_named_at_once(path):
    with pytest.raises(ParamsError, match=r"6 field\(s\) are missing"):
        described(path, names=["goiter", "pacemaker"])


def test_shape_says_size_channels_and_layout(path):
    found = described(path, **without(*FROM_ITS_SHAPE))
    assert (found.picture.size, found.pixels.channels, found.pixels.layout) == ((8, 8), 1, "NCHW")
    assert set(found.read_from.values()) == {f"{path}, shape of its input"}


def test_metadata_say_what_is_left_out_and_the_descriptor_wins(path):
    linear_onnx(path, metadata={**DESCRIPTOR, "range": [0.0, 1.0], "training": "other metadata of ours"})
    found = described(path)
    assert (found.pixels.range, found.outputs.called) == ((0.0, 1.0), ["goiter", "pacemaker"])
    assert found.read_from["range"] == f"{path}, metadata"
    assert described(path, range=[0.0, 255.0]).pixels.range == (0.0, 255.0)
    assert "range" not in described(path, range=[0.0, 255.0]).read_from


def test_a_value_in_the_metadata_that_cannot_be_is_named_with_the_file(path):
    linear_onnx(path, metadata={**DESCRIPTOR, "polarity": "both"})
    with pytest.raises(ParamsError, match=r"theirs with .*m\.onnx, metadata: 1 problem\(s\)\n  polarity: .*'both'"):
        described(path)


def test_metadata_go_before_files_beside(path):
    (path.parent / "config.json").write_text(json.dumps({"id2label": {"1": "b", "0": "a"}}))
    assert described(path, **without("names")).outputs.called == ["a", "b"]
    linear_onnx(path, metadata={"names": ["c", "d"]})
    assert described(path, **without("names")).outputs.called == ["c", "d"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"names": ["a", "b", "c"]}, r"names has 3 outputs, but .*m\.onnx puts out 'scores' FLOAT \[\?, 2\]"),
        ({"channels": 3}, r"channels is 3 \(layout NCHW\), but .* takes 'x' FLOAT \[\?, 1, 8, 8\]"),
        ({"layout": "NHWC"}, r"channels is 1 \(layout NHWC\), but .* takes 'x'"),
        ({"size": 16}, r"size is \[16, 16\] \(layout NCHW\), but .* takes 'x' FLOAT \[\?, 1, 8, 8\]"),
        ({"size": 16, "crop": 12}, r"crop is \[12, 12\]"),
    ],
)
def test_contradictions_with_the_graph_are_told(path, said, message):
    with pytest.raises(DataError, match=message):
        described(path, **{**DESCRIPTOR, **said})


def test_a_crop_is_what_the_graph_takes(path):
    assert described(path, **{**DESCRIPTOR, "size": 10, "crop": 8}).picture.final == (8, 8)
    with pytest.raises(ParamsError, match="size: the side"):
        described(path, **without("size"), crop=8)


def test_a_size_that_is_not_square_needs_a_fit(tmp_path):
    said = {**DESCRIPTOR, "size": [8, 16], "file": str(tmp_path / "p.pt"), "kind": "torch"}
    with pytest.raises(ParamsError, match="fit: how a picture was brought"):
        describe(ClassifierParams(**said), source="theirs")
    assert describe(ClassifierParams(**said, fit="pad"), source="theirs").picture.fit == "pad"


def test_commands_and_functions_need_names_and_what_they_are(tmp_path):
    """The picture as it is, unless a size is said."""
    asked = {"kind": "python", "function": "a:b"}
    with pytest.raises(ParamsError, match=r"2 field\(s\) are missing, .*\n  output: .*\n  names: "):
        describe(ClassifierParams(**asked), source="theirs")
    found = describe(ClassifierParams(**asked, output="logit", names=["a"]), source="theirs")
    assert (found.pixels, found.picture.size, found.picture.polarity) == (None, None, "bright_bone")
    with pytest.raises(ParamsError, match="resize: the filter"):
        describe(ClassifierParams(**asked, output="logit", names=["a"], size=224), source="theirs")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"findings": {"Goiter": "goiter"}},
            "findings names 'Goiter', which is no output; there are goiter, pacemaker",
        ),
        ({"thresholds": {"x": 0.5}}, "thresholds names 'x', which is no output"),
        ({"names": ["goiter", "goiter"]}, "two outputs are called 'goiter'"),
        ({"findings": {"pacemaker": "goiter"}}, "two outputs are called 'goiter'"),
        ({"names": [None, ""]}, "none of the 2 outputs has a name"),
        (
            {"output": "probability", "operating_points": {"goiter": 0.1}},
            "none for 'pacemaker'.*always 0.5: give it null",
        ),
        ({"output": "probability", "operating_points": {"x": 0.1}}, "operating_points names 'x'"),
    ],
)
def test_names_that_do_not_fit_together_are_told(path, said, message):
    with pytest.raises(ParamsError, match=message):
        described(path, **{**DESCRIPTOR, **said})


def test_untrained_outputs_have_no_name(path):
    found = described(path, **{**DESCRIPTOR, "names": ["", "pacemaker"], "findings": {"pacemaker": "dai"}})
    assert (found.outputs.names, found.outputs.called) == ((None, "pacemaker"), ["dai"])
