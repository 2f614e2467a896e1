"""No patient and no file has two roles, however cohorts, folders, tables and links are named."""

import os
import zipfile

import pandas as pd
import pytest

from diffchest.cohorts.guard import check_one_role, tell_same_ids
from diffchest.cohorts.intake import Intake
from diffchest.errors import DataError
from tests.helpers.manifests import images


def cohort(dataset, root, source, *, patient="7", role="test", table="index.csv"):
    """One image of a cohort."""
    return {
        "dataset": dataset,
        "patient_id": f"{dataset}/{patient}",
        "role": role,
        "origin": f"{root}/{table}",
        "root": str(root),
        "source": source,
    }


def check(*rows):
    check_one_role(pd.DataFrame(rows))


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "films" / "north"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(b"1")
    (folder / "2.png").write_bytes(b"2")
    with zipfile.ZipFile(tmp_path / "films" / "0.zip", "w") as archive:
        archive.writestr("1.png", b"1")
    return tmp_path / "films"


def test_a_patient_with_two_roles_stops_with_the_id():
    here = {"root": "nowhere", "origin": "table.csv"}
    with pytest.raises(DataError, match=r"(?s)1 patient\(s\).*7 of .*table.csv: pretrain, test"):
        check_one_role(images(dataset="a", patient_id=["a/7", "a/7", "a/8"], role=["pretrain", "test", "test"], **here))
    two = {"dataset": ["a", "b"], "role": ["pretrain", "finetune"], "root": "nowhere", "source": ["x", "y"]}
    with pytest.raises(DataError, match=r"7 of .*table\.csv"):
        check_one_role(images(patient_id=["a/7", "b/7"], **two))
    check_one_role(images(patient_id=["a/7", "b/7"], **two | {"origin": ["one.csv", "other.csv"]}))


def test_a_slash_in_a_cohorts_name_hides_nobody():
    rows = {"dataset": ["a/x", "a"], "patient_id": ["a/x/7", "a/7"], "role": ["pretrain", "test"], "root": "nowhere"}
    with pytest.raises(DataError, match=r"7 of .*table\.csv: pretrain, test"):
        check_one_role(images(source=["x", "y"], **rows))


@pytest.mark.parametrize("spelling", ["tables/", "./tables", "tables/x/..", "absolute", "link"])
def test_a_root_is_one_origin_however_it_is_written(spelling, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tables" / "x").mkdir(parents=True)
    (tmp_path / "link").symlink_to("tables")
    other = str(tmp_path / "tables") if spelling == "absolute" else spelling
    one = {"image": text("1.png"), "patient": text("7"), "key": text("1.png")}
    listed = [
        Intake(name, origin).listing(pd.DataFrame({"n": [1]}), **one)
        for name, origin in (("a", "tables"), ("b", other))
    ]
    both = pd.concat([listed[0].assign(role="pretrain"), listed[1].assign(role="test")]).assign(
        source="", root="tables"
    )
    with pytest.raises(DataError, match=r"7 of .*tables: pretrain, test"):
        check_one_role(both)


def text(value):
    return pd.Series([value])


def linked(films, how):
    """Another root and source that lead to north/1.png."""
    if how == "nested":
        return films / "north", "1.png"
    other = films.parent / "other"
    if how == "folder":
        other.symlink_to(films / "north")
        return other, "1.png"
    other.mkdir()
    link = os.symlink if how == "symbolic" else os.link
    link(films / "north" / "1.png", other / "a.png")
    return other, "a.png"


@pytest.mark.parametrize("how", ["nested", "folder", "symbolic", "hard"])
@pytest.mark.parametrize(("one", "two"), [("test", "pretrain"), ("finetune", "pretrain"), ("finetune", "test")])
def test_a_file_with_two_roles_stops_with_both_owners(films, how, one, two):
    root, source = linked(films, how)
    listed = cohort("labelled", films, "north/1.png", patient="P", role=one)
    with pytest.raises(DataError) as error:
        check(listed, cohort("other", root, source, patient="Q", role=two, table="all.csv"))
    message = str(error.value)
    assert (
        f"1 image file(s) would have more than one role, so test results could not be trusted:\n  {films}/north/1.png"
        in message
    )
    assert f"patient 'P' of cohort labelled ({one}), patient 'Q' of cohort other ({two})" in message
    check(listed, cohort("other", root, source, patient="Q", role=one, table="all.csv"))


def test_other_files_absent_ones_and_copies_are_left_alone(films):
    tested = cohort("a", films, "north/1.png")
    check(tested, cohort("b", films, "north/2.png", role="pretrain", table="b.csv"))
    check(cohort("a", films, ""), cohort("b", films, "", role="pretrain", table="b.csv"))
    check(tested, cohort("b", films, "0.zip::1.png", role="pretrain", table="b.csv"))


def test_a_member_of_a_zip_is_a_file(films):
    (films / "again.zip").symlink_to("0.zip")
    tested = cohort("a", films, "0.zip::1.png", patient="P")
    with pytest.raises(DataError, match=r"0\.zip::1\.png: patient 'P' of cohort a \(test\), patient 'Q' of cohort b"):
        check(tested, cohort("b", films, "again.zip::1.png", patient="Q", role="pretrain", table="b.csv"))
    check(tested, cohort("b", films, "again.zip::2.png", patient="Q", role="pretrain", table="b.csv"))


def test_cohorts_that_share_files_of_the_same_patients_number_them_alike(films):
    """Patient 8 is the same person in both tables, as patient 7 shows, though no image of 8 is in both."""
    shared = [cohort(name, films, "north/1.png", table=f"{name}.csv") for name in "ab"]
    eight = [
        cohort("a", films, "north/2.png", patient="8"),
        cohort("b", films, "", patient="8", role="finetune", table="b.csv"),
    ]
    eight[0]["origin"] = shared[0]["origin"]
    with pytest.raises(DataError, match=r"(?s)8 of .*finetune, test.*These cohorts share files"):
        check(*shared, *eight)
    check(*eight)  # nothing says that they are
    shared[1]["patient_id"] = "b/70"  # and here that they are not
    check(*shared, *eight)


@pytest.mark.parametrize(("one", "other"), [("7", "007"), ("p1", "P1"), ("7", "7.0")])
def test_two_spellings_of_a_patient_are_one(one, other):
    rows = {"dataset": ["a", "b"], "role": ["finetune", "test"], "root": "nowhere", "source": ["x", "y"]}
    first, second = sorted([one, other])
    with pytest.raises(DataError, match=rf"1 patient\(s\)[^:]*:\n  {first} or {second} of .*: finetune, test"):
        check_one_role(images(patient_id=[f"a/{one}", f"b/{other}"], **rows))
    check_one_role(images(patient_id=[f"a/{one}", f"b/{other}"], **rows | {"role": "test"}))


def test_ids_of_test_patients_in_another_table_of_the_root_are_told(tmp_path, capsys):
    rows = {
        "dataset": ["a", "a", "b", "b", "b"],
        "patient_id": ["a/007", "a/8", "b/7", "b/9", "b/8"],
        "role": ["test", "finetune", "pretrain", "pretrain", "pretrain"],
        "root": [str(tmp_path), str(tmp_path), f"{tmp_path}/", str(tmp_path), str(tmp_path)],
    }
    tell_same_ids(pd.DataFrame(rows))
    told = capsys.readouterr().err
    assert told.startswith("note: 1 test patient(s) of a have the ids of patients of b")
    tell_same_ids(pd.DataFrame(rows | {"root": ["one", "one", "two", "two", "two"]}))
    assert capsys.readouterr().err == ""
