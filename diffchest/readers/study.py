"""The reader study: which confounders readers see in radiographs of a diagnosis, and how well they agree.

    python -m diffchest.readers.study ratings.csv --out tables

makes tables 1 and 2, the agreement of pairs and the discordant cases from anybody's ratings
(`diffchest.readers.ratings` says which columns the csv has); it needs neither the radiographs nor the pipeline.
"""

import argparse
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diffchest.files.tables import write_table
from diffchest.progress import run
from diffchest.readers.ratings import KINDS, QUESTION, by_reader, read_ratings
from diffchest.stats import fleiss_kappa, gwet_ac1, krippendorff_alpha, pairwise_agreement

TABLE_NUMBERS = {kind: f"reader_table_{number}" for number, kind in enumerate(KINDS, start=1)}
TABLE_COLUMNS = [
    "diagnosis",
    "confounder",
    "radiographs",
    "confounder_present",
    "ratio_percent",
    "fleiss_kappa",
    "kappa_low",
    "kappa_high",
    "gwet_ac1",
    "ac1_low",
    "ac1_high",
    "krippendorff_alpha",
    "alpha_low",
    "alpha_high",
    "undefined_redraws",
    "agreement",
    "readers",
]
PAIR_COLUMNS = ["kind", "reader_a", "reader_b", "agree", "total"]
DISCORDANT_COLUMNS = ["kind", "diagnosis", "confounder", "image_id", "said_present", "said_absent"]
BETWEEN_NAMES = "; "


def study_tables(ratings: pd.DataFrame, *, resamples: int, seed: int) -> dict[str, pd.DataFrame]:
    """All tables of a reader study by file name: tables 1 and 2, pairs of readers, discordant cases.

    resamples: bootstrap redraws of the radiographs behind each interval of kappa.
    """
    tables = {name: reader_table(ratings, kind, resamples=resamples, seed=seed) for kind, name in TABLE_NUMBERS.items()}
    return tables | {"reader_pairwise": pairwise_table(ratings), "reader_discordant": discordant_table(ratings)}


