"""Files of Hugging Face and MONAI beside a classifier, written as those projects write them."""

import json

import pytest

from diffchest.classifiers.beside import described_beside
from diffchest.errors import DataError

VIT = {  # of a published vision transformer
    "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "ViTImageProcessor", "image_std": [0.5, 0.5, 0.5], "resample": 2,
    "rescale_factor": 0.00392156862745098, "size": {"height": 224, "width": 224},
}  # fmt: skip
BUNDLE = {  # the schema's own example of a format, for a classifier
    "network_data_format": {
        "inputs": {
            "image": {
                "type": "image", "format": "magnitude", "num_channels": 1, "spatial_shape": [256, 256],
                "dtype": "float32", "value_range": [0, 1], "is_patch_data": False, "channel_def": {"0": "image"},
            }
        },
        "outputs": {
            "pred": {
                "type": "probabilities", "format": "probability", "num_channels": 2, "spatial_shape": [],
                "dtype": "float32", "value_range": [0, 1], "channel_def": {"1": "Effusion", "0": "Cardiomegaly"},
            }
        },
    }
}  # fmt: skip


def said(tmp_path, **files):
    for name, content in files.items():
        path = tmp_path / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return {field: value for field, (value, _) in described_beside(tmp_path / "m.onnx").items()}


def test_nothing_beside_says_nothing(tmp_path):
    assert said(tmp_path) == {}


def test_a_processor(tmp_path):
    found = said(tmp_path, preprocessor_config=VIT)
    assert found.pop("range") == pytest.approx([0.0, 1.0])
    assert found == {
        "layout": "NCHW", "size": [224, 224], "fit": "squeeze", "resize": "bilinear", "mean": [0.5] * 3,
        "sd": [0.5] * 3, "channels": 3,
    }  # fmt: skip


def test_a_processor_that_cuts_the_middle_and_does_not_normalise(tmp_path):
    content = {
        "size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224},
        "resample": 3, "do_rescale": False, "do_normalize": False,
    }  # fmt: skip
    found = said(tmp_path, preprocessor_config=content)
    assert (found["size"], found["crop"], found["resize"]) == (256, [224, 224], "bicubic")
    assert (found["range"], found["mean"], found["sd"]) == ([0.0, 255.0], 0.0, 1.0)


@pytest.mark.parametrize(
    ("problem", "output"),
    [("multi_label_classification", "logit"), ("single_label_classification", "softmax_logit"), (None, None)],
)
def test_a_config_says_names_in_order_and_whether_they_exclude_each_other(tmp_path, problem, output):
    labels = {str(number): f"finding {number}" for number in reversed(range(12))}
    found = said(tmp_path, config={"id2label": labels, "problem_type": problem, "num_channels": 1})
    assert found["names"] == [f"finding {number}" for number in range(12)]
    assert (found.get("output"), found["channels"]) == (output, 1)


def test_a_bundle_beside_the_file_or_in_its_configs(tmp_path):
    expected = {
        "channels": 1, "size": [256, 256], "range": [0.0, 1.0], "mean": 0.0, "sd": 1.0,
        "names": ["Cardiomegaly", "Effusion"], "output": "probability", "layout": "NCHW",
    }  # fmt: skip
    assert said(tmp_path, metadata=BUNDLE) == expected
    (tmp_path / "bundle" / "configs").mkdir(parents=True)
    (tmp_path / "bundle" / "configs" / "metadata.json").write_text(json.dumps(BUNDLE))
    found = described_beside(tmp_path / "bundle" / "models" / "m.onnx")
    assert {field: value for field, (value, _) in found.items()} == expected
    assert found["names"][1].endswith("configs/metadata.json")


def test_shapes_that_a_bundle_leaves_open_say_nothing(tmp_path):
    content = json.loads(json.dumps(BUNDLE))
    content["network_data_format"]["inputs"]["image"]["spatial_shape"] = ["*", "16*n"]
    assert "size" not in said(tmp_path, metadata=content)


def test_the_processor_goes_before_the_config(tmp_path):
    assert said(tmp_path, preprocessor_config=VIT, config={"num_channels": 1})["channels"] == 3


@pytest.mark.parametrize("content", ["{", '{"id2label": {"a": "b"}}', '{"id2label": {"0": "a", "x": "b"}}'])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    with pytest.raises(DataError, match=r"config\.json: lies beside the classifier's file and cannot be read"):
        said(tmp_path, config=content)


def test_other_json_of_that_name_says_nothing(tmp_path):
    assert said(tmp_path, metadata={"author": "somebody"}, config=[1, 2]) == {}
