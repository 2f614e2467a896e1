"""NIH ChestX-ray14: labels, ages, the official split, and images that are still packed."""

import shutil
import subprocess
import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffchest.cohorts.ingest import read_cohort
from diffchest.cohorts.intake import ABSENT
from diffchest.cohorts.nih import FINDINGS, _names, read_nih
from diffchest.cohorts.splits import assign_roles
from diffchest.errors import DataError
from diffchest.params.cohorts import NihCohort
from diffchest.phantom.public_labels import NIH_TABLE
from tests.helpers.cohort_roots import GRAY, nih_row, steps, take_real_table, write_nih

ROWS = [
    nih_row("00000001_000.png", "1", **{"Finding Labels": "Effusion|Mass"}),
    nih_row("00000001_001.png", "1", **{"View Position": "AP", "Patient Gender": "M", "Patient Age": "058Y"}),
    nih_row("00000002_000.png", "2", **{"Finding Labels": "", "Patient Age": "414"}),
]


def nih(root, use="probe", images="all"):
    return read_cohort("nih", NihCohort(format="nih", root=str(root), use=use, images=images))


def write_lists(root, train, test):
    (root / "train_val_list.txt").write_text("".join(f"{name}\r\n" for name in train))
    (root / "test_list.txt").write_text("\n".join(test))


@pytest.mark.parametrize("use", ["pretrain", "probe"])
def test_every_image_has_the_role_of_the_cohort(tmp_path, use):
    cohort = nih(write_nih(tmp_path, ROWS), use)
    images = cohort.images
    assert images["image_id"].tolist() == [f"nih/{row['Image Index']}" for row in ROWS]
    assert images["source"].iloc[0] == "images/00000001_000.png"
    assert images["role"].unique().tolist() == [use]
    assert images["patient_id"].tolist() == ["nih/1", "nih/1", "nih/2"]
    assert images["view"].tolist() == ["PA", "AP", "PA"]
    assert images["sex"].tolist() == ["F", "M", "F"]
    np.testing.assert_array_equal(images["age"], [58, 58, np.nan])
    assert list(cohort.labels.columns) == FINDINGS
    assert len(FINDINGS) == 15
    positive = cohort.labels.iloc[0]
    assert positive[positive == 1].index.tolist() == ["Effusion", "Mass"]
    assert (positive.drop(["Effusion", "Mass"]) == 0).all()
    assert cohort.labels.iloc[1]["No Finding"] == 1
    assert cohort.labels.iloc[2].isna().all()
    assert not cohort.blank_is_negative
    assert steps(cohort)["frontal (PA, AP)"] == (3, 2)


def test_folders_by_archive_and_zip_files(tmp_path):
    root = write_nih(tmp_path, ROWS)
    (root / "images_001").mkdir()
    (root / "images").rename(root / "images_001" / "images")
    with zipfile.ZipFile(root / "images_002.zip", "w") as archive:
        archive.writestr("images/00000002_000.png", GRAY)
    (root / "images_001" / "images" / "00000002_000.png").unlink()
    assert nih(root).images["source"].tolist() == [
        "images_001/images/00000001_000.png",
        "images_001/images/00000001_001.png",
        "images_002.zip::images/00000002_000.png",
    ]


def test_images_that_are_still_packed_are_named_with_the_command(tmp_path):
    root = write_nih(tmp_path / "it's here", ROWS)
    for number in (1, 2):
        with tarfile.open(root / f"images_{number:03d}.tar.gz", "w:gz") as archive:
            archive.add(root / "images", "images")
    shutil.rmtree(root / "images")
    with pytest.raises(DataError, match=r"images_001\.tar\.gz: no image is unpacked.*all 2 with") as error:
        nih(root, images="present")
    command = str(error.value).partition("with:")[2].strip()
    subprocess.run(["sh", "-c", command], check=True, cwd="/")
    assert len(nih(root).labels) == 3


def test_official_lists_give_the_roles(tmp_path):
    root = write_nih(tmp_path, [*ROWS, nih_row("00000003_000.png", "3")])
    write_lists(root, ["00000001_000.png", "00000001_001.png", ""], ["00000002_000.png"])
    cohort = nih(root, "official")
    assert cohort.images["role"].tolist() == ["finetune", "finetune", "test"]
    assert assign_roles(cohort.images, test_fraction=0.9, seed=0).equals(cohort.images)  # nothing left to split
    flow = steps(cohort)
    assert flow["excluded: in neither official list"] == (1, 1)
    assert flow["in an official list"] == (3, 2)