def reader_table(ratings: pd.DataFrame, kind: str, *, resamples: int, seed: int) -> pd.DataFrame:
    """Tables 1 and 2: per diagnosis and confounder how often readers saw it, and Fleiss' kappa with its interval.

    ratio_percent = positive ratings / (readers * radiographs); confounder_present = positive ratings per reader,
    rounded down, which gives the published counts (38 of 90 ratings: 42.2 %, 12 of 30 radiographs). agreement: mean
    share of radiographs on which two readers agree; readers: who rated. Rows by falling ratio. Beside kappa Gwet's AC1
    and Krippendorff's alpha. Where all answers are alike, kappa and alpha are 0/0: NaN, and not perfect;
    undefined_redraws counts the redraws in which they are, which are left out of their intervals. All are NaN for a
    single radiograph or reader.
    """
    rows = []
    for (diagnosis, confounder), group in ratings[ratings["kind"] == kind].groupby(["diagnosis", "confounder"]):
        wide = by_reader(group)
        values = wide.to_numpy(dtype=int)
        radiographs, readers = values.shape
        positive = int(values.sum())
        measured = _agreement(values, resamples, seed)
        counts = (radiographs, positive // readers, 100.0 * positive / values.size)
        rows.append((diagnosis, confounder, *counts, *measured, BETWEEN_NAMES.join(wide.columns)))
    table = pd.DataFrame(rows, columns=TABLE_COLUMNS)
    measured = TABLE_COLUMNS[TABLE_COLUMNS.index("fleiss_kappa") : -1]
    table = table.astype(dict.fromkeys(measured, float)).astype({"undefined_redraws": int})
    return table.sort_values(["ratio_percent", "diagnosis", "confounder"], ascending=[False, True, True])


def _agreement(values: np.ndarray, resamples: int, seed: int) -> list[float | None]:
    """The columns of `reader_table` from fleiss_kappa to agreement."""
    if min(values.shape) < 2:
        return [*[None] * 9, 0.0, None]
    redraws = {"resamples": resamples, "seed": seed}
    kappa = fleiss_kappa(values, **redraws)
    ac1, alpha = gwet_ac1(values, categories=[0, 1], **redraws), krippendorff_alpha(values, **redraws)
    coefficients = [part for each in (kappa, ac1, alpha) for part in (each.value, each.low, each.high)]
    return [*coefficients, kappa.undefined, kappa.agreement]


def pairwise_table(ratings: pd.DataFrame) -> pd.DataFrame:
    """Extended data figures 4 and 5: for each kind and pair of readers, how many of all ratings agree."""
    rows = []
    for kind in KINDS:
        wide = by_reader(ratings[ratings["kind"] == kind])
        if min(wide.shape) < 2:
            continue
        agree = pairwise_agreement(wide.to_numpy())
        for a, b in combinations(range(len(agree)), 2):
            rows.append((kind, wide.columns[a], wide.columns[b], agree[a, b], len(wide)))
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def discordant_table(ratings: pd.DataFrame) -> pd.DataFrame:
    """The cases to read again: radiographs and confounders on which not all readers agree, and who said what.

    Treatments first; then by diagnosis, confounder and image. `said_present` and `said_absent` name the readers.
    """
    rows = []
    for kind in KINDS:
        wide = by_reader(ratings[ratings["kind"] == kind])
        split = wide[wide.nunique(axis=1) > 1]
        cases = split.index.to_frame()[["diagnosis", "confounder", "image_id"]].to_numpy()
        for case, answers in zip(cases, split.to_numpy(), strict=True):
            sides = [BETWEEN_NAMES.join(split.columns[answers == answer]) for answer in (1, 0)]
            rows.append((kind, *case, *sides))
    return pd.DataFrame(rows, columns=DISCORDANT_COLUMNS)


def study_metrics(ratings: pd.DataFrame, tables: Mapping[str, pd.DataFrame], *, simulated: bool) -> dict[str, Any]:
    """Whether the readers are simulated, and by kind: sizes, ratio, mean coefficients, raw agreement, discordant cases.

    A mean is over the coefficients that are defined; `undefined_kappas` counts the others.

    tables: those of `study_tables`.
    """
    metrics: dict[str, Any] = {"simulated": simulated, "readers": ratings["reader"].nunique()}
    for kind, name in TABLE_NUMBERS.items():
        table = tables[name]
        if table.empty:
            continue
        pairs, discordant = tables["reader_pairwise"], tables["reader_discordant"]
        pairs = pairs[pairs["kind"] == kind]
        metrics[kind] = {
            "diagnoses": table["diagnosis"].nunique(),
            "radiographs": int(table["radiographs"].sum()),
            "ratio_percent": 100.0 * float(ratings.loc[ratings["kind"] == kind, "present"].mean()),
            "mean_kappa": float(table["fleiss_kappa"].mean()),
            "undefined_kappas": int(table["fleiss_kappa"].isna().sum()),
            "mean_ac1": float(table["gwet_ac1"].mean()),
            "mean_alpha": float(table["krippendorff_alpha"].mean()),
            "pairwise_agreement": float(pairs["agree"].sum() / max(pairs["total"].sum(), 1)),
            "discordant": int((discordant["kind"] == kind).sum()),
        }
    return metrics


def main() -> None:
    """Command line: print the tables of a ratings file, or write them."""
    parser = argparse.ArgumentParser(
        prog="python -m diffchest.readers.study", description="Tables 1 and 2 from readers' ratings alone."
    )
    parser.add_argument("ratings", type=Path, help=f"csv: reader, image_id, {', '.join(QUESTION)}, present")
    parser.add_argument("--out", type=Path, help="folder to write the tables to (default: print them)")
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap redraws for kappa (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the redraws (default: 0)")
    arguments = parser.parse_args()
    if arguments.resamples < 10:
        parser.error(f"--resamples: expected at least 10, found {arguments.resamples}")
    tables = study_tables(read_ratings(arguments.ratings), resamples=arguments.resamples, seed=arguments.seed)
    for name, table in tables.items():
        if arguments.out is None:
            print(name, table.to_string(index=False, float_format="%.3f") if len(table) else "no rows", "", sep="\n")
        else:
            write_table(arguments.out / f"{name}.csv", table)
            print(f"{arguments.out / name}.csv: {len(table):,} rows")


if __name__ == "__main__":
    run(main)
