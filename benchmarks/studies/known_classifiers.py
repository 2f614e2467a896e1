"""Classifiers whose shortcut is known because it was planted: small CNNs trained on phantoms drawn for the purpose.

    python -m benchmarks.studies.known_classifiers --work FOLDER [--only drain-75 independent ...] [--seeds 3]
        [--many 10] [--images 6000] [--epochs 10] [--jobs 2] [--table FILE]

The conditions (`benchmarks/known_phantoms.py`): all findings independent; B planted with A in 100, 90, 75 and 50 % of
those with A (a chest drain with pneumothorax, a corner marker, the view); the doses of `phantom.confounding`, for which
`dvc repro tables` fetches the labels. Each is trained with several seeds, `independent` and the share of 75 % with
`--many`. The folder then holds `<condition>-<seed>.onnx`, which say how they are to be fed, and `known.csv`:

* file, condition, dose, seed; a, b: the planted pair
* b_given_a, b_elsewhere: shares of the training phantoms
* effect: by how many standard deviations the logit of A rises, on average, when B alone is drawn into phantoms
  that have neither; share_above: in how many of these by more than half of one. The deviation is over `random`
* auc_a_random: AUC of A where half of all phantoms have B, whether they have A or not
* auc:<finding>: on held-out phantoms of the same condition

Phantoms are drawn once per condition, and stay in the folder. A run that was stopped is taken up again: what is there
is neither drawn nor trained again, unless what determines it has changed.
"""

import argparse
import functools
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.known_phantoms import PLANTED, Condition, Drawing, Phantoms, phantoms_of, twins_of
from benchmarks.measuring import markdown, provenance
from diffchest import paths
from diffchest.compute.parts import Parts
from diffchest.compute.workers import spread
from diffchest.errors import DataError
from diffchest.files.tables import write_table
from diffchest.files.whole import whole
from diffchest.findings.vocabulary import DRAWN
from diffchest.params.small_cnn import SmallCnnTrainingParams
from diffchest.phantom.public_labels import PADCHEST_TABLE
from diffchest.probe.fit import subsample_patients
from diffchest.progress import notice, run
from diffchest.small_cnn.export import read_facts, write_onnx
from diffchest.small_cnn.key import training_key
from diffchest.small_cnn.quality import auc_by_finding
from diffchest.small_cnn.training import Trained, train_cnn, with_both_classes

DOSES = (1.0, 0.9, 0.75, 0.5)
MANY = {"independent", *(f"{kind}-75" for kind in PLANTED)}  # false alarms and power need more seeds
HELD_OUT = 0.2  # of the patients, for the AUC
OTHERS = 1  # seed of the phantoms that no classifier is trained on
RANDOM, PAIRS = 1500, 300  # of these
RISES = 0.5  # SD
SETTINGS = SmallCnnTrainingParams(width=16, epochs=10, batch_size=64, learning_rate=0.008, shift=1, seed=0)


def conditions() -> list[Condition]:
    """All of them, in the order of the table."""
    planted = [Condition(kind, dose) for kind in PLANTED for dose in DOSES]
    return [Condition("independent"), *planted, *(Condition("confounding", dose) for dose in (0, "natural", "strong"))]


