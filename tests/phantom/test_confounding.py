"""Doses of confounding: the same number of every device, dealt out by chance, as labelled, or to what it goes with."""

import gzip

import numpy as np
import pandas as pd
import pytest

from diffchest.cohorts.listed import listed_names
from diffchest.findings.cooccurrence import count_pairs
from diffchest.phantom.confounding import deal_support_devices, deal_treatments
from diffchest.phantom.layouts import chexpert, padchest
from diffchest.phantom.layouts.chexpert_labels import LABELS, shown_findings
from diffchest.phantom.render import stream

NAMES = ["pneumothorax", "cardiomegaly", "chest drain tube", "pacemaker", "kyphosis"]
DOSES = [0, "natural", "strong"]


@pytest.fixture(scope="module")
def radiographs():
    """6,000 radiographs: half of the pneumothoraces have a drain, a pacemaker goes with nothing."""
    rng = np.random.default_rng(0)
    chance = rng.random((6000, 5))
    table = pd.DataFrame(chance < [0.06, 0.2, 0.03, 0.05, 0.1], columns=NAMES)
    table["chest drain tube"] |= table["pneumothorax"] & (chance[:, 2] < 0.5)
    findings = [[name for name in NAMES if row[name]] for row in table.to_dict("records")]
    return findings, np.where(rng.random(6000) < 0.3, "Physician", "RNN_model").tolist()


def as_table(findings):
    return pd.DataFrame({name: [name in names for names in findings] for name in NAMES}, dtype=float)


@pytest.mark.parametrize("dose", DOSES)
def test_every_dose_has_as_many_of_each_finding_in_each_group(radiographs, dose):
    findings, groups = radiographs
    before, after = as_table(findings), as_table(deal_treatments(findings, groups, dose, seed=1))
    pd.testing.assert_frame_equal(after.groupby(groups).sum(), before.groupby(groups).sum())
    kept = ["pneumothorax", "cardiomegaly", "kyphosis"]
    pd.testing.assert_frame_equal(after[kept], before[kept])


def test_the_dose_is_how_often_the_device_goes_with_the_finding(radiographs):
    findings, groups = radiographs
    given, lift = {}, {}
    for dose in DOSES:
        pairs = count_pairs(as_table(deal_treatments(findings, groups, dose, seed=1))).set_index(
            ["target", "confounder"]
        )
        given[dose] = pairs.loc[("pneumothorax", "chest drain tube"), "p_b_given_a"]
        lift[dose] = pairs.loc[("cardiomegaly", "pacemaker"), "lift"]
    share = as_table(findings)["chest drain tube"].mean()
    assert given[0] == pytest.approx(share, abs=0.03)  # standard error 0.012
    assert given["natural"] > 0.45
    assert given["strong"] > 0.85
    assert lift["strong"] == lift["natural"], "it goes with nothing, so it stays"


def test_natural_leaves_everything_and_a_seed_deals_once(radiographs):
    findings, groups = radiographs
    assert deal_treatments(findings, groups, "natural", seed=1) == [tuple(sorted(names)) for names in findings]
    for dose in (0, "strong"):
        first, again, other = (deal_treatments(findings, groups, dose, seed=seed) for seed in (1, 1, 2))
        assert first == again != other


