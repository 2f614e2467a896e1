"""Statistics on real score files: the radiologists and models of the CheXpert test set; Markdown tables.

    python -m benchmarks.studies.readers_and_models --data FOLDER

FOLDER holds the CheXpert test labels as published: groundtruth.csv, radiologists/*.csv, models/*.csv.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measuring import markdown, provenance
from diffchest.stats import adjust, delong_test, fleiss_kappa, permutation_test, roc_auc

Table = list[list[str]]
MODEL_FINDINGS = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]
SEED = 0


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the CheXpert test labels")
    data = parser.parse_args().data
    print(provenance())
    for title, table in (("Fleiss' kappa of the radiologists", _kappas), ("all pairs of the models", _pairs)):
        print(f"\n{title}\n\n{markdown(table(data))}", flush=True)


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
        kappa = f"{result.value:.3f} ({result.low:.3f} to {result.high:.3f})"
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
