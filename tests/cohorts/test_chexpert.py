"""CheXpert: its three layouts, the validation set, the test set with its ground truth and readers."""

import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffchest.cohorts.chexpert import (
    BENCHMARK_READERS,
    FINDINGS,
    GROUND_TRUTH_READERS,
    PATH,
    Readers,
    read_chexpert,
    read_readers,
)
from diffchest.cohorts.ingest import read_cohort
from diffchest.cohorts.intake import ABSENT
from diffchest.errors import DataError
from diffchest.params.cohorts import ChexpertCohort
from diffchest.phantom.public_labels import CHEXPERT_TABLE
from tests.helpers.cohort_roots import (
    PHOTO,
    steps,
    take_real_table,
    write_chexpert,
    write_photos,
    write_study_table,
    write_view_table,
)

VIEWS = [
    "patient00001/study1/view1_frontal.jpg",
    "patient00001/study1/view2_lateral.jpg",
    "patient00002/study1/view1_frontal.jpg",
]
SMALL = [f"CheXpert-v1.0-small/train/{view}" for view in VIEWS]
FULL = [f"CheXpert-v1.0/train/{view}" for view in VIEWS]
VALID = ["CheXpert-v1.0/valid/patient64541/study1/view1_frontal.jpg"]
TEST = ("patient64741/study1", "patient64742/study1")
FRONTAL_IDS = [f"chexpert/train/{VIEWS[0]}", f"chexpert/train/{VIEWS[2]}"]


def chexpert(root, validation="leave_out", images="all"):
    return read_cohort(
        "chexpert", ChexpertCohort(format="chexpert", root=str(root), validation=validation, images=images)
    )


def test_training_and_test_sets(tmp_path):
    cohort = chexpert(write_chexpert(tmp_path, SMALL, test=TEST))
    assert cohort.images["role"].tolist() == ["test", "test", "pretrain", "pretrain"]
    first = cohort.images.iloc[-2]
    assert first["image_id"] == FRONTAL_IDS[0]
    assert (first["patient_id"], first["study_id"]) == ("chexpert/patient00001", "patient00001/study1")
    assert (first["view"], first["sex"], first["age"]) == ("AP", "M", 61.0)
    assert cohort.labels.loc[first["image_id"], "Edema"] == -1
    assert np.isnan(cohort.labels.loc[first["image_id"], "Fracture"])
    assert cohort.labels.iloc[0][["Edema", "Lung Lesion", "Lung Opacity"]].tolist() == [1, 1, 0]
    assert steps(cohort)["frontal"] == (2, 2)
    assert steps(cohort)["test studies"] == (2, 2)
    assert cohort.blank_is_negative


def test_the_full_layout_in_one_folder(tmp_path):
    write_view_table(tmp_path / "CheXpert-v1.0" / "train.csv", FULL)
    write_photos(tmp_path, FULL)
    for root, prefix in [(tmp_path, "CheXpert-v1.0/train/"), (tmp_path / "CheXpert-v1.0", "train/")]:
        images = chexpert(root).images
        assert images["image_id"].tolist() == FRONTAL_IDS
        assert images["source"].tolist() == [f"{prefix}{VIEWS[0]}", f"{prefix}{VIEWS[2]}"]


def test_the_full_layout_in_batches_packed_or_not(tmp_path):
    tables, first, second = (
        "CheXpert-v1.0 batch 1 (validate & csv)",
        "CheXpert-v1.0 batch 2 (train 1)",
        "CheXpert-v1.0 batch 3 (train 2)",
    )
    write_view_table(tmp_path / tables / "train.csv", FULL)
    write_view_table(tmp_path / tables / "valid.csv", VALID)
    write_photos(tmp_path / tables, ["valid/patient64541/study1/view1_frontal.jpg"])
    write_photos(tmp_path / first, VIEWS[:2])
    with zipfile.ZipFile(tmp_path / f"{second}.zip", "w") as archive:
        archive.writestr(f"{second}/{VIEWS[2]}", PHOTO)
    images = chexpert(tmp_path, "pretrain").images
    assert images["image_id"].tolist() == [*FRONTAL_IDS, "chexpert/valid/patient64541/study1/view1_frontal.jpg"]
    assert images["source"].tolist() == [
        f"{first}/{VIEWS[0]}",
        f"{second}.zip::{second}/{VIEWS[2]}",
        f"{tables}/valid/patient64541/study1/view1_frontal.jpg",
    ]


