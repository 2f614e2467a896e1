"""Rivals of the audit: other ways to ask what a classifier's score responds to, judged by the same true twins.

    python -m benchmarks.studies.audit_rivals [--pictures 96] [--shifted 12]

After `dvc repro confounders`. For each classifier of the default every pair of its table is ranked by each
rival (`benchmarks/rivals.py`, own code from the papers) and judged as `response` is (`audit.cace`): average precision
for a true rise above 0.5 SD, Spearman, and the 95 % interval, over redraws of targets, of how far the average precision
of `response` is ahead. The budget is the pipeline's own: the same labelled radiographs for those that read labels, and
as many pictures as the interventions for those that draw or paint, 96 per finding; finite differences through decoder
and classifier take about half of it for 12 radiographs. Rivals that know a part of the pairs alone are judged on these
as well.
"""

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import rivals
from benchmarks.measuring import markdown, provenance
from diffchest import paths
from diffchest.audit.cace import cace_metrics
from diffchest.audit.opened import open_audited
from diffchest.contracts.classified import Classified
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.moves import Moves
from diffchest.findings.cooccurrence import PAIR, count_pairs
from diffchest.findings.disease_free import normal_finding
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.base import OURS
from diffchest.params.whole import Params
from diffchest.progress import notice, run

PIPELINE = {  # columns of the pipeline's table, and what they cost
    "response": "labels",
    "moved_z": "labels",
    "picture": "pictures of the interventions",
    "prevalence_rise": "16 radiographs, moved towards each finding",
    "weight_correlation": "labels",
}


