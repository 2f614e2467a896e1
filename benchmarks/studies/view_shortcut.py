"""A small CNN trained on real radiographs, to be audited for a shortcut that is known of them: the view, or the source.

    python -m benchmarks.studies.view_shortcut --images ../shared/data/open_cxr --table index.csv --out FOLDER
        [--where source=nih_chestxray14] [--by view] [--indicator 'AP view' view=AP] [--seeds 3] [--epochs 60]

The table has a row per radiograph: its file (relative to --images), the patient, findings in one cell, and the column
`--by`. All findings are learnt that some training and some test radiographs have and others do not; an `--indicator` is
one more output, there where a column has a value: AP view, or a source. 30 % of the patients are held out. Writes
`<out>/<by>-<seed>.onnx`, which say how they are to be fed, and `shortcut.csv` with a row per file and finding:

* positives: test radiographs with the finding
* auc; auc:<group>: among test radiographs of one group; auc_group: of who is told the group alone (how frequent the
  finding is in it among training radiographs)
* gap: between the groups, the largest difference of mean logits of test radiographs without the finding, in standard
  deviations
"""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measuring import markdown, provenance
from diffchest.compute.workers import spread
from diffchest.errors import DataError
from diffchest.files.tables import write_table
from diffchest.images.decoding import decode, quiet_decoders
from diffchest.images.squares import to_square
from diffchest.params.small_cnn import SmallCnnTrainingParams
from diffchest.probe.fit import subsample_patients
from diffchest.progress import run, summary
from diffchest.small_cnn.export import write_onnx
from diffchest.small_cnn.key import training_key
from diffchest.small_cnn.training import train_cnn, with_both_classes
from diffchest.stats.auc import roc_auc

HELD_OUT = 0.3  # of the patients
CHUNK = 64  # files a process reads at a time
SETTINGS = SmallCnnTrainingParams(width=16, epochs=60, batch_size=64, learning_rate=0.003, shift=2, seed=0)


def read_rows(options: argparse.Namespace) -> pd.DataFrame:
    """The chosen rows of the table, all cells text; `DataError` for a column or rows that are not there."""
    path = options.images / options.table
    if not path.is_file():
        raise DataError(f"{path}: no such table; name it with --table, relative to --images")
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    conditions = [text.split("=", 1) for text in options.where]
    named = [column for column, _ in [*conditions, *(text.split("=", 1) for _, text in options.indicator)]]
    for column in (options.image, options.patient, options.findings, options.by, *named):
        if column not in rows:
            raise DataError(f"{path}: no column {column!r} (found {', '.join(rows.columns)})")
    for column, value in conditions:
        rows = rows[rows[column] == value]
    if rows.empty:
        raise DataError(f"{path}: no row with {' and '.join(options.where)}; check --where")
    return rows.reset_index(drop=True)


