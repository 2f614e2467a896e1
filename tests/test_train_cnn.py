"""The stage that trains the small classifier, run as DVC runs it, on a store of radiographs with visible findings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pandas as pd
import pytest
from ruamel.yaml import YAML

from diffchest import paths
from diffchest.contracts.labels import write_labels
from diffchest.small_cnn.export import read_facts
from tests.helpers.films import write_store
from tests.helpers.repository import ROOT
from tests.helpers.spots import spots

FINDINGS = ["cardiomegaly", "kyphosis", "goiter"]  # a picture shows the first two; nobody has the last
IMAGES, TEST = 300, 100


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels, known = spots(IMAGES)
    ids = [f"padchest/{number:03}.png" for number in range(IMAGES)]
    write_store(ids, pixels, test=TEST)
    labels = pd.DataFrame(known, index=ids, columns=FINDINGS[:2]).assign(goiter=0.0).astype("float32")
    labels.iloc[TEST : TEST + 50, 1] = -1.0  # uncertain, and ignored
    write_labels(paths.labels("padchest"), labels, blank_is_negative=False, uncertain="ignore")
    return tmp_path


def train(**small_cnn):
    """Run the stage; what it printed."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    settings = {"width": 4, "epochs": 12, "batch_size": 32, "learning_rate": 0.01, "shift": 1}
    params["small_cnn"] |= settings | small_cnn
    params["evaluation"]["positives_above"] = 3
    params["runtime"]["device"] = "cpu"
    yaml.dump(params, Path("params.yaml"))
    command = [sys.executable, str(ROOT / "stages" / "train_cnn.py")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_file_and_the_test_auc_are_written_and_a_second_run_writes_the_same(folder):
    done = train()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("train_cnn: 2 findings on 200 images, mean AUC ")
    metrics = json.loads(paths.stage_metrics("train_cnn").read_text())
    assert metrics["learnt"] == metrics["findings"] == 2  # nobody has a goiter
    assert (metrics["images"], metrics["patients"]) == (200, 200)
    assert set(metrics["auc"]) == {"cardiomegaly", "kyphosis"}
    assert min(metrics["auc"].values()) > 0.9
    assert metrics["drawn_macro_auc"] == metrics["auc"]["cardiomegaly"]
    assert read_facts(paths.SMALL_CNN)["names"] == ["cardiomegaly", "kyphosis"]
    onnxruntime.InferenceSession(str(paths.SMALL_CNN), providers=["CPUExecutionProvider"])
    written = [path.read_bytes() for path in (paths.SMALL_CNN, paths.stage_metrics("train_cnn"))]
    assert train().returncode == 0
    assert [path.read_bytes() for path in (paths.SMALL_CNN, paths.stage_metrics("train_cnn"))] == written


def test_findings_and_a_fraction_of_the_patients_are_chosen(folder):
    assert train(findings=["kyphosis"], fraction=0.5, epochs=1).returncode == 0
    assert read_facts(paths.SMALL_CNN)["names"] == ["kyphosis"]
    metrics = json.loads(paths.stage_metrics("train_cnn").read_text())
    assert metrics["images"] == 100
    assert "macro_auc" in metrics


@pytest.mark.parametrize(
    ("findings", "message"),
    [
        (["kyphosis", "kyphosys"], "error: params.yaml: small_cnn.findings: no label is called 'kyphosys'"),
        (["goiter"], "error: small_cnn: goiter cannot be learnt from these 200 radiographs"),
    ],
)
def test_what_cannot_be_learnt_is_named(folder, findings, message):
    stopped = train(findings=findings)
    assert stopped.returncode == 1
    assert message in stopped.stderr
    assert not paths.SMALL_CNN.exists()
