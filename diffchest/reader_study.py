"""The reader study: which confounders readers see in radiographs of a diagnosis, and how well they agree.

Ratings are a long table: reader, image_id, diagnosis, kind (treatment | physiology), confounder, present (1 | 0).
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from diffchest.disease_free import choose_one_per_patient
from diffchest.errors import DataError
from diffchest.params import SimulatedReadersParams
from diffchest.stats import fleiss_kappa, pairwise_agreement

KINDS = ("treatment", "physiology")
QUESTION = ["diagnosis", "kind", "confounder"]
RATING_COLUMNS = ["reader", "image_id", *QUESTION, "present"]
TEMPLATE_COLUMNS = ["diagnosis", "image_id"]
TABLE_COLUMNS = [
    "diagnosis",
    "confounder",
    "radiographs",
    "confounder_present",
    "ratio_percent",
    "fleiss_kappa",
    "kappa_low",
    "kappa_high",
    "agreement",
]
PAIR_COLUMNS = ["kind", "reader_a", "reader_b", "agree", "total"]


def strongest_confounders(planted: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Choose for each diagnosis its most frequent confounder of each kind.

    planted: target, confounder, p_b_given_a (`diffchest.cooccurrence.planted_pairs`). Returns diagnosis, kind,
    confounder, sorted by kind (treatment first) and diagnosis; ties go to the first confounder in the alphabet.
    """
    pairs = planted.assign(kind=planted["confounder"].map(dict(kinds))).rename(columns={"target": "diagnosis"})
    pairs = pairs.sort_values(["p_b_given_a", "confounder"], ascending=[False, True])
    pairs = pairs.drop_duplicates(["diagnosis", "kind"])
    return pairs.sort_values(["kind", "diagnosis"], ascending=[False, True], ignore_index=True)[QUESTION]


def sample_radiographs(
    manifest: pd.DataFrame, labels: pd.DataFrame, diagnoses: Sequence[str], *, number: int, seed: int
) -> pd.DataFrame:
    """Draw `number` radiographs of different patients for each diagnosis, all there are where there are fewer.

    manifest: the test rows; labels: theirs, in the same order. Returns diagnosis, image_id. The draw of a diagnosis
    depends neither on the order of the rows nor on the other diagnoses.
    """
    chosen = []
    for diagnosis in diagnoses:
        positive = manifest[(labels[diagnosis] == 1).to_numpy()]
        ids = choose_one_per_patient(positive, number=number, seed=_seed(seed, diagnosis))
        chosen += [(diagnosis, image_id) for image_id in ids]
    return pd.DataFrame(chosen, columns=TEMPLATE_COLUMNS)


def simulate_ratings(
    template: pd.DataFrame,
    questions: pd.DataFrame,
    labels: pd.DataFrame,
    settings: SimulatedReadersParams,
    *,
    seed: int,
) -> pd.DataFrame:
    """Let simulated readers rate each question (diagnosis, kind, confounder) on the radiographs of its diagnosis.

    A reader calls a confounder present with probability `sensitivity` where the radiograph's own label (index
    image_id) has it and 1 - `specificity` elsewhere; readers and questions err independently. Returns `RATING_COLUMNS`.
    """
    ratings = []
    for question in questions[QUESTION].to_dict("records"):
        ids = template.loc[template["diagnosis"] == question["diagnosis"], "image_id"].to_numpy()
        truth = labels.loc[ids, question["confounder"]].to_numpy() == 1
        for reader in range(1, settings.readers + 1):
            rng = np.random.default_rng(_seed(seed, "/".join([*question.values(), str(reader)])))
            chance = rng.random(len(ids))
            present = np.where(truth, chance < settings.sensitivity, chance >= settings.specificity).astype(int)
            ratings.append(
                pd.DataFrame({"reader": f"reader {reader}", "image_id": ids, **question, "present": present})
            )
    return pd.concat(ratings)[RATING_COLUMNS] if ratings else pd.DataFrame(columns=RATING_COLUMNS)


