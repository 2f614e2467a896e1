"""The evaluation from files alone: what a user with anybody's scores runs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from diffchest.errors import DataError
from diffchest.evaluation.score_files import evaluate_files, read_labelled
from diffchest.params.whole import Params
from tests.helpers.repository import ROOT

N = 300


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path, Path]:
    """Labels, and the scores of two models, one as CSV on the scale of logits, one as Parquet in another order."""
    rng = np.random.default_rng(0)
    y = (rng.random((N, 2)) < 0.4) * 1
    labels = pd.DataFrame({"image_id": [f"{row:03d}" for row in range(N)], "patient_id": np.arange(N) // 2})
    labels = labels.assign(sex=np.where(np.arange(N) % 4 < 2, "M", "F"), age=np.linspace(20, 90, N))
    labels = labels.assign(effusion=y[:, 0], edema=np.where(np.arange(N) < 20, "", y[:, 1].astype(str)))
    ours = pd.DataFrame(3 * y - 1 + 2 * rng.normal(size=(N, 2)), columns=["effusion", "edema"])
    theirs = pd.DataFrame(1 / (1 + np.exp(-rng.normal(size=(N, 2)) - y)), columns=["effusion", "edema"])
    labels.to_csv(tmp_path / "labels.csv", index=False)
    ours.assign(image_id=labels["image_id"]).to_csv(tmp_path / "ours.csv", index=False)
    theirs.assign(image_id=labels["image_id"]).iloc[::-1].to_parquet(tmp_path / "theirs.parquet", index=False)
    return tmp_path / "labels.csv", tmp_path / "ours.csv", tmp_path / "theirs.parquet"


def test_two_score_files_give_every_table(files, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "diffchest.evaluation.score_files", *map(str, files), "--out", str(out)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "ours against theirs: 2 wins" in result.stdout
    labels, ours = pd.read_csv(files[0]), pd.read_csv(files[1])
    auc = pd.read_csv(out / "auc.csv").set_index(["model", "finding"])["auc"]
    known = labels["edema"].notna()
    assert auc["ours", "edema"] == pytest.approx(roc_auc_score(labels["edema"][known], ours["edema"][known]), abs=1e-5)
    assert len(pd.read_csv(out / "comparison.csv")) == 2
    assert set(pd.read_csv(out / "subgroups.csv")["attribute"]) == {"sex", "age"}
    assert set(pd.read_csv(out / "calibration.csv")["model"]) == {"theirs"}  # logits are no probabilities


def test_one_model_needs_no_patients_and_no_groups(files, tmp_path):
    labels = pd.read_csv(files[0], dtype=str)[["image_id", "effusion"]]
    labels.to_csv(files[0], index=False)
    evaluate_files(files[0], [files[1]], tmp_path / "out", Params.load(ROOT / "params.yaml").evaluation)
    assert pd.read_csv(tmp_path / "out" / "auc.csv")["finding"].tolist() == ["effusion"]
    assert pd.read_csv(tmp_path / "out" / "subgroups.csv").empty
    assert not (tmp_path / "out" / "comparison.csv").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(effusion="perhaps"), r"labels\.csv: column 'effusion', row 2: .*found 'perhaps'"),
        (lambda table: table.rename(columns={"image_id": "name"}), r"labels\.csv: no column `image_id`"),
        (lambda table: pd.concat([table, table.head(2)]), r"labels\.csv: 2 images are listed twice, such as '000'"),
        (lambda table: table.rename(columns={"sex": "Sex"}), r"labels\.csv: column 'Sex' is no finding: call it 'sex'"),
        (lambda table: table.assign(patient_id=["7", "007"] * 150), r"column 'patient_id': 1 patients are spelled"),
        (
            lambda table: table.assign(image_id=table["image_id"] + "x"),
            r"ours\.csv: no row for 300 of 300 images, such as '000x', .*expected 50%",
        ),
    ],
)
def test_bad_labels_are_named(files, tmp_path, change, message):
    change(pd.read_csv(files[0], dtype=str, keep_default_na=False)).to_csv(files[0], index=False)
    with pytest.raises(DataError, match=message):
        evaluate_files(files[0], [files[1]], tmp_path / "out", Params.load(ROOT / "params.yaml").evaluation)


def test_models_of_one_name_and_missing_files_are_refused(files, tmp_path):
    params = Params.load(ROOT / "params.yaml").evaluation
    with pytest.raises(DataError, match="called alike"):
        evaluate_files(files[0], [files[1], tmp_path / "ours.parquet"], tmp_path, params)
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        evaluate_files(tmp_path / "none.csv", [files[1]], tmp_path, params)


@pytest.mark.parametrize("name", ["labels.csv", "ours.CSV", "theirs.parquet"])
def test_a_file_that_is_no_table_is_named(files, tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    labels, scores = (tmp_path / name, files[1]) if name == "labels.csv" else (files[0], tmp_path / name)
    with pytest.raises(DataError, match=rf"{name}: empty: cannot be read as a table"):
        evaluate_files(labels, [scores], tmp_path / "out", Params.load(ROOT / "params.yaml").evaluation)


def test_findings_without_scores_are_counted_and_named(files, tmp_path, capsys):
    pd.read_csv(files[1], dtype={"image_id": str}).drop(columns="edema").to_csv(files[1], index=False)
    evaluate_files(files[0], list(files[1:]), tmp_path / "out", Params.load(ROOT / "params.yaml").evaluation)
    assert "ours has no scores for 1 of 2 evaluated findings, which are left out: edema" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "out" / "comparison.csv")["finding"].tolist() == ["effusion"]


def test_uncertain_counts_as_absent_and_patients_are_kept_together(files):
    labels = pd.read_csv(files[0], dtype=str, keep_default_na=False)
    labels.loc[labels.index[:50], "effusion"] = "-1"
    labels.to_csv(files[0], index=False)
    about, test, _ = read_labelled(files[0], positives_above=30)
    assert (test.labels["effusion"].iloc[:50] == 0).all()
    assert test.patients.tolist() == labels["patient_id"].tolist()
    assert len(set(about["patient_id"])) == N // 2
