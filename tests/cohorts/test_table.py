"""Own radiographs: any table, images in a folder or a zip, labels as columns or as one list."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from diffchest.cohorts.ingest import read_cohort
from diffchest.cohorts.splits import assign_roles
from diffchest.errors import DataError
from diffchest.findings.disease_free import disease_free
from diffchest.images.sources import SourceReader
from diffchest.params.cohorts import TableCohort
from tests.helpers.cohort_roots import PHOTO, steps


@pytest.fixture
def frame(tmp_path):
    (tmp_path / "images").mkdir()
    for name in "abc":
        (tmp_path / "images" / f"{name}.jpg").write_bytes(PHOTO)
    return pd.DataFrame(
        {
            "file": ["images/b.jpg", "images/a.jpg", "images/c.jpg"],
            "pid": [7, 7, 8],
            "site": ["north", "north", "south"],
            "sex": ["male", "F", "?"],
            "age": [61.5, np.nan, -1],
            "Edema": [1, 0, np.nan],
            "Effusion": ["true", "", "-1.0"],
            "report": ["Edema; Effusion", "", "No Finding"],
        }
    )


def own(tmp_path, frame, name="index.csv", **options):
    write = frame.to_parquet if name.endswith(".parquet") else frame.to_csv
    write(tmp_path / name, index=False)
    section = {"format": "table", "root": str(tmp_path), "table": name, "image": "file", "patient": "pid"}
    return read_cohort("own", TableCohort(**(section | {"labels": ["Edema", "Effusion"]} | options)))


@pytest.mark.parametrize("name", ["index.csv", "index.csv.gz", "index.parquet"])
def test_label_columns(tmp_path, frame, name):
    cohort = own(tmp_path, frame, name, sex="sex", age="age")
    assert cohort.images["image_id"].tolist() == ["own/images/a.jpg", "own/images/b.jpg", "own/images/c.jpg"]
    assert cohort.images["patient_id"].tolist() == ["own/7", "own/7", "own/8"]
    assert cohort.images["sex"].tolist() == ["F", "M", ""]
    np.testing.assert_array_equal(cohort.images["age"], [np.nan, 61.5, np.nan])
    np.testing.assert_array_equal(cohort.labels["Edema"], np.float32([0, 1, np.nan]))
    np.testing.assert_array_equal(cohort.labels["Effusion"], np.float32([np.nan, 1, -1]))
    assert cohort.images["role"].tolist() == ["probe"] * 3


def test_findings_column_where_and_zip(tmp_path, frame):
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for name in frame["file"]:
            archive.writestr(name, PHOTO)
    options = {"labels": [], "findings": "report", "separator": ";", "zip": "pictures.zip"}
    cohort = own(tmp_path, frame, where={"site": ["north"]}, **options)
    assert cohort.images["source"].tolist() == ["pictures.zip::images/a.jpg", "pictures.zip::images/b.jpg"]
    assert list(cohort.labels.columns) == ["Edema", "Effusion"]
    assert cohort.labels.loc["own/images/a.jpg"].isna().all()
    assert cohort.labels.loc["own/images/b.jpg"].tolist() == [1, 1]
    assert "No Finding" in own(tmp_path, frame, **options).labels
    with pytest.raises(DataError, match=r"no row has site in \['east'\]"):
        own(tmp_path, frame, where={"site": ["east"]}, **options)


def test_spaces_around_a_patient_id_do_not_make_another_patient(tmp_path, frame):
    cohort = own(tmp_path, frame.assign(pid=["7", " 7", "7 "]))
    assert cohort.images["patient_id"].tolist() == ["own/7"] * 3


def test_an_indicator_is_one_more_label(tmp_path, frame):
    """1 where the column holds a value, 0 where another, NaN where blank or where no finding of the row is assessed."""
    frame["view"] = [" AP", "PA", ""]
    section = {"indicators": {"bedside": {"view": ["AP", "portable"]}}}
    cohort = own(tmp_path, frame, **section)
    labels = cohort.labels
    assert list(cohort.indicators) == ["bedside"]
    assert list(labels.columns) == ["Edema", "Effusion", "bedside"]
    np.testing.assert_array_equal(labels["bedside"], np.float32([0, 1, np.nan]))
    labels = own(tmp_path, frame, labels=[], findings="report", separator=";", **section).labels
    assert list(labels.columns) == ["Edema", "Effusion", "No Finding", "bedside"]
    np.testing.assert_array_equal(labels["bedside"], np.float32([np.nan, 1, np.nan]))  # a.jpg has no report
    spelled = own(tmp_path, frame.assign(view="none"), indicators={"no view": {"view": ["none"]}}).labels
    assert spelled["no view"].tolist() == [1, 1, 1]  # a value that is asked for is no blank


def test_a_radiograph_with_an_indicator_is_not_disease_free(tmp_path, frame):
    frame["view"] = ["PA", "PA", "AP"]
    section = {"labels": [], "separator": ";", "findings": "report", "indicators": {"AP view": {"view": ["AP"]}}}
    reports = {"b": "Edema", "a": "No Finding", "c": "No Finding"}
    labels = own(tmp_path, frame.assign(report=list(reports.values())), **section).labels
    assert dict(zip("abc", disease_free(labels), strict=True)) == {"a": True, "b": False, "c": False}
    frame["Edema"], frame["Effusion"], frame["view"] = [0, np.nan, 0], [0, np.nan, 0], ["PA", "PA", "AP"]
    labels = own(tmp_path, frame, indicators=section["indicators"]).labels
    assert dict(zip("abc", disease_free(labels), strict=True)) == {"a": False, "b": True, "c": False}


def test_mistakes_in_indicators_are_named(tmp_path, frame):
    with pytest.raises(DataError, match=r"index.csv: column\(s\) \['view'\] are missing"):
        own(tmp_path, frame, indicators={"AP view": {"view": ["AP"]}})
    with pytest.raises(DataError, match=r"indicator 'Edema' is also the name of a finding"):
        own(tmp_path, frame, indicators={"Edema": {"site": ["north"]}})
    with pytest.raises(DataError, match=r"indicator 'east': no row has site in \['east'\]; found \['north', 'south'\]"):
        own(tmp_path, frame, indicators={"east": {"site": ["east"]}})
    for columns in ({}, {"site": ["north"], "sex": ["F"]}):
        with pytest.raises(ValueError, match=r"'both' needs one column with its values, .* found the columns \["):
            own(tmp_path, frame, indicators={"both": columns})
    with pytest.raises(ValueError, match="`indicators` stand beside findings"):
        own(tmp_path, frame, labels=[], use="pretrain", indicators={"north": {"site": ["north"]}})


def test_pretraining_needs_no_labels(tmp_path, frame):
    cohort = own(tmp_path, frame, labels=[], use="pretrain")
    assert cohort.labels.shape == (3, 0)
    assert cohort.images["role"].unique().tolist() == ["pretrain"]


@pytest.mark.parametrize("path", ["../outside.jpg", "/etc/outside.jpg", "images/../../outside.jpg"])
def test_a_path_that_leaves_the_root_is_rejected(tmp_path, frame, path):
    frame.loc[0, "file"] = path
    cohort = own(tmp_path, frame, images="present")
    assert cohort.rejected["reason"].tolist() == ["path leaves the root"]
    assert cohort.rejected["detail"].iloc[0].startswith(f"index.csv, row 2: {path!r}; a")
    assert len(cohort.images) == 2


def test_a_column_that_a_key_taken_over_names_is_told_with_what_to_write(tmp_path, frame):
    """As in a second cohort that takes over the first one's keys: none of its table's columns is made up."""
    taken = {"indicators": {"AP view": {"view": ["AP"]}}, "view": "view", "age": "years", "inverted": "photometric"}
    taken |= {"split": "part", "roles": {"a": "test"}}
    with pytest.raises(DataError, match=r"'years', 'part', 'photometric'\] are missing; found") as told:
        own(tmp_path, frame, **taken)
    assert str(told.value).splitlines()[1:] == [
        "  'view': named by the cohort's `view`; name a column that there is, or write `view: null` for none",
        "  'years': named by the cohort's `age`; name a column that there is, or write `age: null` for none",
        "  'part': named by the cohort's `split`; name a column that there is, or write `split: null` and `roles: null` "
        "for none",
        "  'photometric': named by the cohort's `inverted`; name a column that there is, or write `inverted: false` "
        "for none",
        "  'view': named by the cohort's `indicators`; name a column that there is, or write `indicators: null` "
        "for none",
    ]
    with pytest.raises(DataError, match=r"`labels`; name a column that there is, or pretrain alone \(`use: pretrain`"):
        own(tmp_path, frame, labels=["Mass"])
    with pytest.raises(DataError, match=r"column\(s\) \['file', 'view'\] are missing; found \[[^\n]*\]$"):
        own(tmp_path, frame.rename(columns={"file": "path"}), view="view")  # another table: no key is wrong


def test_mistakes_in_the_table_are_named(tmp_path, frame):
    with pytest.raises(DataError, match=r"index.csv: column\(s\) \['view'\] are missing"):
        own(tmp_path, frame, view="view")
    with pytest.raises(DataError, match=r"column 'Effusion', row 4: .*found 'maybe'"):
        own(tmp_path, frame.assign(Effusion=["1", "0", "maybe"]))
    with pytest.raises(DataError, match="cannot be read as a zip file"):
        own(tmp_path, frame, zip="none.zip")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    section = {"format": "table", "root": str(tmp_path), "labels": ["Edema"]}
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_cohort("own", TableCohort(**section, table="broken.parquet"))
    with pytest.raises(DataError, match="no such table"):
        read_cohort("own", TableCohort(**section, table="none.csv"))


def test_open_cxr(shared):
    section = {
        "format": "table",
        "root": str(shared / "data" / "open_cxr"),
        "table": "index.csv",
        "findings": "findings",
        "indicators": {"AP view": {"view": ["AP"]}},
    }
    where = {"source": ["nih_chestxray14"]}
    cohort = read_cohort("nih", TableCohort(**section, where=where, view="view", sex="sex", age="age"))
    assert len(cohort.images) == 1271
    assert cohort.rejected.empty
    raw = pd.read_csv(shared / "data" / "open_cxr" / "index.csv").query("source == 'nih_chestxray14'")
    assert cohort.images["patient_id"].nunique() == raw["patient_id"].nunique()
    expected = raw["findings"].str.get_dummies("|").assign(**{"AP view": raw["view"] == "AP"}).sum()
    assert cohort.labels.sum().astype(int).to_dict() == expected.to_dict()


@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "cp1252"), ("\t", "utf-8"), (",", "utf-8-sig")])
def test_tables_of_other_programs(tmp_path, frame, delimiter, encoding):
    frame["Ödem"] = frame["Edema"]
    frame.rename(columns={"Ödem": " Ödem "}).to_csv(tmp_path / "x.csv", index=False, sep=delimiter, encoding=encoding)
    section = {"format": "table", "root": str(tmp_path), "table": "x.csv", "image": "file", "patient": "pid"}
    section |= {"labels": ["Ödem"], "delimiter": delimiter, "encoding": encoding}
    cohort = read_cohort("own", TableCohort(**section))
    np.testing.assert_array_equal(cohort.labels["Ödem"], np.float32([0, 1, np.nan]))


def test_a_table_in_another_form_says_which_option_reads_it(tmp_path, frame):
    frame["Ödem"] = 1
    frame.to_csv(tmp_path / "x.csv", index=False, sep=";")
    section = {"format": "table", "root": str(tmp_path), "table": "x.csv", "image": "file", "patient": "pid"}
    section |= {"labels": ["Edema"]}
    assert len(read_cohort("own", TableCohort(**section)).images) == 3
    with pytest.raises(DataError, match=r"are missing; found .* semicolons: set the cohort's `delimiter` to ';'"):
        read_cohort("own", TableCohort(**section, delimiter=","))
    frame.to_csv(tmp_path / "x.csv", index=False, encoding="latin-1")
    with pytest.raises(DataError, match=r"x\.csv: not utf-8 text .* set the cohort's `encoding`"):
        read_cohort("own", TableCohort(**section))
    with pytest.raises(ValueError, match="'klingon' is no text encoding"):
        TableCohort(**section, encoding="klingon")


def test_findings_as_lists(tmp_path, frame):
    frame["report"] = ["['Edema', ' Effusion ', '']", "[]", "nan"]
    cohort = own(tmp_path, frame, labels=[], findings="report")
    expected = [[0, 0], [1, 1], [np.nan, np.nan]]
    np.testing.assert_array_equal(cohort.labels[["Edema", "Effusion"]], np.float32(expected))
    frame.loc[0, "report"] = "['Edema', "
    with pytest.raises(DataError, match=r"column 'report': expected a list of names .* found \"\['Edema',"):
        own(tmp_path, frame, labels=[], findings="report")


def test_paths_written_on_windows(tmp_path, frame):
    frame["file"] = frame["file"].str.replace("/", "\\")
    assert own(tmp_path, frame).images["source"].tolist() == ["images/a.jpg", "images/b.jpg", "images/c.jpg"]


def test_names_no_file_system_takes_are_absent(tmp_path, frame):
    frame.loc[2, "file"] = "x" * 300 + ".jpg"
    frame.loc[1, "file"] = "a\0b.jpg"
    rejected = own(tmp_path, frame, "index.parquet").rejected
    assert rejected["reason"].tolist() == ["image is not in the root"] * 2


def test_lists_in_a_parquet_table_are_lists(tmp_path, frame):
    frame["report"] = [["Mass", "Edema"], None, ["Mass"]]
    labels = own(tmp_path, frame, "index.parquet", labels=[], findings="report").labels
    assert list(labels.columns) == ["Edema", "Mass"]
    np.testing.assert_array_equal(labels, np.float32([[np.nan, np.nan], [1, 1], [0, 1]]))


def test_an_image_has_one_id_however_its_path_is_written(tmp_path, frame):
    frame["file"] = ["images/a.jpg", "./images/a.jpg", "images//a.jpg"]
    cohort = own(tmp_path, frame)
    assert cohort.images["image_id"].tolist() == ["own/images/a.jpg"]
    assert cohort.rejected["reason"].unique().tolist() == ["image id occurs more than once; the first row counts"]


def test_the_first_usable_of_several_rows_counts(tmp_path, frame):
    frame["file"], frame["pid"] = ["images/a.jpg"] * 3, ["", "7", "8"]
    cohort = own(tmp_path, frame)
    assert cohort.images["patient_id"].tolist() == ["own/7"]
    assert len(cohort.rejected) == 2


def test_a_filter_leaves_a_column_called_patient_id_alone(tmp_path, frame):
    frame["patient_id"] = ["s1", "s2", "s3"]
    cohort = own(tmp_path, frame, study="patient_id", where={"site": ["north"], "patient_id": ["s1"]})
    assert cohort.images[["patient_id", "study_id"]].to_numpy().tolist() == [["own/7", "s1"]]


def test_a_delimiter_at_the_end_of_every_row_shifts_nothing(tmp_path, frame):
    frame.to_csv(tmp_path / "index.csv", index=False)
    header, *rows = (tmp_path / "index.csv").read_text().splitlines()
    (tmp_path / "index.csv").write_text("\n".join([header, *(f"{row}," for row in rows)]))
    section = {"format": "table", "root": str(tmp_path), "table": "index.csv", "image": "file", "patient": "pid"}
    cohort = read_cohort("own", TableCohort(**section, labels=["Edema"]))
    assert cohort.images["image_id"].tolist() == ["own/images/a.jpg", "own/images/b.jpg", "own/images/c.jpg"]


def test_words_for_nobody_are_no_patients_and_no_images(tmp_path, frame):
    frame["pid"], frame["file"] = ["NaN", " NULL ", "p1"], ["images/a.jpg", "images/b.jpg", "None"]
    assert own(tmp_path, frame).images.empty
    cohort = own(tmp_path, pd.concat([frame, frame.assign(pid="p", file="images/c.jpg").head(1)]))
    assert cohort.images["patient_id"].tolist() == ["own/p"]
    assert cohort.rejected["reason"].tolist() == [
        "image id is 'None', which is no image",
        "patient id is 'NaN', which is no patient",
        "patient id is 'NULL', which is no patient",
    ]


def test_ages_sexes_and_views_that_are_not_understood_are_counted(tmp_path, frame):
    frame["age"], frame["sex"], frame["view"] = ["058Y", "old", ""], ["W", "1", "nan"], ["pa", "AP_horizontal", "3"]
    told = own(tmp_path, frame, age="age", sex="sex", view="view").understood
    assert told.loc[told["about"] == "cells", ["what", "number", "of", "example"]].to_numpy().tolist() == [
        ["view: not understood as view", 1, 3, "such as '3'"],
        ["sex: blank as sex", 1, 3, ""],
        ["sex: not understood as sex", 1, 3, "such as '1'"],
        ["age: blank as age", 1, 3, ""],
        ["age: not understood as age", 1, 3, "such as 'old'"],
    ]


def test_one_finding_has_one_spelling(tmp_path, frame):
    frame["report"] = ["Edema; mass", "edema", " Edema ;Mass"]
    with pytest.raises(DataError, match=r"index.csv: 2 findings .* 'Edema' \(2\), 'edema' \(1\); 'Mass' \(1\), 'mass'"):
        own(tmp_path, frame, labels=[], findings="report", separator=";")
    with pytest.raises(DataError, match=r"1 findings .*'Edema' \(1\), 'edema' \(1\)"):
        own(tmp_path, frame.assign(edema=frame["Edema"]), labels=["Edema", "edema"])


def test_what_is_missing_says_where_it_was_looked_for_and_what_is_near(tmp_path, frame):
    frame["file"] = ["Images\\A.jpg", "D:\\films\\b.jpg", " c.png"]
    cohort = own(tmp_path, frame, images="present")
    assert cohort.rejected[["source", "reason", "detail"]].to_numpy().tolist() == [
        [
            "D:/films/b.jpg",
            "path leaves the root",
            "index.csv, row 3: 'D:\\\\films\\\\b.jpg'; a drive letter of Windows, which is no folder here: give paths "
            "relative to the root; 'images/b.jpg' is there: another folder",
        ],
        [
            "Images/A.jpg",
            "image is not in the root",
            f"index.csv, row 2: 'Images\\\\A.jpg'; looked for {tmp_path}/Images/A.jpg; 'images/a.jpg' is there: upper and "
            "lower case differ",
        ],
        [
            "c.png",
            "image is not in the root",
            f"index.csv, row 4: ' c.png'; looked for {tmp_path}/c.png; 'images/c.jpg' is there: another folder, with "
            "another ending",
        ],
    ]


def test_absolute_paths_below_the_root_are_found_under_the_same_id(tmp_path, frame):
    plain = own(tmp_path, frame).images
    frame["file"] = [f"{tmp_path}/images/b.jpg", f"file://{tmp_path}/images/a.jpg", "images/c"]
    images = own(tmp_path, frame).images
    assert images["source"].tolist() == plain["source"].tolist()
    assert images["image_id"].tolist() == ["own/images/a.jpg", "own/images/b.jpg", "own/images/c"]


def pack(path, **content):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"images/{name}.jpg", data)


def test_several_zips(tmp_path, frame, capsys):
    pack(tmp_path / "1.zip", a=PHOTO, b=PHOTO, readme=b"one")
    pack(tmp_path / "2.zip", b=PHOTO, c=PHOTO, readme=b"two")
    cohort = own(tmp_path, frame, zip=["1.zip", "2.zip"])
    assert cohort.images["source"].tolist() == ["1.zip::images/a.jpg", "1.zip::images/b.jpg", "2.zip::images/c.jpg"]
    assert (
        "1 image(s) are in two of the zip files, such as 'images/b.jpg'; that in 1.zip is taken"
        in capsys.readouterr().err
    )
    frame.loc[2, "file"] = "images/C.jpg"
    detail = own(tmp_path, frame, zip=["1.zip", "2.zip"]).rejected["detail"].iloc[0]
    looked = f"looked for {tmp_path}/images/C.jpg and in {tmp_path}/1.zip and in {tmp_path}/2.zip"
    assert f"{looked}; 'images/c.jpg' is there" in detail
    pack(tmp_path / "2.zip", b=b"another", c=PHOTO)
    with pytest.raises(DataError, match=r"2\.zip: 'images/b\.jpg' is also in 1\.zip, with other content"):
        own(tmp_path, frame, zip=["1.zip", "2.zip"])
    with pytest.raises(ValueError, match="at least 1 item"):
        own(tmp_path, frame, zip=[])


def test_some_images_in_a_zip_and_others_in_the_folder_are_one_cohort(tmp_path, frame, capsys):
    """No key says which: a path is looked up in both, and one in both must be the same image there."""
    (tmp_path / "images" / "b.jpg").unlink()
    pack(tmp_path / "part.zip", b=PHOTO, c=PHOTO)
    cohort = own(tmp_path, frame, zip="part.zip")
    assert cohort.images["source"].tolist() == ["images/a.jpg", "part.zip::images/b.jpg", "part.zip::images/c.jpg"]
    assert "1 image(s) are files and in a zip file too, such as 'images/c.jpg'" in capsys.readouterr().err
    (tmp_path / "images" / "c.jpg").write_bytes(PHOTO[:-1] + b"x")
    with pytest.raises(DataError, match=r"c\.jpg: is also in part\.zip, with other content"):
        own(tmp_path, frame, zip="part.zip")


def test_a_member_that_cannot_be_read_is_rejected_by_name(tmp_path, frame):
    pack(tmp_path / "0.zip", a=PHOTO, b=PHOTO, c=PHOTO)
    data = bytearray((tmp_path / "0.zip").read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # encrypted
    (tmp_path / "0.zip").write_bytes(data)
    cohort = own(tmp_path, frame, zip="0.zip")
    (rejected,) = cohort.rejected.to_dict("records")
    assert rejected["reason"].startswith("encrypted member of a zip file, which needs a password; unpack it")
    assert rejected["detail"] == "index.csv, row 4: 'images/c.jpg'; found as 0.zip::images/c.jpg"
    assert cohort.images["source"].tolist()[-1] == ""


ROLES = {"train": "finetune", "extra": "pretrain", "val": "leave_out", "test": "test"}


def test_a_split_of_the_table_gives_the_roles(tmp_path, frame):
    cohort = own(tmp_path, frame.assign(part=["train", "train ", "test"]), split="part", roles=ROLES)
    assert cohort.images["role"].tolist() == ["finetune", "finetune", "test"]
    assert assign_roles(cohort.images, test_fraction=0.9, seed=0).equals(cohort.images)  # nothing left to split
    cohort = own(tmp_path, frame.assign(part=["val", "train", "extra"]), split="part", roles=ROLES)
    assert cohort.images[["image_id", "role"]].to_numpy().tolist() == [
        ["own/images/a.jpg", "finetune"],  # another image of its patient is left out
        ["own/images/c.jpg", "pretrain"],
    ]
    flow = steps(cohort)
    assert flow["excluded: left out by part"] == (1, 1)
    assert flow["with a role by part"] == (2, 2)


def test_mistakes_in_a_split_are_named(tmp_path, frame):
    with pytest.raises(DataError, match=r"column 'part': 1 patient\(s\) .*own/7: finetune, test"):
        own(tmp_path, frame.assign(part=["train", "test", "test"]), split="part", roles=ROLES)
    with pytest.raises(DataError, match=r"column 'part', row 4: 1 row\(s\) with \[''\], which have no role; expected"):
        own(tmp_path, frame.assign(part=["train", "train", ""]), split="part", roles=ROLES)
    with pytest.raises(DataError, match=r"\['part'\] are missing"):
        own(tmp_path, frame, split="part", roles=ROLES)
    with pytest.raises(ValueError, match="`split: part` needs `roles`"):
        own(tmp_path, frame, split="part")
    with pytest.raises(ValueError, match="name the column in `split`"):
        own(tmp_path, frame, roles=ROLES)
    with pytest.raises(ValueError, match="either `use: pretrain`"):
        own(tmp_path, frame, split="part", roles=ROLES, use="pretrain")
    with pytest.raises(ValueError, match="'pretrain', 'finetune', 'test' or 'leave_out'"):
        own(tmp_path, frame, split="part", roles={"train": "train"})


def test_one_patient_has_one_spelling(tmp_path, frame):
    with pytest.raises(DataError, match=r"index\.csv: column 'pid': 1 patients .*'007' \(1\), '7' \(1\)"):
        own(tmp_path, frame.assign(pid=["7", "007", "8"]))
    images = own(tmp_path, frame.assign(pid=["7", "007", "8"]), where={"site": ["south"]}, labels=["Edema"]).images
    assert images["patient_id"].tolist() == ["own/8"]  # what is left out may be another hospital's


def test_a_value_in_another_spelling_is_not_taken_for_another_value(tmp_path, frame):
    frame["site"] = ["North", "north", "south"]
    with pytest.raises(DataError, match=r"`where`: column 'site' holds 'North' in 1 row\(s\), .*differs from 'north'"):
        own(tmp_path, frame, where={"site": ["north"]})
    assert len(own(tmp_path, frame, where={"site": ["north", "North"]}).images) == 2
    with pytest.raises(DataError, match=r"indicator 'ward': column 'site' holds 'North' in 1 row\(s\)"):
        own(tmp_path, frame, indicators={"ward": {"site": ["north"]}})


def test_words_for_nothing_are_blank_in_labels_and_indicators(tmp_path, frame):
    frame["Edema"], frame["site"] = ["#N/A", "n/a", "1"], ["north", "-", "N/A"]
    labels = own(tmp_path, frame, labels=["Edema"], indicators={"ward": {"site": ["north"]}}).labels
    assert labels["Edema"].isna().tolist() == [True, True, False]
    assert labels["ward"].isna().all()


def test_a_path_that_comes_back_is_the_file(tmp_path, frame):
    frame["file"] = ["images/../images/b.jpg", "x/../images/a.jpg", "https://ward.example/c.jpg"]
    cohort = own(tmp_path, frame, images="present")
    assert cohort.images["source"].tolist() == ["images/a.jpg", "images/b.jpg"]
    assert "a web address: download the image below the root" in cohort.rejected["detail"].iloc[0]


def test_a_name_that_looks_like_a_member_of_a_zip_is_rejected_alone(tmp_path, frame):
    (tmp_path / "images" / "d::e.jpg").write_bytes(PHOTO)
    cohort = own(tmp_path, frame.assign(file=["images/d::e.jpg", "images/a.jpg", "images/c.jpg"]))
    assert cohort.rejected["image_id"].tolist() == ["own/images/d::e.jpg"]
    assert "a name with `::` is not read: rename the file" in cohort.rejected["detail"].iloc[0]


def test_names_of_members_in_unmarked_utf8_are_found(tmp_path, frame):
    """As zip programs on Linux and macOS write them: UTF-8 without the flag that says so."""
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        for name in ("Xa.jpg", "Xb.jpg", "cX.jpg"):
            archive.writestr(name, PHOTO)
    packed = (tmp_path / "films.zip").read_bytes()
    packed = packed.replace(b"Xa.jp", "\u00fca.j".encode()).replace(b"Xb.jp", b"\x81b.jp")
    (tmp_path / "films.zip").write_bytes(packed)
    cohort = own(tmp_path, frame.assign(file=["\u00fca.jg", "\u00fcb.jpg", "cX.jpg"]), zip="films.zip")
    assert len(cohort.labels) == 3
    reader = SourceReader(tmp_path)
    assert {reader.read(source) for source in cohort.images["source"]} == {PHOTO}
