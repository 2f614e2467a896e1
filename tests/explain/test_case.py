"""`python -m diffchest.explain` of a file that the model never saw."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import expit

from diffchest.counterfactuals.fitting import fit_moves
from diffchest.errors import DataError
from diffchest.explain.case import Radiograph, explain_one, facts, read_radiograph
from diffchest.explain.page import GENERATED, coloured, write_case
from diffchest.images.squares import to_square
from diffchest.model.autoencoder import load_autoencoder, save_autoencoder
from diffchest.params.whole import Params
from diffchest.probe.fit import fit_head
from tests.helpers.dicom_files import dicom
from tests.helpers.repository import ROOT
from tests.helpers.tiny_parts import tiny_model
from tests.helpers.toy_autoencoder import LinearAutoencoder, toy_explain, toy_head, toy_moves, toy_radiographs


def explained(**settings):
    head = toy_head()
    chosen = toy_explain(edit="eq5", picture="difference", **settings)
    radiograph = Radiograph("film.png", toy_radiographs(1)[0], (16, 16))
    made = explain_one(
        radiograph, ["finding 3", "finding 0"], model=LinearAutoencoder(), head=head, moves=toy_moves(head),  # type: ignore[arg-type]
        settings=chosen,
    )  # fmt: skip
    return made, head, toy_moves(head)


def test_facts_are_those_of_the_head():
    made, head, moves = explained()
    told = facts(made, head, moves)
    assert [case["finding"] for case in told] == ["finding 3", "finding 0"]
    first = told[0]
    assert first["asked"]["logit"] - first["before"]["logit"] == pytest.approx(
        0.2 * np.sum(head.weight[3].astype(float) ** 2), rel=1e-3
    )
    assert first["seen"]["probability"] == pytest.approx(expit(first["seen"]["logit"]))
    spread = moves.logit_spread(head)
    change = {
        name: (made.logits_after[0, 0, row] - made.logits_before[0, row]) / spread[name]
        for row, name in enumerate(head.findings) if name != "finding 3"
    }  # fmt: skip
    order = sorted(change, key=lambda name: -abs(change[name]))
    assert [other["finding"] for other in first["rose"]] == order
    assert first["rose"][0]["change_sd"] == pytest.approx(change[order[0]])


def test_the_folder_holds_pictures_page_and_json(tmp_path):
    made, head, moves = explained(towards="absence")
    about = {"name": "<film>.png", "towards": "absence"}
    files = write_case(tmp_path / "new" / "out", made, facts(made, head, moves), about)
    assert {path.name for path in files} == {
        "original.png", "finding_3.png", "finding_3_difference.png", "finding_0.png", "finding_0_difference.png",
        "index.html", "explanation.json",
    }  # fmt: skip
    assert Image.open(files[1]).text["Comment"] == GENERATED  # pyright: ignore[reportAttributeAccessIssue]
    assert "Comment" not in Image.open(files[0]).text  # pyright: ignore[reportAttributeAccessIssue]
    page = (tmp_path / "new" / "out" / "index.html").read_text()
    assert "&lt;film&gt;.png" in page
    assert "Away from finding 3" in page
    assert "not for diagnosis" in page
    assert "http" not in page
    assert len(json.loads((tmp_path / "new" / "out" / "explanation.json").read_text())["findings"]) == 2
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="name another folder with --out"):
        write_case(tmp_path / "file", made, [], about)


def test_differences_are_red_where_brighter_and_blue_where_darker():
    before, after = np.full((1, 3), 100, np.uint8), np.array([[50, 100, 150]], np.uint8)
    darker, same, brighter = coloured(after, before)[0].astype(int)
    assert darker[2] > darker[0] + 50
    assert brighter[0] > brighter[2] + 50
    assert same.min() > 240


def test_files_are_decoded_as_for_the_store(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "film.png")
    found = read_radiograph(str(tmp_path / "film.png"), size=16, store=tmp_path / "none.lmdb")
    assert (found.square == to_square(pixels, 16)).all()
    assert found.decoded == (40, 30)
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(DataError, match=r"notes.txt: not a PNG, JPEG or DICOM file"):
        read_radiograph(str(tmp_path / "notes.txt"), size=16, store=tmp_path / "none.lmdb")
    with pytest.raises(DataError, match=r"film2.png: no such file, and .*none.lmdb"):
        read_radiograph("film2.png", size=16, store=tmp_path / "none.lmdb")


def test_the_command_explains_a_dicom_file_that_the_model_never_saw(tmp_path):
    model = tiny_model()
    save_autoencoder(tmp_path / "model.safetensors", model)
    sha256 = load_autoencoder(tmp_path / "model.safetensors").sha256
    z = np.random.default_rng(1).normal(size=(60, model.latent_dim)).astype(np.float32)
    labels = (np.random.default_rng(2).random((60, 2)) < 0.5).astype(float)
    head, _ = fit_head(
        z, labels, range(60), params=Params.load(ROOT / "params.yaml").probe, findings=["goiter", "mass"]
    )
    head = replace(head, model_sha256=sha256)
    head.save(tmp_path / "head.safetensors")
    rows = pd.DataFrame({"view": "PA", "sex": "F", "age": np.linspace(20, 80, 60)})
    fit_moves(z, pd.DataFrame(labels, columns=head.findings), rows, head).save(tmp_path / "moves.npz")
    values = np.random.default_rng(0).integers(0, 4096, (48, 40)).astype(np.uint16)
    (tmp_path / "film.dcm").write_bytes(dicom(values, bits=12))
    files = [f"--{name}={tmp_path / file}" for name, file in
             (("model", "model.safetensors"), ("head", "head.safetensors"), ("moves", "moves.npz"))]  # fmt: skip
    command = [sys.executable, "-m", "diffchest.explain", str(tmp_path / "film.dcm"), *files, "--finding", "goiter"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert told["decoded_height_width"] == [48, 40]
    assert told["model_sha256"] == sha256
    assert [case["finding"] for case in told["findings"]] == ["goiter"]
    wrong = subprocess.run([*command, "--finding", "goitre"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "--finding" in wrong.stderr
    assert "near names: goiter" in wrong.stderr
    assert "Traceback" not in wrong.stderr
