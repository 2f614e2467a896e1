"""A classifier out of a descriptor file and an ONNX file that describes itself, as a user would bring them."""

import subprocess
import sys

import numpy as np
from scipy.special import expit

from diffchest.classifiers.opening import open_classifier
from diffchest.params.classifiers import read_descriptor
from tests.helpers.repository import ROOT
from tests.helpers.tiny_onnx import DESCRIPTOR, expected, linear_onnx, some_pictures


def test_a_file_that_describes_itself_needs_no_descriptor(tmp_path):
    weight = linear_onnx(tmp_path / "m.onnx", metadata=DESCRIPTOR)
    classifier = open_classifier(read_descriptor(None, file=tmp_path / "m.onnx"), source="theirs", threads=1)
    assert classifier.outputs == ["goiter", "pacemaker"]
    np.testing.assert_allclose(classifier.logits(some_pictures()), expected(some_pictures(), weight), atol=1e-5)


def test_a_descriptor_beside_it_says_the_rest(tmp_path):
    said = {key: value for key, value in DESCRIPTOR.items() if key not in ("polarity", "output", "names")}
    weight = linear_onnx(tmp_path / "m.onnx", metadata=said, end="Sigmoid")
    (tmp_path / "m.yaml").write_text(
        "file: m.onnx\npolarity: dark_bone\noutput: probability\nnames: [Goiter, null]\nfindings: {Goiter: goiter}\n"
        "thresholds: {Goiter: 0.5}\n"
    )
    classifier = open_classifier(read_descriptor(tmp_path / "m.yaml"), source="theirs", threads=1)
    inverted = expected(255 - some_pictures(), weight)[:, :1]
    np.testing.assert_allclose(expit(classifier.logits(some_pictures())), expit(inverted), atol=1e-5)
    assert (classifier.outputs, classifier.thresholds) == (["goiter"], {"goiter": 0.0})


def test_the_identity_is_of_contents_not_places_and_changes_with_what_is_said(tmp_path):
    for name in ("a.onnx", "b.onnx"):
        linear_onnx(tmp_path / name, metadata=DESCRIPTOR)
    first, second = (
        open_classifier(read_descriptor(None, file=tmp_path / name), source="x") for name in ("a.onnx", "b.onnx")
    )
    assert first.sha256 == second.sha256
    params = read_descriptor(None, file=tmp_path / "a.onnx")
    for other in ({"range": [0.0, 1.0]}, {"names": ["pacemaker", "goiter"]}, {"polarity": "dark_bone"}):
        changed = type(params).model_validate({**params.model_dump(exclude_unset=True), **other})
        assert open_classifier(changed, source="x").sha256 != first.sha256


def test_an_onnx_file_is_opened_without_torch(tmp_path):
    linear_onnx(tmp_path / "m.onnx", metadata=DESCRIPTOR)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from diffchest.classifiers.opening import open_classifier\n"
        "from diffchest.classifiers.gates import gate_table\n"
        "from diffchest.params.classifiers import read_descriptor\n"
        f"open_classifier(read_descriptor(None, file=Path({str(tmp_path / 'm.onnx')!r})), source='x')\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