class Contest:
    """The run's model, moves, labelled and test radiographs, and what rivals share between classifiers."""

    def __init__(self, pictures: int, shifted: int) -> None:
        self.params = Params.load()
        self.model, self.head, self.moves = (
            load_autoencoder(paths.AUTOENCODER),
            Head.load(paths.HEAD),
            Moves.load(paths.MOVES),
        )
        self.dataset, self.store = Dataset.read(self.params.evaluation.dataset), ImageStore(paths.IMAGES)
        names = list(self.params.classifiers.sections)
        self.classified = {name: Classified.load(paths.classified(name)) for name in names}
        ids = self.classified[names[0]].finetune_id
        rows = self.dataset.rows("finetune").set_index("image_id").loc[ids].reset_index()
        labels = self.dataset.labels_of(ids)[self.head.fitted]
        labels = labels.drop(columns=normal_finding(self.head.fitted) or []).fillna(0.0).reset_index(drop=True)
        self.known = rivals.Labelled(self.store.read(ids), labels, rows, self.params.explain.kinds)
        self.tables = {
            name: pd.read_csv(paths.table("confounders") if name == OURS else paths.OTHER_AUDITS / f"{name}.csv")
            for name in names
        }
        self.findings = sorted(set(self.tables[names[0]].dropna(subset="cace")["confounder"]))
        test, certain = self.dataset.rows("test"), self.dataset.labels("test", uncertain="zeros")
        chosen = [rivals.with_finding(test, certain, finding, pictures) for finding in self.findings]
        self.with_b = [self.store.read(some) for some in chosen]
        self.spent = sum(map(len, chosen))
        self.of_b = [certain.loc[some] for some in chosen]
        self.start = self.store.read(self._few(shifted))

    def _few(self, number: int) -> list[str]:
        rows = self.dataset.rows("test").drop_duplicates("patient_id")
        return sorted(rows["image_id"].sample(number, random_state=0))

    def draw(self) -> None:
        """What all classifiers are shown: B removed, and where B is."""
        started = time.perf_counter()
        settings = self.params.explain
        self.removed = rivals.removed(
            self.model, self.head, self.moves, self.findings, self.with_b, self.of_b, settings
        )
        notice(f"{self.spent:,} radiographs with a finding removed: {time.perf_counter() - started:.0f} s")
        self.where = rivals.regions(self.known, self.findings)

    def estimates(self, name: str) -> dict[str, tuple[np.ndarray, str, float]]:
        """Each rival's estimate [F, K], what it is given, and seconds."""
        classified = self.classified[name]
        outputs, spread = classified.outputs, classified.spread
        section = self.params.classifiers.sections[name]
        classifier = open_audited(name, section, model=self.model, head=self.head, moves=self.moves, threads=1)
        score = rivals.logits_of(classifier, outputs, spread)
        scores = classified.logits_finetune.astype(np.float64) / spread
        found: dict[str, tuple[np.ndarray, str, float]] = {}

        def add(rival: str, given: str, started: float, value: np.ndarray) -> None:
            found[rival] = value, given, time.perf_counter() - started
            notice(f"{name}: {rival}, {found[rival][2]:.0f} s")

        labelled = f"{len(scores):,} labelled"
        started = time.perf_counter()
        add("matched radiographs", labelled, started, rivals.matched(self.known, scores, self.findings))
        started = time.perf_counter()
        add("PCA and probe", labelled, started, rivals.pca_probe(self.known, scores, self.findings))
        started, fill = time.perf_counter(), self.known.pictures.mean(axis=0)
        value = rivals.occlusion(self.where, self.with_b, score, fill)
        add("occlusion", f"{labelled}, {self.spent:,} painted", started, value)
        started = time.perf_counter()
        value = rivals.shortcut_test(self.removed, score, outputs)
        add("FastDiME's shortcut test", f"{self.spent:,} drawn", started, value)
        started = time.perf_counter()
        gradient, before, moved = rivals.gradients(self.model, self.head, self.start, score, self.params.confounders)
        given = f"{len(self.start) * (1 + gradient.shape[2]):,} drawn"
        value = rivals.gradient_along(gradient, self.moves, self.findings)
        add("gradient along the move", given, started, value)
        places = [outputs.index(finding) for finding in self.findings]
        value = rivals.latent_shift(gradient, before, moved, places)
        given = f"{len(self.start) * (1 + gradient.shape[2] + len(outputs)):,} drawn"
        add("latent shift", given, started, value)
        return found

    def lines(self, name: str) -> list[list[str]]:
        """The rows of one classifier: all pairs, and below the pairs that a rival knows, where these are fewer."""
        table = self.tables[name]
        outputs, rows = self.classified[name].outputs, table["confounder"].map(self.findings.index)
        columns = table["target"].map(outputs.index)
        told = {rival: table[rival].to_numpy() for rival in PIPELINE}
        given = {rival: (what, np.nan) for rival, what in PIPELINE.items()}
        own = table[PAIR].merge(count_pairs(self.known.labels[outputs]), on=PAIR, how="left", validate="one_to_one")
        told |= {"P(B\\|A)": own["p_b_given_a"].to_numpy(), "lift": own["lift"].to_numpy()}
        given |= {"P(B\\|A)": ("labels", np.nan), "lift": ("labels", np.nan)}
        for rival, (value, what, seconds) in self.estimates(name).items():
            told[rival], given[rival] = value[rows, columns], (what, seconds)
        found = judged(table, told)
        order = sorted(found, key=lambda rival: -found[rival]["average_precision"])
        lines = [line(name, rival, *given[rival], found[rival], len(table)) for rival in order]
        for rival in order:
            known = np.isfinite(told[rival].astype(float))
            if 100 <= known.sum() < len(table):
                part = judged(table[known], {key: told[key][known] for key in ("response", rival)})
                for key in ("response", rival):
                    lines.append(line(name, f"{key}, where {rival} knows", *given[key], part[key], int(known.sum())))
        return lines


def judged(table: pd.DataFrame, told: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """The numbers of each, see `audit.cace.cace_metrics`."""
    return cace_metrics(table.reset_index(drop=True), told)["rivals"]


def line(name: str, rival: str, given: str, seconds: float, found: dict[str, Any], pairs: int) -> list[str]:
    """One row of the table."""
    took = "" if np.isnan(seconds) else f"{seconds:.0f}"
    ahead = "" if rival.startswith("response") else f"{found['ahead_low']:.2f} to {found['ahead_high']:.2f}"
    numbers = [f"{found['average_precision']:.3f}", f"{found['spearman']:.3f}", ahead]
    return [name, rival, given, took, f"{pairs}", *numbers]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=96, help="test radiographs with each finding")
    parser.add_argument("--shifted", type=int, default=12, help="test radiographs of the gradients")
    options = parser.parse_args()
    contest = Contest(options.pictures, options.shifted)
    contest.draw()
    lines = [
        ["classifier", "ranked by", "given", "s", "pairs", "average precision", "Spearman", "response is ahead by"]
    ]
    for name in contest.tables:
        lines += contest.lines(name)
    print(provenance(), markdown(lines), sep="\n\n")


if __name__ == "__main__":
    run(main)
