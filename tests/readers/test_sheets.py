"""Sheets and tables that readers are given: complete, without a clue, and none left over."""

from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

from diffchest.readers.sheets import A4, COLUMNS, DPI, PAIRS, file_name, write_reader_sheets
from tests.helpers.toy_drawings import toy_explained


def explained(targets, patients=2):
    return toy_explained(targets, [f"cohort/{number}" for number in range(patients)])


def test_every_target_has_sheets_of_all_pairs_and_a_template(tmp_path):
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "goiter_1.png").write_text("of an earlier run")
    sheets = write_reader_sheets(folder, [explained(["pleural effusion"], PAIRS + 1), explained(["mass"])], "presence")
    assert [sheet.name for sheet in sheets] == ["pleural_effusion_1.png", "pleural_effusion_2.png", "mass_1.png"]
    assert {path.name for path in folder.iterdir()} == {
        *(sheet.name for sheet in sheets), "pleural_effusion.csv", "mass.csv", "README.txt"
    }  # fmt: skip
    template = pd.read_csv(folder / "pleural_effusion.csv")
    assert list(template.columns) == COLUMNS
    assert (template["finding"] == "pleural effusion").all()
    assert template["pair"].tolist() == list(range(1, PAIRS + 2))
    assert template["image_id"].tolist() == [f"cohort/{number}" for number in range(PAIRS + 1)]
    assert template[["reader", "kind", "confounder", "comment"]].isna().all(axis=None)
    expected = [side / 25.4 * DPI for side in A4]
    assert Image.open(sheets[0]).size == pytest.approx(expected, abs=1)


def test_sheets_show_the_pairs_and_no_score(tmp_path):
    """Other scores, the same sheet; another counterfactual, another one."""
    made = explained(["mass"])
    scored = replace(made, logits_after=made.logits_after + 9, step=made.step + 9)
    other = replace(made, counterfactual=255 - made.counterfactual)
    first, second, third = (
        write_reader_sheets(tmp_path / name, [shown], "presence")[0].read_bytes()
        for name, shown in (("a", made), ("b", scored), ("c", other))
    )
    assert first == second
    assert first != third


def test_file_names_are_plain_and_never_shared():
    taken: set[str] = set()
    names = [file_name(target, taken) for target in ("Lung/Opacity", "lung opacity", "Rundherd, groß", "..", "é")]
    assert names == ["lung_opacity", "lung_opacity_2", "rundherd_gro", "finding", "finding_2"]
