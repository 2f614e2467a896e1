"""What the readers are asked: the radiographs, the confounders, and stand-ins for readers who have not read yet."""

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np
import pandas as pd

from diffchest.contracts.reader_tables import SIMULATED
from diffchest.findings.cooccurrence import planted_pairs
from diffchest.findings.disease_free import choose_one_per_patient
from diffchest.findings.vocabulary import DRAWN, KIND
from diffchest.params.readers import SimulatedReadersParams
from diffchest.readers.ratings import QUESTION, RATING_COLUMNS

TEMPLATE_COLUMNS = ["diagnosis", "image_id"]


def strongest_confounders(planted: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Choose for each diagnosis its most frequent confounder of each kind.

    planted: target, confounder, p_b_given_a (`diffchest.findings.cooccurrence.planted_pairs`). Returns diagnosis, kind,
    confounder, sorted by kind (treatment first) and diagnosis; ties go to the first confounder in the alphabet.
    """
    pairs = planted.assign(kind=planted["confounder"].map(dict(kinds))).rename(columns={"target": "diagnosis"})
    pairs = pairs.sort_values(["p_b_given_a", "confounder"], ascending=[False, True])
    pairs = pairs.drop_duplicates(["diagnosis", "kind"])
    return pairs.sort_values(["kind", "diagnosis"], ascending=[False, True], ignore_index=True)[QUESTION]


def planted_questions(labels: pd.DataFrame, *, lift: float, cooccurrence: float) -> pd.DataFrame:
    """What to ask of phantoms: the strongest planted confounders of each drawn diagnosis (`QUESTION`).

    labels: of the pretraining and fine-tuning radiographs; lift, cooccurrence: the bounds of `planted_pairs`.
    """
    return strongest_confounders(planted_pairs(labels, DRAWN, lift=lift, cooccurrence=cooccurrence), KIND)


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
    image_id) has it and 1 - `specificity` elsewhere; readers and questions err independently. Returns `RATING_COLUMNS`;
    the readers are called "simulated 1" and so on, so that every table made from the ratings says what they are.
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
                pd.DataFrame({"reader": f"{SIMULATED}{reader}", "image_id": ids, **question, "present": present})
            )
    return pd.concat(ratings)[RATING_COLUMNS] if ratings else pd.DataFrame(columns=RATING_COLUMNS)


def _seed(seed: int, purpose: str) -> int:
    """Return a seed of its own for each purpose."""
    return int(np.random.SeedSequence([seed, crc32(purpose.encode())]).generate_state(1)[0])