def test_padchest_table_and_pictures_have_the_dealt_labels(tmp_path):
    cells = ["['normal']", "['kyphosis', ' pacemaker ']", np.nan, "[]"] * 10
    rows = pd.DataFrame({"ImageID": [f"{n}.png" for n in range(40)], "ImageDir": "0", "Labels": cells})
    rows = rows.assign(StudyDate_DICOM="20140915", PatientBirth=1950.0, PatientSex_DICOM="F", Projection="PA")
    rows = rows.assign(PhotometricInterpretation_DICOM="MONOCHROME2", BitsStored_DICOM=12, MethodLabel="Physician")
    rows = rows.assign(PatientID=[str(n) for n in range(40)], StudyID="7", Report='line "one", two')
    rows.loc[39, "Projection"] = "L"  # not drawn
    table = tmp_path / "labels.csv.gz"
    rows.to_csv(table)
    settings = {"labelled": None, "pretrain": 0, "size": 32, "seed": 0, "workers": 1}
    padchest.write_padchest(table, tmp_path / "root", confounding=0, **settings)
    written = pd.read_csv(tmp_path / "root" / table.name, index_col=0, dtype={"PatientID": str})
    same = [column for column in rows if column != "Labels"]
    assert written[same].astype(str).equals(rows[same].astype(str))
    assert written["Labels"].isna().tolist() == rows["Labels"].isna().tolist()
    assert written["Labels"].iloc[39] == "[]"
    names = [listed_names(cell, where="test") for cell in written["Labels"].dropna()]
    assert sum("pacemaker" in row for row in names) == 10
    assert sum("kyphosis" in row for row in names) == 10
    assert not any({"normal", "pacemaker"} <= set(row) for row in names)
    assert any(row == ["pacemaker"] for row in names), "dealt to another radiograph"
    chosen = padchest.deal_out(rows.iloc[:39], 0, seed=0)
    drawn = [picture.findings for picture in padchest.pictures(chosen)]
    assert [list(row) for row in drawn if row] == [sorted(row) for row in names if row]


def test_support_devices_are_dealt_by_study_only_at_zero():
    studies = pd.Series([f"s{n // 2}" for n in range(400)])
    devices = pd.Series(np.repeat(np.random.default_rng(0).choice([1.0, 0.0, -1.0, np.nan], 200), 2))
    assert deal_support_devices(devices, studies, "strong", seed=0) is devices
    dealt = deal_support_devices(devices, studies, 0, seed=0)
    assert dealt.fillna(9).value_counts().to_dict() == devices.fillna(9).value_counts().to_dict()
    assert (dealt.groupby(studies).nunique(dropna=False) == 1).all()
    assert (dealt.fillna(9) != devices.fillna(9)).mean() > 0.5


def test_chest_drain_follows_the_dose():
    labels = dict.fromkeys(LABELS, 0.0) | {"Pneumothorax": 1.0, "Support Devices": 1.0}
    share = {
        dose: np.mean(["chest drain tube" in shown_findings(labels, stream(0, str(n)), dose) for n in range(400)])
        for dose in DOSES
    }
    assert share["strong"] == 1
    assert 0.6 < share["natural"] < 0.85
    assert share[0] < 0.2


def test_chexpert_table_has_the_dealt_devices(tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.choice([1.0, 0.0, -1.0, np.nan], size=(60, 14)), columns=list(LABELS))
    paths = [f"CheXpert-v1.0-small/train/patient{n:05d}/study1/view1_frontal.jpg" for n in range(60)]
    front = {"Path": paths, "Sex": "Female", "Age": 61, "Frontal/Lateral": "Frontal", "AP/PA": "AP"}
    for position, (name, value) in enumerate(front.items()):
        rows.insert(position, name, value)
    table = tmp_path / "train.csv.gz"
    rows.to_csv(table, index=False)
    settings = {"pretrain": 40, "test_studies": 5, "size": 32, "seed": 0, "workers": 1}
    chexpert.write_chexpert(table, tmp_path / "natural", confounding="natural", **settings)
    assert (tmp_path / "natural" / "train.csv").read_bytes() == gzip.decompress(table.read_bytes())
    chexpert.write_chexpert(table, tmp_path / "none", confounding=0, **settings)
    written = pd.read_csv(tmp_path / "none" / "train.csv")
    assert written.drop(columns="Support Devices").equals(rows.drop(columns="Support Devices"))
    changed = written["Support Devices"].fillna(9) != rows["Support Devices"].fillna(9)
    assert 10 < changed.sum() <= 40