@dataclass(frozen=True)
class Study:
    """What all classifiers share: where things lie, how many phantoms, and how they are trained."""

    folder: Path
    table: Path
    images: int
    size: int
    settings: SmallCnnTrainingParams

    def training(self, condition: Condition, *, workers: int = 1) -> Phantoms:
        """The phantoms of a condition, those held out too: drawn, or found."""
        number = round(self.images / (1 - HELD_OUT))
        return phantoms_of(condition, number, self._drawing(0, workers), table=self.table)

    def random(self, condition: Condition, *, workers: int = 1) -> Phantoms:
        """Others, half of which have B, by chance."""
        drawing = self._drawing(OTHERS, workers)
        return phantoms_of(Condition(condition.kind, 0.5, elsewhere=0.5), RANDOM, drawing, table=self.table)

    def twins(self, condition: Condition, *, workers: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Others without A: without and with B."""
        return twins_of(condition.kind, PAIRS, self._drawing(OTHERS, workers))

    def draw(self, condition: Condition, workers: int) -> None:
        """Draw all that a classifier of this condition needs."""
        self.training(condition, workers=workers)
        if condition.kind in PLANTED:
            self.random(condition, workers=workers)
            self.twins(condition, workers=workers)

    def _drawing(self, seed: int, workers: int) -> Drawing:
        return Drawing(self.size, seed, workers, Parts(self.folder / "phantoms"))


def classifier(job: tuple[Condition, int], *, study: Study) -> dict[str, Any]:
    """Train the classifier of a condition and seed, unless it is there; its row of the table."""
    condition, seed = job
    torch.set_num_threads(1)  # of many processes; and the bytes do not depend on how many there are
    phantoms = study.training(condition)
    fitting = subsample_patients(phantoms.patients, 1 - HELD_OUT, seed=0)
    labels = phantoms.labels.astype(np.float32)
    learnt = with_both_classes(labels[fitting])
    findings = [name for name, there in zip(DRAWN, learnt, strict=True) if there]
    settings = study.settings.model_copy(update={"seed": seed})
    given = (phantoms.pictures[fitting], labels[fitting][:, learnt], findings)
    key, path = training_key(*given, settings), study.folder / f"{condition.name}-{seed}.onnx"
    if (row := _found(path, key)) is not None:
        return row
    started = time.perf_counter()
    trained = train_cnn(*given, settings=settings)
    seconds = time.perf_counter() - started
    row = {"file": path.name, "condition": condition.name, "dose": condition.dose, "seed": seed}
    row |= planted_effect(trained, study, condition, phantoms.has_b[fitting], labels[fitting])
    row |= held_out_auc(trained, phantoms.pictures[~fitting], labels[~fitting])
    write_onnx(path, trained, key=key)
    with whole(_beside(path)) as partial:
        partial.write_text(json.dumps({"training": key, "row": row}), encoding="utf-8")
    notice(f"{path.name}: trained in {seconds:.0f} s")
    return row


def planted_effect(
    trained: Trained, study: Study, condition: Condition, has_b: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """What was planted, as the table names it, and what it did to the classifier; empty where nothing was planted."""
    a, b = condition.pair
    if not a:
        return {"a": a, "b": b}
    column, has_a = trained.findings.index(a), labels[:, DRAWN.index(a)] == 1
    without, having = (trained.logits(pictures)[:, column] for pictures in study.twins(condition))
    random = study.random(condition)
    scores = pd.DataFrame({a: trained.logits(random.pictures)[:, column]})
    rise = (having - without) / scores[a].std()
    truth = pd.DataFrame({a: random.labels[:, DRAWN.index(a)].astype(float)})
    return {
        "a": a,
        "b": b,
        "b_given_a": float(has_b[has_a].mean()),
        "b_elsewhere": float(has_b[~has_a].mean()),
        "effect": float(rise.mean()),
        "share_above": float((rise > RISES).mean()),
        "auc_a_random": float(auc_by_finding(truth, scores)[a]),
    }


def held_out_auc(trained: Trained, pictures: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The AUC of every finding that the classifier knows, as the table names it; labels [N, F] of `DRAWN`."""
    scores = pd.DataFrame(trained.logits(pictures), columns=trained.findings)
    found = auc_by_finding(pd.DataFrame(labels, columns=list(DRAWN)), scores)
    return {f"auc:{name}": float(value) for name, value in found.items()}


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")


def _found(path: Path, key: str) -> dict[str, Any] | None:
    """The row of a classifier that was trained before on the same, None where there is none."""
    try:
        beside = json.loads(_beside(path).read_text(encoding="utf-8"))
        same = beside["training"] == read_facts(path)["training"] == key
    except (OSError, ValueError, KeyError, DataError):
        return None
    return beside["row"] if same else None


def write_known(study: Study, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Write the table of the classifiers that are there so far."""
    first = ["file", "condition", "dose", "seed", "a", "b", "b_given_a", "b_elsewhere", "effect", "share_above"]
    named = [*first, "auc_a_random", *(f"auc:{name}" for name in DRAWN)]
    table = pd.DataFrame(rows).reindex(columns=named)
    write_table(study.folder / "known.csv", table)
    return table


def show(table: pd.DataFrame) -> None:
    """Print a row per condition: means over its seeds."""
    shown = table.assign(mean_auc=table.filter(like="auc:").mean(axis=1))
    shown["auc_a"] = [row[f"auc:{row['a']}"] if row["a"] else np.nan for _, row in table.iterrows()]
    columns = ["effect", "share_above", "auc_a", "auc_a_random", "mean_auc"]
    groups = shown.groupby("condition", sort=False)
    means = groups[columns].mean()
    means.insert(1, "effect, least", groups["effect"].min())
    cells = [
        [name, f"{len(groups.get_group(name))}", *(f"{value:.3f}" for value in row)]
        for name, row in zip(means.index, means.to_numpy(), strict=True)
    ]
    print(provenance(), markdown([["condition", "classifiers", *means.columns], *cells]), sep="\n\n")


def main() -> None:
    """Draw what is missing, train what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = {condition.name: condition for condition in conditions()}
    parser.add_argument("--work", type=Path, required=True, help="folder of phantoms, classifiers and table")
    parser.add_argument("--only", nargs="+", default=list(names), choices=list(names), metavar="CONDITION")
    parser.add_argument("--seeds", type=int, default=3, help="classifiers of each condition")
    parser.add_argument("--many", type=int, default=10, help=f"classifiers of {', '.join(sorted(MANY))}")
    parser.add_argument("--images", type=int, default=6000, help="phantoms that each is trained on")
    parser.add_argument("--size", type=int, default=64, help="side of the phantoms, px")
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--table", type=Path, default=paths.PUBLIC_TABLES / PADCHEST_TABLE, help="PadChest's labels")
    options = parser.parse_args()
    settings = SETTINGS.model_copy(update={"epochs": options.epochs})
    study = Study(options.work, options.table, options.images, options.size, settings)
    chosen = [names[name] for name in options.only]
    if any(condition.kind == "confounding" for condition in chosen) and not study.table.is_file():
        raise DataError(f"{study.table}: no such table; run `dvc repro tables`, name it with --table, or use --only")
    for condition in chosen:
        study.draw(condition, options.jobs)
    jobs = [
        (condition, seed)
        for condition in chosen
        for seed in range(options.many if condition.name in MANY else options.seeds)
    ]
    rows: list[dict[str, Any]] = []
    for row in spread(functools.partial(classifier, study=study), jobs, workers=options.jobs):
        rows.append(row)
        write_known(study, rows)
    show(write_known(study, rows))


if __name__ == "__main__":
    run(main)
