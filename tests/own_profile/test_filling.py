"""A new profile: filled in with what a table tells, complete, and refused where something is left to fill in."""

import subprocess
import sys
import zipfile

import pandas as pd
import pytest

from diffchest.errors import DataError
from diffchest.files.yaml import parse_yaml
from diffchest.own_profile.filling import TEMPLATE, new_profile, unfilled
from diffchest.params.cohorts import TableCohort
from diffchest.params.whole import Params
from diffchest.profiles import apply_profiles
from tests.helpers.cohort_roots import PHOTO
from tests.helpers.repository import ROOT

ROWS = 12
LEFT_TO_FILL = ["root", "table", "image", "patient", "findings"]


@pytest.fixture
def table(tmp_path):
    """A German hospital's: semicolons, umlauts, some images in a zip and others in the folder."""
    with zipfile.ZipFile(tmp_path / "teil2.zip", "w") as archive:
        archive.writestr("a/0.jpg", PHOTO)
    found = ["Pleuraerguss, Lungenödem", "Lungenödem", "No Finding", "Lungenödem, Rundherd", "Rundherd", ""] * 2
    rows = pd.DataFrame({"Datei": [f"a/{number}.jpg" for number in range(ROWS)]})
    rows["Patientennummer"] = [f"{number // 2:08d}" for number in range(ROWS)]
    rows["Geschlecht"], rows["Alter"], rows["Projektion"] = ["m", "w"] * 6, range(50, 62), ["PA", "AP"] * 6
    rows["Befunde"], rows["Gerät"] = found, ["Gerät A", "Gerät Ö"] * 6
    rows.to_csv(tmp_path / "befunde.csv", sep=";", index=False)
    return tmp_path / "befunde.csv"


def cohort_of(text, name="ward"):
    return parse_yaml(text, source="profile")["cohorts"][name]