def test_the_validation_set_is_left_out_and_counted_or_pretrains(tmp_path):
    root = write_chexpert(tmp_path, SMALL, test=TEST)
    lateral = "CheXpert-v1.0/valid/patient64541/study1/view2_lateral.jpg"
    write_view_table(root / "valid.csv", [*VALID, lateral], Edema="1", Fracture="0")
    write_photos(root, VALID)
    left_out = chexpert(root)
    assert not left_out.images["image_id"].str.contains("valid").any()
    assert steps(left_out)["listed in the validation table"] == (2, 1)
    assert steps(left_out)["excluded: validation set"] == (2, 1)
    assert steps(left_out)["frontal"] == (2, 2)
    used = chexpert(root, "pretrain")
    assert "excluded: validation set" not in steps(used)
    assert steps(used)["frontal"] == (3, 3)
    assert used.images["role"].value_counts().to_dict() == {"pretrain": 3, "test": 2}
    assert used.labels.loc[f"chexpert/{VALID[0].partition('/')[2]}", ["Edema", "Fracture"]].tolist() == [1, 0]
    assert used.labels.loc[FRONTAL_IDS[0], "Edema"] == -1


def test_a_test_study_is_its_first_listed_frontal_view(tmp_path):
    root = write_chexpert(tmp_path, SMALL, test=TEST)
    views = [f"CheXpert-v1.0/test/{TEST[0]}/{name}" for name in ("view1_lateral.jpg", "view2_frontal.jpg")]
    write_view_table(root / "test.csv", [*views, f"CheXpert-v1.0/test/{TEST[0]}/view3_frontal.jpg"])
    write_photos(root, views)
    listed, unlisted = (row for _, row in chexpert(root).images.iloc[:2].iterrows())
    assert listed["image_id"] == f"chexpert/test/{TEST[0]}/view2_frontal.jpg"
    assert listed["source"] == views[1]
    assert listed[["view", "sex", "age"]].tolist() == ["AP", "M", 61.0]
    assert unlisted["image_id"] == f"chexpert/test/{TEST[1]}/view1_frontal.jpg"
    assert unlisted[["view", "sex"]].tolist() == ["", ""]
    assert np.isnan(unlisted["age"])


def test_the_id_of_a_test_image_does_not_depend_on_what_is_present(tmp_path):
    root = write_chexpert(tmp_path, SMALL)
    write_study_table(root / "groundtruth.csv", TEST, FINDINGS)
    folder = f"test/{TEST[0]}"
    write_photos(root, [f"{folder}/view10_frontal.jpg", f"{folder}/view2_frontal.jpg", f"{folder}/view1_lateral.jpg"])
    images = chexpert(root, images="present").images.iloc[:2]
    assert images["image_id"].tolist() == [f"chexpert/test/{study}/view1_frontal.jpg" for study in TEST]
    assert images["source"].tolist() == [f"{folder}/view2_frontal.jpg", ""]


def test_paths_that_name_no_view_and_repeated_ones_are_rejected(tmp_path):
    paths = [*SMALL, "CheXpert-v1.0/train/patient1/view1_frontal.jpg", SMALL[0], "../../etc/passwd", ""]
    write_view_table(tmp_path / "train.csv", paths)
    write_photos(tmp_path, SMALL)
    rejected = chexpert(tmp_path).rejected
    assert rejected["reason"].tolist() == [
        *["image id is empty"] * 3,
        "image id occurs more than once; the first row counts",
    ]


def test_a_rejected_row_is_named_by_its_own_table(tmp_path):
    root = write_chexpert(tmp_path, SMALL, test=TEST)
    write_view_table(root / "valid.csv", [*VALID, VALID[0].replace("view1", "view3")])
    write_photos(root, VALID[:1])
    rejected = chexpert(root, "pretrain").rejected
    assert rejected["detail"].tolist() == [
        f"valid.csv, row 3: '{VALID[0].replace('view1', 'view3')}'; looked for any file or zip member called "
        f"patient64541/study1/view3_frontal.jpg below {root}"
    ]


def test_a_view_that_the_table_leaves_blank_is_not_called_lateral(tmp_path):
    write_chexpert(tmp_path, SMALL)
    write_view_table(tmp_path / "train.csv", SMALL, **{"Frontal/Lateral": ["Frontal", "Lateral", ""]})
    flow = steps(chexpert(tmp_path))
    assert [flow[f"excluded: {step}"] for step in ("view not known", "not frontal")] == [(1, 1), (1, 1)]


def test_a_path_above_the_root_is_looked_up_below_it(tmp_path):
    root = tmp_path / "root"
    write_view_table(root / "train.csv", [f"../../{VIEWS[0]}", *SMALL[2:]])
    write_photos(tmp_path, VIEWS[:1])
    write_photos(root, SMALL[2:])
    assert chexpert(root).images["source"].tolist() == ["", SMALL[2]]


