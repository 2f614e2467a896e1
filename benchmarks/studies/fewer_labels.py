"""How the audit of the default's classifiers falls with fewer labelled radiographs, and with wrong labels.

    python -m benchmarks.studies.fewer_labels [--redraws 5]

After `dvc repro confounders`. What each classifier responds to is asked again (`audit.reactions.label_responses`) and
judged by the same causal effects on true twins as in the pipeline, over the same pairs:

* fewer: of the fine-tuning patients so many are kept that about as many radiographs remain
* flipped: each label of each radiograph is turned round with that probability: most of what is then called a rare
  finding is none
* mistaken: of the radiographs with a finding that share is called without, and as many others with it
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measuring import markdown, provenance
from diffchest import paths
from diffchest.audit.cace import cace_metrics
from diffchest.audit.reactions import judged, label_responses
from diffchest.contracts.classified import Classified
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.findings.cooccurrence import PAIR
from diffchest.findings.disease_free import normal_finding
from diffchest.params.base import OURS
from diffchest.params.whole import Params
from diffchest.probe.fit import subsample_patients
from diffchest.progress import run

FEWER = (3000, 1000)
WRONG = (0.05, 0.1)
Labels = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Audited:
    """One classifier's scores, the labels of the radiographs, and the truth of its pairs."""

    def __init__(self, name: str) -> None:
        self.params = Params.load()
        dataset, head = Dataset.read(self.params.evaluation.dataset), Head.load(paths.HEAD)
        self.classified = Classified.load(paths.classified(name))
        ids = self.classified.finetune_id
        self.rows = dataset.rows("finetune").set_index("image_id").loc[ids].reset_index()
        labels = dataset.labels_of(ids)[head.fitted].drop(columns=normal_finding(head.fitted) or [])
        self.labels = labels.fillna(0.0).reset_index(drop=True)
        path = paths.table("confounders") if name == OURS else paths.OTHER_AUDITS / f"{name}.csv"
        table = pd.read_csv(path)
        self.truth = table.loc[table["cace"].notna(), [*PAIR, "cace"]]
        self.findings = sorted(set(table["confounder"]))

    def metrics(self, chosen: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
        """Numbers of the audit from the rows `chosen`, bool [N], with labels [N, F]."""
        table = judged(
            label_responses(
                self.classified.outputs,
                self.classified.logits_finetune[chosen],
                self.findings,
                pd.DataFrame(labels[chosen], columns=self.labels.columns),
                self.rows[chosen].reset_index(drop=True),
                kinds=self.params.explain.kinds,
                model_error=self.params.confounders.model_error,
            ),
            self.params.confounders,
        )
        return cace_metrics(self.truth.merge(table, on=PAIR, how="left", validate="one_to_one"), {})

    def kept(self, radiographs: int, seed: int) -> np.ndarray:
        """Which radiographs remain: bool [N]."""
        patients = self.rows["patient_id"]
        return np.asarray(subsample_patients(patients, radiographs / len(patients), seed))


def flipped(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Labels [N, F] of which each is turned round with probability `share`."""
    return np.where(rng.random(labels.shape) < share, 1 - labels, labels)


def mistaken(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Labels [N, F] of which `share` of those present, by finding, are dealt to radiographs without it."""
    wrong = labels.copy()
    for column in range(labels.shape[1]):
        there, elsewhere = np.flatnonzero(labels[:, column] == 1), np.flatnonzero(labels[:, column] != 1)
        number = min(round(share * len(there)), len(elsewhere))
        wrong[rng.choice(there, number, replace=False), column] = 0
        wrong[rng.choice(elsewhere, number, replace=False), column] = 1
    return wrong


def cases(audited: Audited, redraws: int) -> dict[str, list[dict[str, Any]]]:
    """The numbers of each case, once for each redraw."""
    labels = audited.labels.to_numpy(np.float64)
    everyone = np.ones(len(labels), dtype=bool)
    found = {f"all {len(labels):,}": [audited.metrics(everyone, labels)]}
    for number in FEWER:
        found[f"fewer: {number:,}"] = [audited.metrics(audited.kept(number, seed), labels) for seed in range(redraws)]
    for make in (flipped, mistaken):
        for share in WRONG:
            redrawn = [make(labels, share, np.random.default_rng(seed)) for seed in range(redraws)]
            found[f"{make.__name__}: {share:.0%}"] = [audited.metrics(everyone, wrong) for wrong in redrawn]
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redraws", type=int, default=5)
    redraws = parser.parse_args().redraws
    names = ["average_precision", "spearman", "slope", "coverage", "precision", "recall", "false_alarms"]
    lines = [["classifier", "labels", "average precision (least)", "Spearman", "slope", "intervals hold"]]
    lines[0] += ["precision of rises", "recall", "false alarms"]
    for classifier in Params.load().classifiers.sections:
        for case, found in cases(Audited(classifier), redraws).items():
            table = pd.DataFrame(found)[names]
            mean = table.mean()
            first = f"{mean['average_precision']:.3f} ({table['average_precision'].min():.3f})"
            rest = [f"{mean[name]:.3f}" if name == "spearman" else f"{mean[name]:.2f}" for name in names[1:-1]]
            lines.append([classifier, case, first, *rest, f"{mean['false_alarms']:.2%}"])
    print(provenance(), markdown(lines), sep="\n\n")


if __name__ == "__main__":
    run(main)