def labels_of(rows: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    """Labels [N, F] 1 or 0 of the findings in the cells, and of the indicators."""
    cells = rows[options.findings].map(lambda cell: {name.strip() for name in cell.split(options.separator)} - {""})
    names = sorted(set().union(*cells))
    labels = pd.DataFrame({name: [float(name in cell) for cell in cells] for name in names}, index=rows.index)
    for name, text in options.indicator:
        column, value = text.split("=", 1)
        labels[name] = (rows[column] == value).astype(float)
    return labels


def read_squares(files: Sequence[Path], *, size: int, jobs: int) -> np.ndarray:
    """The radiographs as the image store would hold them, uint8 [N, size, size]; `DataError` names a bad file."""
    chunks = [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]
    return np.concatenate(list(spread(functools.partial(_read_chunk, size=size), chunks, workers=jobs)))


def _read_chunk(files: Sequence[Path], *, size: int) -> np.ndarray:
    with quiet_decoders():
        return np.stack([_read(file, size) for file in files])


def _read(file: Path, size: int) -> np.ndarray:
    try:
        return to_square(decode(file.read_bytes()), size)
    except (DataError, OSError) as error:
        raise DataError(f"{file}: {error}; take its row out of the table") from None


def shortcut_table(
    labels: pd.DataFrame, logits: np.ndarray, groups: np.ndarray, training: pd.DataFrame, training_groups: np.ndarray
) -> pd.DataFrame:
    """The rows of one classifier, see above: labels and logits [N, F] of test radiographs, groups [N] of names."""
    rows = []
    for column, name in enumerate(labels.columns):
        truth, score = labels[name].to_numpy(), logits[:, column].astype(float)
        rates = training[name].groupby(training_groups).mean()
        told = pd.Series(groups).map(rates).fillna(training[name].mean()).to_numpy(dtype=float)
        means = pd.Series(score[truth == 0]).groupby(groups[truth == 0]).mean()
        row = {"finding": name, "positives": int(truth.sum()), "auc": roc_auc(truth, score)}
        row |= {f"auc:{group}": roc_auc(truth[groups == group], score[groups == group]) for group in np.unique(groups)}
        rows.append({**row, "auc_group": roc_auc(truth, told), "gap": (means.max() - means.min()) / score.std()})
    return pd.DataFrame(rows)


def study(options: argparse.Namespace) -> pd.DataFrame:
    """Train the classifiers, write them and their table."""
    rows = read_rows(options)
    labels, groups = labels_of(rows, options), rows[options.by].to_numpy(dtype=str)
    files = [options.images / name for name in rows[options.image]]
    pictures = read_squares(files, size=options.size, jobs=options.jobs)
    fitting = subsample_patients(rows[options.patient], 1 - HELD_OUT, seed=0)
    known = with_both_classes(labels[fitting].to_numpy()) & with_both_classes(labels[~fitting].to_numpy())
    labels = labels.loc[:, known]
    tables = []
    for seed in range(options.seeds):
        settings = SETTINGS.model_copy(update={"seed": seed, "epochs": options.epochs})
        given = (pictures[fitting], labels[fitting].to_numpy(), list(labels.columns))
        trained = train_cnn(*given, settings=settings)
        path = options.out / f"{options.by}-{seed}.onnx"
        write_onnx(path, trained, key=training_key(*given, settings))
        judged = (labels[~fitting], trained.logits(pictures[~fitting]), groups[~fitting])
        table = shortcut_table(*judged, labels[fitting], groups[fitting])
        table.insert(0, "file", path.name)
        tables.append(table)
        summary("view_shortcut", f"{path}: {len(table)} findings, mean AUC {table['auc'].mean():.3f}")
    whole_table = pd.concat(tables, ignore_index=True)
    write_table(options.out / "shortcut.csv", whole_table)
    return whole_table


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder that holds table and radiographs")
    parser.add_argument("--table", default="index.csv", help="CSV file in it")
    parser.add_argument("--out", type=Path, required=True, help="folder for the classifiers and their table")
    parser.add_argument("--where", nargs="*", default=[], metavar="COLUMN=VALUE", help="rows that are taken")
    parser.add_argument("--by", default="view", help="column of the shortcut")
    parser.add_argument("--indicator", nargs=2, action="append", default=[], metavar=("NAME", "COLUMN=VALUE"))
    for column, name in (("image", "image"), ("patient", "patient_id"), ("findings", "findings")):
        parser.add_argument(f"--{column}", default=name, metavar="COLUMN", help=f"default {name}")
    parser.add_argument("--separator", default="|", help="between the findings in a cell")
    parser.add_argument("--size", type=int, default=64, help="side of the squares, px")
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs)
    parser.add_argument("--seeds", type=int, default=1, help="classifiers")
    parser.add_argument("--jobs", type=int, default=2, help="processes that read the files")
    return parser.parse_args(arguments)


def main() -> None:
    """Print the means over the classifiers."""
    table = study(parse())
    means = table.drop(columns="file").groupby("finding", sort=False).mean()
    cells = [
        [name, *(f"{value:.3f}" for value in row)] for name, row in zip(means.index, means.to_numpy(), strict=True)
    ]
    print(provenance(), markdown([["finding", *means.columns], *cells]), sep="\n\n")


if __name__ == "__main__":
    run(main)