def test_bad_tables_are_named(tmp_path, capsys):
    with pytest.raises(DataError, match=r"train\.csv: no such table"):
        chexpert(tmp_path)
    write_view_table(tmp_path / "train.csv", SMALL, Edema="2")
    with pytest.raises(DataError, match=r"train\.csv: column 'Edema', row 2: expected .* found '2'"):
        chexpert(tmp_path)
    write_view_table(tmp_path / "train.csv", SMALL)
    pd.read_csv(tmp_path / "train.csv").drop(columns="AP/PA").to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(DataError, match=r"\['AP/PA'\] are missing"):
        chexpert(tmp_path)
    write_chexpert(tmp_path, SMALL)
    write_study_table(tmp_path / "groundtruth.csv", (TEST[0], TEST[0]), FINDINGS)
    with pytest.raises(DataError, match=r"groundtruth\.csv: column 'Study', row 3: expected a new"):
        chexpert(tmp_path)
    write_study_table(tmp_path / "groundtruth.csv", ("patient64741",), FINDINGS)
    with pytest.raises(DataError, match=r"row 2: .* found 'CheXpert-v1.0/test/patient64741'"):
        chexpert(tmp_path)
    (tmp_path / "groundtruth.csv").unlink()
    capsys.readouterr()
    chexpert(tmp_path)
    (line,) = capsys.readouterr().err.splitlines()
    assert "train.csv: expected 223,414 rows, found 3" in line


NUMBER = st.integers(0, 99_999)


@given(
    st.lists(st.text(alphabet="abc .()&-_0", min_size=1), max_size=3),
    st.tuples(NUMBER, NUMBER, NUMBER),
    st.sampled_from(["frontal", "lateral"]),
)
def test_a_view_is_found_at_the_end_of_any_path(folders, numbers, kind):
    patient, study, view = numbers
    native = f"patient{patient:05d}/study{study}/view{view}_{kind}.jpg"
    found = pd.Series(["/".join([*folders, native])]).str.extract(PATH, expand=False)
    assert found.tolist() == [native]


@given(st.text() | st.text(alphabet="patienstudyvwfrolj12/._\n"))
def test_any_other_path_gives_nothing_or_a_whole_view_path(path):
    (found,) = pd.Series([path]).str.extract(PATH, expand=False).fillna("")
    assert found == "" or (path.endswith(found) and re.fullmatch(r"patient\d+/study\d+/view\d+_[a-z]+\.\w+", found))


def test_readers_are_read_by_column_name(tmp_path):
    root = write_chexpert(tmp_path, SMALL, test=TEST[:1])
    assert read_readers(root) == Readers(benchmark={}, ground_truth={})
    for reader in ("bc4", "bc6", "bc8"):
        write_study_table(root / "radiologists" / f"{reader}_benchmark.csv", TEST[:1], FINDINGS[::-1])
    write_study_table(root / "radiologists" / "bc2_groundtruth.csv", TEST[:1], FINDINGS)
    readers = read_readers(root)
    assert list(readers.benchmark) == ["bc4", "bc6", "bc8"]
    assert list(readers.ground_truth) == ["bc2"]
    assert readers.benchmark["bc6"].loc[TEST[0], ["Lung Lesion", "Lung Opacity"]].tolist() == [1, 0]
    (root / "radiologists" / "bc8_benchmark.csv").unlink()
    with pytest.raises(DataError, match="bc8"):
        read_readers(root)


def test_real_readers_and_their_majority(shared):
    root = shared / "data" / "chexpert_test"
    if not root.is_dir():
        pytest.skip("the readers' files are not there (a user's clone has none)")
    readers = read_readers(root)
    assert tuple(readers.benchmark) == BENCHMARK_READERS
    assert tuple(readers.ground_truth) == GROUND_TRUTH_READERS
    assert {table.shape for table in (readers.benchmark | readers.ground_truth).values()} == {(500, 14)}
    raw = pd.read_csv(root / "radiologists" / "bc4_benchmark.csv")
    assert (readers.benchmark["bc4"]["Lung Opacity"].to_numpy() == raw["Lung Opacity"].to_numpy()).all()
    truth = pd.read_csv(root / "groundtruth.csv")
    studies = truth["Study"].str.removeprefix("CheXpert-v1.0/test/")
    votes = sum(table.loc[studies, FINDINGS].to_numpy() for table in readers.ground_truth.values())
    np.testing.assert_array_equal(votes >= 3, truth[FINDINGS].to_numpy() == 1)


def test_counts_of_the_real_table(root, tmp_path, capsys):
    take_real_table(root, CHEXPERT_TABLE, tmp_path / "train.csv.gz")
    cohort = read_chexpert("chexpert", ChexpertCohort(format="chexpert", root=str(tmp_path), images="present"))
    assert capsys.readouterr().err == ""
    assert steps(cohort)["listed in the training table"] == (223_414, 64_540)
    assert steps(cohort)["frontal"] == (191_027, 64_534)
    assert len(cohort.rejected) == len(cohort.images)  # none is there
    assert cohort.rejected["reason"].unique().tolist() == [ABSENT]