def read_ratings(path: Path | str, image_ids: Collection[str]) -> pd.DataFrame:
    """Read the ratings of real readers (`RATING_COLUMNS`; `present` as integers).

    Raises `DataError` naming the row (the header is row 1) for an empty cell, an unknown kind, a `present` that is
    neither 0 nor 1, an image that is not one of `image_ids`, a rating given twice, and for one that is missing: every
    reader of a kind has to answer all of that kind's questions.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; reader_study.ratings in params.yaml must name a csv, or be null")
    ratings = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False)
    absent = [column for column in RATING_COLUMNS if column not in ratings]
    if absent:
        raise DataError(f"{path}: columns {absent} are missing (found {list(ratings.columns)}); add them")
    ratings = ratings[RATING_COLUMNS].apply(lambda column: column.str.strip())
    ratings = ratings[(ratings != "").any(axis=1)]  # the index still counts blank lines
    for column in RATING_COLUMNS:
        _refuse(path, ratings, column, ratings[column] == "", "a value")
    _refuse(path, ratings, "kind", ~ratings["kind"].isin(KINDS), " or ".join(KINDS))
    _refuse(path, ratings, "present", ~ratings["present"].isin(["0", "1"]), "0 or 1")
    known = set(image_ids)
    _refuse(path, ratings, "image_id", ~ratings["image_id"].isin(known), "an image_id of the manifest")
    twice = ratings.duplicated(RATING_COLUMNS[:-1])
    _refuse(path, ratings, "reader", twice, "one rating per reader, image and question, this one is a second")
    _check_complete(path, ratings)
    return ratings.astype({"present": int})


def reader_table(ratings: pd.DataFrame, kind: str, *, resamples: int, seed: int) -> pd.DataFrame:
    """Tables 1 and 2: per diagnosis and confounder how often readers saw it, and Fleiss' kappa with its interval.

    ratio_percent = positive ratings / (readers * radiographs); confounder_present = positive ratings per reader,
    rounded down, which gives the published counts (38 of 90 ratings: 42.2 %, 12 of 30 radiographs). Rows by falling
    ratio. Kappa is NaN for a single radiograph.
    """
    rows = []
    for (diagnosis, confounder), group in ratings[ratings["kind"] == kind].groupby(["diagnosis", "confounder"]):
        values = _by_reader(group)
        radiographs, readers = values.shape
        positive = int(values.sum())
        row = (diagnosis, confounder, radiographs, positive // readers, 100.0 * positive / values.size)
        if min(values.shape) < 2:
            rows.append((*row, *[float("nan")] * 4))
            continue
        result = fleiss_kappa(values, resamples=resamples, seed=seed)
        rows.append((*row, result.kappa, result.low, result.high, result.agreement))
    table = pd.DataFrame(rows, columns=TABLE_COLUMNS)
    return table.sort_values(["ratio_percent", "diagnosis", "confounder"], ascending=[False, True, True])


def pairwise_table(ratings: pd.DataFrame) -> pd.DataFrame:
    """Extended data figures 4 and 5: for each kind and pair of readers, how many of all ratings agree."""
    rows = []
    for kind in KINDS:
        wide = _wide(ratings[ratings["kind"] == kind])
        if min(wide.shape) < 2:
            continue
        agree = pairwise_agreement(wide.to_numpy())
        for a, b in combinations(range(len(agree)), 2):
            rows.append((kind, wide.columns[a], wide.columns[b], agree[a, b], len(wide)))
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def study_metrics(
    ratings: pd.DataFrame, tables: Mapping[str, pd.DataFrame], pairs: pd.DataFrame, *, simulated: bool
) -> dict[str, Any]:
    """Whether the readers are simulated, and by kind: sizes, ratio, mean kappa and the raw agreement of pairs."""
    metrics: dict[str, Any] = {"simulated": simulated, "readers": ratings["reader"].nunique()}
    for kind, table in tables.items():
        if table.empty:
            continue
        of_kind, of_pairs = ratings[ratings["kind"] == kind], pairs[pairs["kind"] == kind]
        metrics[kind] = {
            "diagnoses": table["diagnosis"].nunique(),
            "radiographs": int(table["radiographs"].sum()),
            "ratio_percent": 100.0 * float(of_kind["present"].mean()),
            "mean_kappa": float(table["fleiss_kappa"].mean()),
            "pairwise_agreement": float(of_pairs["agree"].sum() / max(of_pairs["total"].sum(), 1)),
        }
    return metrics


def _wide(ratings: pd.DataFrame) -> pd.DataFrame:
    """Ratings with one row per radiograph and question, and one column per reader."""
    return ratings.pivot(index=[*QUESTION, "image_id"], columns="reader", values="present")


def _by_reader(ratings: pd.DataFrame) -> np.ndarray:
    return _wide(ratings).to_numpy(dtype=int)


def _check_complete(path: Path, ratings: pd.DataFrame) -> None:
    for kind, of_kind in ratings.groupby("kind"):
        wide = _wide(of_kind)
        gaps = np.argwhere(wide.isna().to_numpy())
        if len(gaps):
            item, reader = gaps[0]
            labels = dict(zip(wide.index.names, wide.index[item], strict=True))
            asked = (of_kind[list(labels)] == pd.Series(labels)).all(axis=1)
            raise DataError(
                f"{path}: {len(gaps)} {kind} rating(s) missing; the first: reader {wide.columns[reader]!r} did not "
                f"rate {labels['image_id']!r} for {labels['confounder']!r} ({labels['diagnosis']!r}), which row "
                f"{of_kind.index[asked][0] + 2} does; every reader must answer all questions of a kind"
            )


def _refuse(path: Path, ratings: pd.DataFrame, column: str, bad: pd.Series, expected: str) -> None:
    if bad.any():
        row, found = next(iter(ratings.loc[bad, column].items()))
        raise DataError(
            f"{path}: row {int(str(row)) + 2}, column {column!r}: expected {expected}, found {found!r} "
            f"({int(bad.sum())} such row(s)); correct the file"
        )


def _seed(seed: int, purpose: str) -> int:
    """Return a seed of its own for each purpose."""
    return int(np.random.SeedSequence([seed, crc32(purpose.encode())]).generate_state(1)[0])
