"""Sheets and tables that readers are given: complete, without a clue, and none left over."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from diffchest.contracts.explained import Explanation
from diffchest.readers.sheets import A4, COLUMNS, DPI, PAIRS, file_name, write_reader_sheets


def explanation(targets, patients=2):
    pictures = np.random.default_rng(0).integers(0, 256, (patients, 1 + len(targets), 8, 8), dtype=np.uint8)
    numbers = dict.fromkeys(
        ("step", "logit_z", "logit_wanted", "logit_before", "logit_after", "own_change", "off_target"),
        np.zeros((patients, len(targets))),
    )
    return Explanation(
        image_id=[f"cohort/{number}" for number in range(patients)], targets=targets, original=pictures[:, 0],
        reconstruction=pictures[:, 0], counterfactual=pictures[:, 1:], x_T=pictures[:, 0], **numbers,
    )  # fmt: skip


def test_every_target_has_sheets_of_all_pairs_and_a_template(tmp_path):
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "goiter_1.png").write_text("of an earlier run")
    sheets = write_reader_sheets(
        folder, [explanation(["pleural effusion"], PAIRS + 1), explanation(["mass"])], "presence"
    )
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
    made = explanation(["mass"])
    scored = Explanation(**(vars(made) | {"logit_after": made.logit_after + 9, "own_change": made.own_change + 9}))
    other = Explanation(**(vars(made) | {"counterfactual": 255 - made.counterfactual}))
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
