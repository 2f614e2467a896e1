"""`python -m diffchest.explain` of files that the model never saw."""

import json
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.fitting import fit_moves
from diffchest.explain.__main__ import main
from diffchest.model.autoencoder import load_autoencoder, save_autoencoder
from diffchest.params.whole import Params
from diffchest.probe.fit import fit_head
from diffchest.progress import run
from tests.helpers.dicom_files import dicom
from tests.helpers.repository import ROOT
from tests.helpers.tiny_parts import tiny_model

COMMAND = [sys.executable, "-m", "diffchest.explain"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny trained-less model, a head for two findings, their moves, and a DICOM file."""
    folder = tmp_path_factory.mktemp("explain")
    model = tiny_model()
    save_autoencoder(folder / "model.safetensors", model)
    z = np.random.default_rng(1).normal(size=(60, model.latent_dim)).astype(np.float32)
    labels = (np.random.default_rng(2).random((60, 2)) < 0.5).astype(float)
    head, _ = fit_head(
        z, labels, range(60), params=Params.load(ROOT / "params.yaml").probe, findings=["goiter", "pacemaker"]
    )
    head = replace(head, model_sha256=load_autoencoder(folder / "model.safetensors").sha256)
    head.save(folder / "head.safetensors")
    rows = pd.DataFrame({"view": "PA", "sex": "F", "age": np.linspace(20, 80, 60), "patient_id": range(60)})
    fit_moves(z, pd.DataFrame(labels, columns=head.findings), rows, head, name="phantoms of goiters").save(
        folder / "moves.npz"
    )
    values = np.random.default_rng(0).integers(0, 4096, (48, 40)).astype(np.uint16)
    (folder / "film.dcm").write_bytes(dicom(values, bits=12))
    return folder


def arguments(folder, film, *more, **files):
    files = {"model": "model.safetensors", "head": "head.safetensors", "moves": "moves.npz"} | files
    return [str(folder / film), *(f"--{name}={folder / file}" for name, file in files.items()), *map(str, more)]


def with_explain(folder, **changes):
    """The committed params.yaml with some keys of `explain` changed, as a file in `folder`."""
    yaml, path = YAML(), folder / "params.yaml"
    params = yaml.load(ROOT / "params.yaml")
    params["explain"] |= changes
    yaml.dump(params, path)
    return path


def test_the_command_explains_a_dicom_file_that_the_model_never_saw(folder, tmp_path):
    asked = arguments(folder, "film.dcm", "--finding", "goiter", "--towards", "absence", "--out", tmp_path / "out")
    done = subprocess.run([*COMMAND, *asked], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"explain: {tmp_path / 'out' / 'index.html'}: goiter ")
    told = json.loads((tmp_path / "out" / "explanation.json").read_text())
    facts = {key: told["radiograph"][key] for key in ("kind", "height", "width", "bits_stored", "inverted", "square")}
    assert facts == {
        "kind": "DICOM", "height": 48, "width": 40, "bits_stored": 12, "inverted": False, "square": 16,
    }  # fmt: skip
    for kind, name in (("model", "model.safetensors"), ("head", "head.safetensors"), ("moves", "moves.npz")):
        assert told["sha256"][kind] == sha256((folder / name).read_bytes()).hexdigest()
    trained_on = told["trained_on"]
    assert [trained_on[key] for key in ("dataset", "radiographs", "patients")] == ["phantoms of goiters", 60, 60]
    assert not trained_on["unlike"]
    assert not done.stderr
    (finding,) = told["findings"]
    assert (finding["finding"], told["towards"]) == ("goiter", "absence")
    assert finding["asked"]["logit"] < finding["before"]["logit"]
    assert [other["finding"] for other in finding["rose"] + finding["fell"]] == ["pacemaker"]
    assert done.stdout.rstrip().endswith(" (not seen there before)") == finding["already"]


def test_a_radiograph_unlike_those_trained_on_is_told_of(folder, tmp_path, monkeypatch, capsys):
    moves = Moves.load(folder / "moves.npz")
    replace(moves, distance=moves.distance / 100).save(tmp_path / "near.npz")
    monkeypatch.chdir(ROOT)
    asked = arguments(folder, "film.dcm", "--finding=goiter", "--out", tmp_path / "out", moves=tmp_path / "near.npz")
    monkeypatch.setattr(sys, "argv", ["explain", *asked])
    run(main)
    assert (
        "note: this radiograph is unlike those the model was trained on; what is shown may" in capsys.readouterr().err
    )
    assert json.loads((tmp_path / "out" / "explanation.json").read_text())["trained_on"]["unlike"]


@pytest.mark.parametrize(
    ("towards", "told"), [("presence", "seen there already"), ("absence", "not seen there before")]
)
def test_a_finding_that_is_there_already_is_told_on_the_terminal(folder, tmp_path, monkeypatch, capsys, towards, told):
    monkeypatch.chdir(ROOT)
    moves = Moves.load(folder / "moves.npz")
    for threshold in (-99.0, 99.0):
        replace(moves, threshold=np.full(2, threshold)).save(tmp_path / "moves.npz")
        asked = arguments(folder, "film.dcm", "--finding=goiter", "--out", tmp_path / "out", "--towards", towards)
        monkeypatch.setattr(sys, "argv", ["explain", *asked, f"--moves={tmp_path / 'moves.npz'}"])
        run(main)
        already = (threshold < 0) == (towards == "presence")
        assert capsys.readouterr().out.rstrip().endswith(f" ({told})") == already


def test_a_picture_that_was_written_has_the_score_that_was_seen(folder, tmp_path, monkeypatch):
    """The score is of the picture as it lies in the folder. Without `--finding`: the targets that the head knows."""
    monkeypatch.chdir(ROOT)
    params = with_explain(tmp_path, targets=["pacemaker"])
    found = []
    for film in (folder / "film.dcm", tmp_path / "0" / "pacemaker_counterfactual.png"):
        out = tmp_path / str(len(found))
        monkeypatch.setattr(sys, "argv", ["explain", *arguments(folder, film, "--out", out, "--params", params)])
        run(main)
        found += json.loads((out / "explanation.json").read_text())["findings"]
    assert [case["finding"] for case in found] == ["pacemaker", "pacemaker"]
    assert found[1]["before"]["logit"] == pytest.approx(found[0]["seen"]["logit"], abs=1e-4)


def test_the_radiograph_and_what_lies_beside_it_are_never_overwritten(folder, tmp_path, monkeypatch):
    """Found before the radiograph is read, which is no picture at all here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "original.png").write_bytes(b"mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "index.html").write_bytes(b"mine")
    for out in (".", "out"):
        asked = arguments(folder, tmp_path / "original.png", "--finding=goiter", "--out", out)
        monkeypatch.setattr(sys, "argv", ["explain", *asked, f"--params={ROOT / 'params.yaml'}"])
        with pytest.raises(SystemExit, match="name another folder with --out"):
            run(main)
    assert (tmp_path / "original.png").read_bytes() == (tmp_path / "out" / "index.html").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"solver": "ddim", "decode_steps": 30}, r"^error: explain\.decode_steps is 30, .*; take 25 or 34"),
        ({"solver": "ddim", "encode_steps": 30}, r"^error: explain\.encode_steps is 30, .*; take 25 or 34"),
        ({"encode_steps": 1}, r"^error: explain\.encode_steps is 1; explain\.solver dpm_solver takes 2 to"),
    ],
)
def test_steps_that_do_not_fit_the_schedule_are_told_in_a_line(folder, tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(ROOT)
    params = with_explain(tmp_path, picture="decode", **changes)
    asked = arguments(folder, "film.dcm", "--finding=goiter", "--out", tmp_path / "out", "--params", params)
    monkeypatch.setattr(sys, "argv", ["explain", *asked])
    with pytest.raises(SystemExit, match=message):
        run(main)
    params = with_explain(tmp_path, picture="difference", **changes)  # which takes no steps
    monkeypatch.setattr(sys, "argv", ["explain", *asked])
    run(main)


def test_towards_of_the_command_turns_the_probability_asked_for(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for towards, probability in (("presence", 0.9), ("absence", 0.1)):
        asked = arguments(folder, "film.dcm", "--finding=goiter", "--towards", towards, "--out", tmp_path / towards)
        asked += ["--params", str(with_explain(tmp_path, to_probability=0.9))]
        monkeypatch.setattr(sys, "argv", ["explain", *asked])
        run(main)
        told = json.loads((tmp_path / towards / "explanation.json").read_text())
        assert told["settings"]["to_probability"] == probability
        (finding,) = told["findings"]
        if finding["step"]:
            assert finding["asked"]["probability"] == pytest.approx(probability, abs=1e-4)


@pytest.mark.parametrize(
    ("film", "more", "files", "message"),
    [
        ("film.dcm", ["--finding", "goitre"], {}, r"^error: --finding: .*'goitre'; did you mean 'goiter'\?"),
        ("head.safetensors", ["--finding", "goiter"], {}, "not a PNG, JPEG or DICOM file"),
        ("none.dcm", ["--finding", "goiter"], {}, "none.dcm: no such file"),
        ("film.dcm", [], {}, "explain.targets: the head has no finding 'cardiomegaly'"),
        ("film.dcm", [], {"model": "none"}, "none: no such file; run the `pretrain` stage"),
        ("film.dcm", [], {"head": "none"}, "none: no such head; run `dvc repro fit_head`"),
        ("film.dcm", [], {"moves": "none"}, "none: no such file; run `dvc repro fit_moves`"),
        ("film.dcm", ["--finding", "goiter", "--out", "params.yaml"], {}, "name another folder with --out"),
        ("film.dcm", ["--params", "none.yaml"], {}, "none.yaml: no such file"),
    ],
)
def test_what_cannot_be_explained_is_told_in_a_line(folder, monkeypatch, film, more, files, message):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["explain", *arguments(folder, film, *more, **files)])
    with pytest.raises(SystemExit, match=message):
        run(main)
