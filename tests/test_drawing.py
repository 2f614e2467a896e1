"""The stage that draws explanations, run as it is: in one process or several, one way or both, either way."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from diffchest import paths
from diffchest.contracts.explained import Axioms, Explained
from diffchest.contracts.labels import write_labels
from diffchest.counterfactuals.fitting import fit_moves
from diffchest.model.autoencoder import load_autoencoder, save_autoencoder
from diffchest.model.encoding import encode
from diffchest.params.whole import Params
from diffchest.probe.fit import fit_head
from tests.helpers.films import write_store
from tests.helpers.repository import ROOT
from tests.helpers.tiny_parts import tiny_model

FINDINGS = ["cardiomegaly", "pacemaker", "normal"]
IMAGES, TEST, SIDE = 60, 24, 16


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What the stage reads, of a tiny model, in a folder whose test set has both findings and normal radiographs."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (IMAGES, SIDE, SIDE), dtype=np.uint8)
    ids = [f"padchest/{number:02}.png" for number in range(IMAGES)]
    manifest = write_store(ids, pixels, test=TEST)
    kind = np.arange(IMAGES) % 3
    labels = pd.DataFrame(np.eye(3)[kind], index=ids, columns=FINDINGS, dtype="float32")
    write_labels(paths.labels("padchest"), labels, blank_is_negative=False, uncertain="zeros")
    save_autoencoder(paths.AUTOENCODER, tiny_model())
    model, params = load_autoencoder(paths.AUTOENCODER), Params.load(ROOT / "params.yaml")
    z, fitting = encode(model, pixels[TEST:], 64), labels.iloc[TEST:]
    patients = ids[TEST:]
    head, _ = fit_head(z, fitting.to_numpy(), patients, params=params.probe, findings=FINDINGS)
    head = replace(head, model_sha256=model.sha256)
    head.save(paths.HEAD)
    fit_moves(z, fitting, manifest.iloc[TEST:], head, name="padchest").save(paths.MOVES)
    return tmp_path


def draw(processes=1, **explain):
    """Run the stage; what it wrote, by name."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    steps = {"encode_steps": 4, "decode_steps": 4, "radiographs": 6, "reconstructions": 4, "both_ways": 3}
    params["explain"] |= steps | {"targets": ["cardiomegaly", "pacemaker"], "patients": 2} | explain
    params["evaluation"]["positives_above"] = 3
    params["runtime"]["device"] = "cpu"
    yaml.dump(params, Path("params.yaml"))
    several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    command = [sys.executable, *several, str(ROOT / "stages" / "draw_explanations.py")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("draw_explanations: 2 findings") == 1
    return {path.name: path.read_bytes() for path in sorted(paths.EXPLANATIONS.iterdir())}


def test_several_processes_write_what_one_writes(folder):
    several = draw(processes=2)
    assert [explained.targets for explained in Explained.load_all(paths.MEASURED)] == [["cardiomegaly", "pacemaker"]]
    assert [explained.targets for explained in Explained.load_all(paths.OTHER_WAY)] == [["cardiomegaly"], ["pacemaker"]]
    (axioms,) = Axioms.load_all(paths.AXIOMS)
    assert axioms.returned.shape == (3, 2, SIDE, SIDE)
    for path in (folder / "runs").rglob("*.npz"):
        path.unlink()
    assert draw() == several


def test_away_from_findings_every_one_is_moved_there_and_back(folder):
    draw(towards="absence")
    axioms = Axioms.load_all(paths.AXIOMS)
    assert [part.targets for part in axioms] == [["cardiomegaly"], ["pacemaker"]]
    ((presence),) = Explained.load_all(paths.OTHER_WAY)
    assert presence.targets == ["cardiomegaly", "pacemaker"]


def test_one_way_is_enough(folder):
    draw(both_ways=0)
    assert Explained.load_all(paths.OTHER_WAY) == Axioms.load_all(paths.AXIOMS) == []
