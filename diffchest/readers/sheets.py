"""What readers are given in the first step of a reader study: pairs of pictures, and a table to name what appeared.

The readers see a radiograph and its counterfactual, and name what else changed with the finding. They see neither the
classifier's scores nor a difference map: both would lead them.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from diffchest.contracts.explained import Explained
from diffchest.figures.style import GREY, MILLIMETRES_PER_INCH, RC, show_picture
from diffchest.files.tables import write_table
from diffchest.params.counterfactuals import Towards

PAIRS = 12  # on a sheet
ACROSS = 3  # pairs side by side
A4 = (297.0, 210.0)  # mm
DPI = 200
INSTRUCTIONS = {
    "presence": "Left: radiograph. Right: the same, changed so that the classifier sees more of this finding.",
    "absence": "Left: radiograph. Right: the same, changed so that the classifier sees less of this finding.",
}
QUESTION = "What else appeared, vanished or changed? Write each on a line of the table."
COLUMNS = ["finding", "pair", "image_id", "reader", "kind", "confounder", "comment"]
README = """Reader study, step 1: naming confounders

For each finding there are contact sheets (png) with numbered pairs of pictures and a table (csv) with a row per pair.
Every reader fills in a copy of each table: `reader` (who), `kind` (treatment or physiology), `confounder` (what
appeared besides the finding, in the words of the label table where there are any), `comment` (free). Add rows where
several things appeared; leave `confounder` blank where nothing did.

Of the confounders that readers name, choose those to ask for in step 2, in real radiographs of the finding:
reports/tables/reader_template.csv lists radiographs, and ratings/README.md says what the table of answers looks like.
"""


def write_reader_sheets(folder: Path, groups: list[Explained], towards: Towards) -> list[Path]:
    """Write contact sheets of `PAIRS` pairs and a csv template for every target; returns the sheets.

    towards: presence or absence of the targets. `<finding>_<sheet>.png`, A4 across, and `<finding>.csv` with `COLUMNS`,
    a row per pair. What an earlier run left in `folder` is removed. Equal content gives equal bytes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "README.txt").write_text(README, encoding="utf-8")
    sheets: list[Path] = []
    taken: set[str] = set()
    for explained in groups:
        for column, target in enumerate(explained.targets):
            name = file_name(target, taken)
            blank = dict.fromkeys(COLUMNS[3:], "")
            numbers = range(1, len(explained.image_id) + 1)
            template = pd.DataFrame({"finding": target, "pair": numbers, "image_id": explained.image_id, **blank})
            write_table(folder / f"{name}.csv", template[COLUMNS])
            for start in range(0, len(numbers), PAIRS):
                sheets.append(folder / f"{name}_{start // PAIRS + 1}.png")
                with mpl.rc_context(RC):
                    sheet = _draw_sheet(explained, column, start, towards)
                    sheet.savefig(sheets[-1], dpi=DPI, metadata={"Software": None})
    return sheets


def file_name(target: str, taken: set[str]) -> str:
    """A name of letters, digits and `_` for the files of `target`, which `taken` then has."""
    plain = re.sub(r"\W+", "_", target, flags=re.ASCII).strip("_").lower() or "finding"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}_{number}"
    taken.add(name)
    return name


def _draw_sheet(explained: Explained, column: int, start: int, towards: Towards) -> Figure:
    """Pairs `start` to `start + PAIRS` of target number `column`."""
    width, height = (side / MILLIMETRES_PER_INCH for side in A4)
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(explained.targets[column], fontsize=14, weight="bold", x=0.012, ha="left")
    figure.supxlabel(f"{INSTRUCTIONS[towards]} {QUESTION}", fontsize=8, color=GREY)
    grid: Any = figure.subfigures(PAIRS // ACROSS, ACROSS, wspace=0.04, hspace=0.03)
    for place, part in enumerate(grid.ravel()):
        pair = part.subplots(1, 2)
        number = start + place
        if number >= len(explained.image_id):
            for axes in pair:
                axes.set_axis_off()
            continue
        show_picture(pair[0], explained.original[number])
        show_picture(pair[1], explained.counterfactual[number, column])
        pair[0].set_ylabel(str(number + 1), fontsize=11, weight="bold", rotation=0, labelpad=8, va="center")
    return figure