def test_both_official_lists_must_be_there_and_disjoint(tmp_path):
    root = write_nih(tmp_path, ROWS)
    with pytest.raises(DataError, match=r"train_val_list\.txt and test_list\.txt missing"):
        nih(root, "official")
    write_lists(root, ["00000001_000.png"], ["00000001_000.png", "00000002_000.png"])
    with pytest.raises(DataError, match=r"1 image\(s\) are also in train_val_list.txt, for example '00000001_000.png'"):
        nih(root, "official")
    (root / "test_list.txt").write_text("")
    with pytest.raises(DataError, match=r"test_list\.txt: lists no image"):
        nih(root, "official")
    (root / "test_list.txt").write_bytes("Röntgen.png".encode("latin-1"))
    with pytest.raises(DataError, match=r"test_list\.txt: not utf-8 text in or after line 1 .* 'Röntgen.png'"):
        nih(root, "official")
    (root / "test_list.txt").unlink()
    with pytest.raises(DataError, match=r": test_list\.txt missing"):
        nih(root, "official")


def test_the_table_of_2017_and_both_spellings_of_sex(tmp_path):
    rows = [{{"Patient Gender": "Patient Sex"}.get(key, key): value for key, value in row.items()} for row in ROWS]
    root = write_nih(tmp_path, rows, table="Data_Entry_2017.csv")
    assert nih(root).images["sex"].tolist() == ["F", "M", "F"]
    write_nih(tmp_path, ROWS[:1])
    assert len(nih(root).images) == 1  # the newer table wins


def test_bad_rows_are_rejected_and_counted(tmp_path):
    outside = nih_row("../outside.png", "4")
    rows = [*ROWS, nih_row("00000001_000.png", "9"), nih_row("00000004_000.png", " "), nih_row("", "5")]
    root = write_nih(tmp_path / "root", [*rows, nih_row("00000006_000.png", "6", **{"View Position": "LL"})])
    pd.DataFrame([*rows, outside]).to_csv(root / "Data_Entry_2017_v2020.csv", index=False)
    (tmp_path / "outside.png").write_bytes(GRAY)
    cohort = nih(root)
    assert cohort.rejected[["image_id", "reason"]].to_numpy().tolist() == [
        ["nih/", "image id is empty"],
        ["nih/../outside.png", "image is not in the root"],
        ["nih/00000001_000.png", "image id occurs more than once; the first row counts"],
        ["nih/00000004_000.png", "patient id is empty"],
    ]
    assert len(cohort.labels) == 3


def test_a_view_that_is_not_frontal_is_left_out(tmp_path):
    cohort = nih(write_nih(tmp_path, [*ROWS, nih_row("00000006_000.png", "6", **{"View Position": "LL"})]))
    assert steps(cohort)["excluded: not frontal"] == (1, 1)
    assert len(cohort.images) == 3
    unknown = steps(nih(write_nih(tmp_path, [*ROWS, nih_row("00000006_000.png", "6", **{"View Position": " "})])))
    assert unknown["excluded: view not known"] == (1, 1)
    assert unknown["excluded: not frontal"] == (0, 0)


def test_bad_tables_are_named(tmp_path, capsys):
    with pytest.raises(DataError, match=r"Data_Entry_2017\*\.csv: no such table"):
        nih(tmp_path)
    with pytest.raises(
        DataError, match=r"column 'Finding Labels': expected names of Atelectasis, .* found 'Mass,Hernia'"
    ):
        nih(write_nih(tmp_path, [nih_row("a.png", "1", **{"Finding Labels": "Mass,Hernia"})]))
    for column in ("View Position", "Patient Gender"):
        row = nih_row("a.png", "1")
        del row[column]
        with pytest.raises(DataError, match=rf"\['{column}'\] are missing"):
            nih(write_nih(tmp_path, [row]))
    capsys.readouterr()
    told = nih(write_nih(tmp_path, ROWS)).understood.set_index("what")
    (version,) = [line for line in capsys.readouterr().err.splitlines() if "16-bit" not in line]
    assert "expected 112,120 rows, found 3" in version
    age = told.loc["Patient Age: not understood as age", ["number", "of", "example"]]
    assert age.tolist() == [1, 3, "such as '414'"]


@given(st.lists(st.sampled_from(FINDINGS), min_size=1))
def test_names_joined_by_bars_are_taken_apart(names):
    assert _names("|".join(names), "x") == set(names)
    assert _names(" | ".join(names), "x") == set(names)


@given(st.text())
def test_any_other_cell_is_an_error(cell):
    if {name.strip() for name in cell.split("|")} - {""} <= set(FINDINGS) and cell.strip("| "):
        return
    with pytest.raises(DataError, match="column 'Finding Labels'"):
        _names(cell, "x")


def test_counts_of_the_real_table(root, tmp_path, capsys):
    take_real_table(root, NIH_TABLE, tmp_path / NIH_TABLE)
    cohort = read_nih("nih", NihCohort(format="nih", root=str(tmp_path), images="present"))
    assert capsys.readouterr().err == ""
    assert steps(cohort)["listed in the table"] == (112_120, 30_805)
    assert steps(cohort)["frontal (PA, AP)"] == (112_120, 30_805)
    assert cohort.images["age"].between(0, 120).all()
    assert set(cohort.images["sex"]) == {"M", "F"}
    assert len(cohort.rejected) == len(cohort.images)  # none is there
    assert cohort.rejected["reason"].unique().tolist() == [ABSENT]