def parsed(tmp_path, text):
    """The whole parameters with a profile on top of the committed ones."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "ward.yaml").write_text(text, encoding="utf-8")
    apply_profiles([tmp_path / "ward.yaml"], tmp_path / "params.yaml", own="discard")
    return Params.load(tmp_path / "params.yaml")


def test_a_table_fills_the_profile_in(table, tmp_path):
    text = new_profile("ward", table)
    params = parsed(tmp_path, text)
    columns = {"image": "Datei", "patient": "Patientennummer", "sex": "Geschlecht", "age": "Alter"}
    section = {"format": "table", "root": str(tmp_path), "table": "befunde.csv", "view": "Projektion", **columns}
    section |= {"findings": "Befunde", "separator": ",", "zip": "teil2.zip"}
    assert params.cohorts["ward"] == TableCohort(**section)
    assert params.explain.targets == ["Lungenödem", "Rundherd", "Pleuraerguss"]  # 6, 4 and 2 radiographs
    assert "Befunde (findings): Lungenödem 6, No Finding 2, Pleuraerguss 2, Rundherd 4" in text
    assert "Gerät: Gerät A 6, Gerät Ö 6" in text
    assert "00000001" not in text  # no id of a patient


def test_a_column_of_sites_lists_no_findings_and_of_two_that_may_neither_is_taken(tmp_path):
    rows = pd.DataFrame({"Datei": [f"{number}.png" for number in range(8)], "Patient": list("aabbccdd")})
    rows["Klinik"], rows["Text"] = ["Nord, Haus 1", "Nord, Haus 2"] * 4, ["Rundherd", "Kein Befund"] * 4
    rows.to_csv(tmp_path / "t.csv", index=False)
    assert cohort_of(new_profile("ward", tmp_path / "t.csv"))["findings"] == "Text"
    rows.assign(Diagnose=["Rundherd", "Erguss"] * 4).to_csv(tmp_path / "t.csv", index=False)
    assert cohort_of(new_profile("ward", tmp_path / "t.csv"))["findings"] == "???"


def test_no_person_is_quoted_whatever_their_columns_are_called(tmp_path):
    """A profile may be committed and pushed: neither patients, nor birth dates, nor those who read are in it."""
    rows = pd.DataFrame(
        {"Datei": [f"{number}.png" for number in range(40)], "Fall": [f"P{n // 20}" for n in range(40)]}
    )
    rows["Kennung"] = [f"K{number // 4}" for number in range(40)]  # so few rows of each are those of a person
    rows["Tag"], rows["Befunder"] = ["1950-01-02", "1960-03-04"] * 20, ["Dr. Meier", "Dr. Schulz"] * 20
    rows["Befund"], rows["Standort"] = ["Rundherd", "Kein Befund"] * 20, ["Nord", "Süd"] * 20
    rows.to_csv(tmp_path / "t.csv", index=False)
    text = new_profile("ward", tmp_path / "t.csv")
    assert cohort_of(text)["findings"] == "Befund"
    assert not [quoted for quoted in ("P0", "K0", "1950", "Meier") if quoted in text]
    assert "Befunder: 2 different values" in text
    assert "Standort: Nord 20, Süd 20" in text


def test_columns_of_codes_a_split_and_another_encoding(tmp_path):
    rows = pd.DataFrame({"path": [f"{number}.png" for number in range(6)], "subject_id": list("aabbcc")})
    rows["Mass"], rows["Ödem"], rows["part"] = [1, 0, -1] * 2, ["", "1", "1"] * 2, ["train", "val", "test"] * 2
    rows.to_csv(tmp_path / "t.csv", index=False, encoding="cp1252")
    section = cohort_of(new_profile("ward", tmp_path / "t.csv"))
    assert section["labels"] == ["Mass", "Ödem"]
    assert section["encoding"] == "cp1252"
    assert section["split"] == "part"
    assert section["roles"] == {"test": "test", "train": "finetune", "val": "leave_out"}
    assert not {"findings", "use", "view", "zip"} & set(section)
    parsed(tmp_path, new_profile("ward", tmp_path / "t.csv"))


def test_what_is_doubtful_is_left_to_the_user_and_refused_until_it_is_filled_in(tmp_path):
    """Two columns of patients: neither is taken."""
    rows = pd.DataFrame({"file": ["0.png", "1.png"], "patient_id": ["a", "b"], "patient_nr": ["1", "2"]})
    rows.to_csv(tmp_path / "t.csv", index=False)
    text = new_profile("ward", tmp_path / "t.csv")
    left = ["cohorts.ward.patient", "cohorts.ward.findings", "explain.targets"]
    assert unfilled(parse_yaml(text, source="profile")) == left
    with pytest.raises(DataError, match=r"ward\.yaml: 3 value\(s\) are still \?\?\?: cohorts\.ward\.patient, "):
        parsed(tmp_path, text)
    without = unfilled(parse_yaml(new_profile("ward"), source="profile"))
    assert without == [*(f"cohorts.ward.{key}" for key in LEFT_TO_FILL), "explain.targets"]


def test_the_template_has_every_key_of_a_table_cohort_and_examples_that_are_valid():
    """An example behind `#` is what a user takes the mark from."""
    lines = [line for line in TEMPLATE.read_text(encoding="utf-8").splitlines() if line.startswith("    ")]
    entries = [parse_yaml(line.strip().removeprefix("# "), source="template") for line in lines]
    assert {key for entry in entries for key in entry} == set(TableCohort.model_fields)
    needed = {"format": "table", "root": "r", "table": "t.csv", "findings": "f"}
    for entry in (entry for entry in entries if "???" not in entry.values()):
        extra = {"split": "fold", "roles": {"train": "finetune"}} if {"split", "roles"} & set(entry) else {}
        without = {key: value for key, value in needed.items() if key != "findings" or "labels" not in entry}
        TableCohort.model_validate(without | extra | entry)


def test_a_second_cohort_takes_the_keys_of_the_first(table, tmp_path):
    """As the template shows it behind `#`: no key is written twice."""
    text = new_profile("ward", table).replace("datasets: [ward]", "datasets: [ward, archive]")
    text = "\n".join(line.replace("  # ", "  ", 1) if is_archive(line) else line for line in text.splitlines())
    cohorts = parsed(tmp_path, text).cohorts
    changed = {"table": "archive.csv", "use": "pretrain", "findings": None}
    assert cohorts["archive"] == cohorts["ward"].model_copy(update=changed)


def test_a_second_cohort_does_without_labels_indicators_split_and_columns_that_its_table_lacks(tmp_path):
    """Every key that the first one has and the second cannot have is taken back by the lines behind `#`."""
    rows = pd.DataFrame({"path": [f"{number}.png" for number in range(6)], "subject_id": list("aabbcc")})
    rows["Mass"], rows["part"], rows["site"] = [1, 0, 1] * 2, ["train", "val", "test"] * 2, ["north"] * 6
    rows.to_csv(tmp_path / "t.csv", index=False)
    text = new_profile("ward", tmp_path / "t.csv").replace("datasets: [ward]", "datasets: [ward, archive]")
    text = text.replace("# indicators: {bedside: {COLUMN: [AP]}}", "indicators: {up: {site: [north]}}")
    text = text.replace("# where: {COLUMN: [north]}", "where: {site: [north]}")
    text = "\n".join(line.replace("  # ", "  ", 1) if is_archive(line) else line for line in text.splitlines())
    cohorts = parsed(
        tmp_path, text.replace("    table: archive.csv", "    table: archive.csv\n    where: null")
    ).cohorts
    ward, archive = cohorts["ward"], cohorts["archive"]
    assert (ward.labels, ward.split, ward.where) == (["Mass"], "part", {"site": ["north"]})
    assert list(ward.indicators) == ["up"]
    assert (archive.labels, archive.indicators, archive.where, archive.roles) == ([], {}, {}, {})
    assert (archive.split, archive.use, archive.image) == (None, "pretrain", ward.image)


def is_archive(line):
    return line.startswith(("  # archive:", "  #   "))


def test_the_command_never_writes_over_a_file(table, tmp_path):
    def command(*arguments):
        words = [sys.executable, "-m", "diffchest.profiles", "new", *arguments]
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PYTHONPATH": ROOT}
        )
        return done.returncode, done.stdout + done.stderr

    code, told = command("ward", "--table", "befunde.csv")
    assert (code, "profiles/ward.yaml is written" in told) == (0, True)
    assert cohort_of((tmp_path / "profiles" / "ward.yaml").read_text(encoding="utf-8"))["root"] == "."
    code, told = command("ward")
    assert (code, "is there already, and is not written over" in told) == (1, True)
    assert command("default")[0] == command("a/b")[0] == command("ward2", "--table", "none.csv")[0] == 1
    assert [path.name for path in (tmp_path / "profiles").iterdir()] == ["ward.yaml"]
