"""The whole evaluation from files alone, of any model's scores on any test set, without pipeline or images.

    python -m diffchest.evaluation.score_files labels.csv ours.csv [theirs.parquet] --out FOLDER

`labels.csv` has a row per image: `image_id`; `patient_id`, where patients have several; `sex`, `age`, `view`, where
known (M or female, 58 or 058Y; what is not understood is counted in a note); every other column is a finding with 1, 0,
-1 (uncertain: counts as 0) or blank (not assessed). A score file has `image_id` and a column per finding, any scale.
Both may be CSV (separated by commas, semicolons or tabs, gzip too) or Parquet. Writes auc.csv, subgroups.csv,
subgroup_gaps.csv, calibration.csv, reliability.csv and, for two models, comparison.csv (table S1).
"""

import argparse
from pathlib import Path

import pandas as pd

from diffchest.contracts.labels import UNCERTAIN, parse_codes
from diffchest.contracts.scores import read_scores
from diffchest.errors import DataError
from diffchest.evaluation.auc import auc_table, tell_unmatched
from diffchest.evaluation.calibration import calibration_tables
from diffchest.evaluation.comparison import comparison_metrics, comparison_table
from diffchest.evaluation.subgroups import subgroup_tables
from diffchest.evaluation.test_set import TestSet
from diffchest.files.cells import age_years, ids, no_id, sex_codes, view_names
from diffchest.files.foreign_tables import read_cells
from diffchest.files.id_spellings import check_ids
from diffchest.files.not_understood import Tally
from diffchest.files.tables import write_table
from diffchest.findings.spelling import check_spellings, same_name
from diffchest.params.base import StageParams
from diffchest.params.evaluation import EvaluationParams
from diffchest.progress import run, summary

ABOUT = ("patient_id", "sex", "age", "view")


class Params(StageParams):
    """What the command reads of params.yaml."""

    evaluation: EvaluationParams


def main() -> None:
    """Read the files named on the command line and write the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m diffchest.evaluation.score_files",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("labels", type=Path)
    parser.add_argument(
        "scores", type=Path, nargs="+", help="score files, CSV or Parquet; the first is compared with the second"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="whose `evaluation` section counts")
    arguments = parser.parse_args()
    evaluate_files(arguments.labels, arguments.scores, arguments.out, Params.load(arguments.params).evaluation)


def evaluate_files(labels: Path, scores: list[Path], out: Path, params: EvaluationParams) -> None:
    """Write the tables of the models in `scores` into `out`; `DataError` for what cannot be evaluated."""
    names = [path.name.removesuffix(".gz").rpartition(".")[0] or path.name for path in scores]
    if len(set(names)) < len(names):
        raise DataError(f"score files {names} are called alike; a model is named by its file, rename one")
    about, test, findings = read_labelled(labels, positives_above=params.positives_above)
    groups = params.subgroups.model_copy(
        update={"attributes": [name for name in params.subgroups.attributes if name in about]}
    )
    image_ids = about["image_id"].tolist()
    frames = {
        name: read_scores(path, image_ids, min_scored=params.min_scored, findings=findings)
        for name, path in zip(names, scores, strict=True)
    }
    tell_unmatched(test.labels.columns, frames)
    results: dict[str, list[pd.DataFrame]] = {}

    def keep(table: str, rows: pd.DataFrame) -> None:
        results.setdefault(table, []).append(rows)

    for name, frame in frames.items():
        rows, metrics = auc_table(test, frame, model=name, drawn=(), params=params.bootstrap)
        keep("auc", rows.drop(columns=["drawn", "finetune_n", "finetune_positives"]))
        table, gaps = subgroup_tables(test, frame, about, model=name, params=groups, bootstrap=params.bootstrap)
        keep("subgroups", table)
        keep("subgroup_gaps", gaps)
        table, curves = calibration_tables(test, frame, model=name, params=params.bootstrap)
        keep("calibration", table)
        keep("reliability", curves)
        summary(name, f"mean AUC {metrics['macro_auc']:.3f} over {metrics['macro_auc_findings']} findings")
    if len(names) > 1:
        rows = comparison_table(
            test, frames[names[0]], frames[names[1]], bootstrap=params.bootstrap, permutation=params.permutation
        )
        keep("comparison", rows)
        found = comparison_metrics(rows, reference=names[1])
        summary(
            f"{names[0]} against {names[1]}",
            f"{found['wins']} wins, {found['ties']} ties, {found['losses']} losses; after Holm {found['wins_holm']} "
            f"wins and {found['losses_holm']} losses remain",
        )
    for name, tables in results.items():
        write_table(out / f"{name}.csv", pd.concat(tables))


def read_labelled(path: Path, *, positives_above: int) -> tuple[pd.DataFrame, TestSet, list[str]]:
    """What `labels.csv` says of each image (`image_id`, `patient_id`; sex, age, view if there), labels, findings.

    Raises `DataError` for a missing file or column, an image listed twice, a label that is none, an id that is a word
    for none such as `nan`, and findings whose names differ by case or white space alone.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a CSV with a row per test image")
    cells = read_cells(path, keys=("image_id", *ABOUT))
    if "image_id" not in cells:
        raise DataError(f"{path}: no column `image_id` (found {list(cells.columns)[:5]})")
    about = cells[["image_id", *(name for name in ABOUT if name in cells)]].copy()
    for name, what in (("image_id", "an image in every row"), ("patient_id", "the patient of every image")):
        if name in about:
            about[name] = ids(about[name])
            _refuse(path, about[name], no_id(about[name]), what)
    for name in map(str, cells):
        if name not in about and same_name(name) in ("image_id", *ABOUT):
            raise DataError(f"{path}: column {name!r} is no finding: call it {same_name(name)!r}")
    twice = about["image_id"].duplicated()
    if twice.any():
        example = about["image_id"][twice].iloc[0]
        raise DataError(f"{path}: {int(twice.sum())} images are listed twice, such as {example!r}; keep one row each")
    if "patient_id" in about:
        check_ids(about["patient_id"], where=f"{path}: column 'patient_id'")
    else:
        about["patient_id"] = about["image_id"]
    tally = Tally()
    for name, read in (("sex", sex_codes), ("age", age_years), ("view", view_names)):
        if name in about:
            about[name] = read(about[name], tally)
    tally.tell(path)
    findings = [name for name in cells.columns if name not in about]
    if not findings:
        raise DataError(f"{path}: no column but {', '.join(cells.columns)}; add one per finding, with 1, 0 or blank")
    labels = pd.DataFrame({name: parse_codes(cells[name], where=str(path)) for name in findings})
    positives = (labels == 1).sum()
    check_spellings({name: int(positives[name]) for name in findings}, where=str(path))
    labels = labels.replace(UNCERTAIN, 0.0).set_axis(pd.Index(about["image_id"], name="image_id"))
    return about, TestSet.choose(labels, about["patient_id"].to_numpy(), positives_above=positives_above), findings


def _refuse(path: Path, cells: pd.Series, bad: pd.Series, expected: str) -> None:
    if bad.any():
        row, found = next(iter(cells[bad].items()))
        raise DataError(
            f"{path}: column {cells.name!r}, row {int(str(row)) + 2}: expected {expected}, found {found!r} "
            f"({int(bad.sum())} such rows); correct the file"
        )


if __name__ == "__main__":
    run(main)
