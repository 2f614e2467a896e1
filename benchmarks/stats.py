"""The statistics of score files: speed, error rates by simulation, real radiologists and models; Markdown tables.

    python benchmarks/stats.py speed
    python benchmarks/stats.py simulate
    python benchmarks/stats.py real --data FOLDER

FOLDER holds the CheXpert test labels as published: groundtruth.csv, radiologists/*.csv, models/*.csv. Times depend on
what else the machine does; ratios, taken within one run, much less.
"""

import argparse
import itertools
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from cohorts import processor
from stats_simulation import coverage, published, rejections
from stats_speed import measure_head, measure_statistics

from diffchest.stats import adjust, delong_test, fleiss_kappa, permutation_test, roc_auc

Table = list[list[str]]
MODEL_FINDINGS = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]
SEED = 0


def main() -> None:
    """Print the tables of the part named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("speed", help="table S1 and the head at the paper's size, against loops over scikit-learn")
    simulate = parts.add_parser("simulate", help="coverage of intervals, size and power of tests")
    simulate.add_argument("--studies", type=int, default=1000, help="simulated test sets a setting (default 1000)")
    real = parts.add_parser("real", help="eight radiologists and six models on the CheXpert test set")
    real.add_argument("--data", type=Path, required=True, help="folder with the CheXpert test labels")
    arguments = parser.parse_args()
    print(f"`python {shlex.join(sys.argv)}`, {date.today()}, {processor()}, {len(os.sched_getaffinity(0))} cores\n")
    for title, table in _tables(arguments):
        header, *rows = table()
        print(f"{title}\n")
        for cells in (header, ["---"] * len(header), *rows):
            print(f"| {' | '.join(cells)} |")
        print(flush=True)


def _tables(arguments: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Table]]]:
    if arguments.part == "speed":
        yield "7,943 images x 73 findings x 2 models, 1,000 redraws, 10,000 permutations", measure_statistics
        yield "head, 18,489 latents of 512 numbers x 193 findings", measure_head
    elif arguments.part == "simulate":
        yield "coverage of the 95 % interval", lambda: coverage(arguments.studies)
        yield "share of p < 0.05", lambda: rejections(arguments.studies)
        yield "table S1 where intervals are disjoint and p is not small", published
    else:
        yield "Fleiss' kappa of the eight radiologists", lambda: _kappas(arguments.data)
        yield "all pairs of the six models", lambda: _pairs(arguments.data)


def _read(folder: Path) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The ground truth, and the tables of a subfolder by file name, all in the order of the ground truth."""
    truth = pd.read_csv(folder.parent / "groundtruth.csv").set_index("Study")
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise SystemExit(f"{folder}: no .csv files there; name the folder of the CheXpert test labels with --data")
    return truth, {path.stem: pd.read_csv(path).set_index("Study").loc[truth.index] for path in paths}


def _kappas(data: Path) -> Table:
    truth, readers = _read(data / "radiologists")
    rows = [["finding", "positive studies", "kappa (95 % CI)", "raw agreement"]]
    for finding in truth.columns:
        result = fleiss_kappa(np.stack([table[finding] for table in readers.values()], axis=1), seed=SEED)
        kappa = f"{result.kappa:.3f} ({result.low:.3f} to {result.high:.3f})"
        rows.append([finding, str(int(truth[finding].sum())), kappa, f"{result.agreement:.3f}"])
    return rows


def _pairs(data: Path) -> Table:
    truth, models = _read(data / "models")
    patients = truth.index.str.split("/").str[-2].to_numpy()
    y = truth[MODEL_FINDINGS].to_numpy()
    scores = {name: table[MODEL_FINDINGS].to_numpy() for name, table in models.items()}
    aucs = {name: roc_auc(y, score) for name, score in scores.items()}
    pairs = list(itertools.combinations(scores, 2))
    both = [(scores[a], scores[b]) for a, b in pairs]
    permuted = np.stack([permutation_test(y, *pair, groups=patients, seed=SEED).p_value for pair in both])
    delong = np.stack([delong_test(y, *pair).p_value for pair in both])
    holm = adjust(permuted)
    rows = [["finding", "a, AUC", "b, AUC", "a - b", "permutation p", "DeLong p", "Holm, of permutation"]]
    for f, finding in enumerate(MODEL_FINDINGS):
        for k, (a, b) in enumerate(pairs):
            names = [f"{name} {aucs[name][f]:.3f}" for name in (a, b)]
            p = [f"{values[k, f]:.4f}" for values in (permuted, delong, holm)]
            rows.append([finding, *names, f"{aucs[a][f] - aucs[b][f]:+.3f}", *p])
    return rows


if __name__ == "__main__":
    main()
