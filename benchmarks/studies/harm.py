"""What harm a response does: the AUC of A, and the decisions, as B is there never, always, by chance, or against A.

    python -m benchmarks.studies.harm [--people 300] [--strongest 4] [--redraws 500]

After `dvc repro confounders`. For each pair, phantoms of test patients (one radiograph each) are drawn with A, as many
others without A, each of them without B and with B, all else the same. The default's classifiers score them. The pairs
are, for each classifier, those with the largest true rise, the largest true fall, and the largest true rise of those
that go together in the labels (`planted`), without kinds of each other; and pneumothorax with chest drain, which has
too few test radiographs to be audited.

AUC of A where B is

* never, always; by chance: with half of all
* as labelled: as often, with A and without, as among the fine-tuning radiographs
* only with A, only without A; `against A` is the latter where B raises the score of A, the former where B lowers it

All are of the same radiographs; the mean over who has B is exact. Intervals are over redraws of patients. `called by B
alone`: of the phantoms without A that the classifier calls negative, those it calls A once B is drawn in; `missed by B
alone`: of those with A that it finds, those it no longer finds. The threshold of a classifier that has none is the
logit above which as many fine-tuning radiographs lie as have A.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.measuring import markdown, provenance
from benchmarks.studies.known_audit import alike
from diffchest import paths
from diffchest.audit.opened import open_audited
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.moves import Moves
from diffchest.findings.disease_free import choose_one_per_patient
from diffchest.findings.hierarchy import generic
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.base import OURS
from diffchest.params.whole import Params
from diffchest.phantom.pictures import Picture, draw_picture
from diffchest.phantom.public_labels import PADCHEST_TABLE
from diffchest.phantom.registry import SPECIFIC, plausible
from diffchest.phantom.twins import COHORT, as_drawn, stored_as
from diffchest.progress import notice, run

NAMED = ("pneumothorax", "chest drain tube")
CANDIDATES = 4  # times the people needed, of whom some are of the wrong sex
WHERE = ("never", "always", "by chance", "as labelled", "only with A", "only without A")


@dataclass(frozen=True, eq=False)
class Setting:
    """The default's classifiers and their thresholds by output, the test patients, and the fine-tuning labels."""

    params: Params
    classifiers: dict[str, Classifier]
    thresholds: dict[str, dict[str, float]]
    people: list[Picture]
    labels: pd.DataFrame

    @classmethod
    def load(cls, people: int) -> "Setting":
        """All of the run in this folder."""
        params = Params.load()
        dataset = Dataset.read(params.evaluation.dataset)
        head, moves, model = Head.load(paths.HEAD), Moves.load(paths.MOVES), load_autoencoder(paths.AUTOENCODER)
        classifiers = {
            name: open_audited(name, section, model=model, head=head, moves=moves, threads=1)
            for name, section in params.classifiers.sections.items()
        }
        rows = dataset.rows("finetune")
        labels = dataset.labels("finetune")
        store, thresholds = ImageStore(paths.IMAGES), {}
        for name, classifier in classifiers.items():
            thresholds[name] = dict(classifier.thresholds)
            if lacking := [output for output in classifier.outputs if output not in thresholds[name]]:
                logits = pd.DataFrame(
                    classifier.logits(store.read(rows["image_id"].tolist())), columns=list(classifier.outputs)
                )
                for output in lacking:
                    thresholds[name][output] = float(logits[output].quantile(1 - (labels[output] == 1).mean()))
        ids = choose_one_per_patient(dataset.rows("test"), number=2 * CANDIDATES * people, seed=1)
        known = as_drawn(paths.PHANTOM / COHORT / PADCHEST_TABLE, ids)
        order = np.random.default_rng(1).permutation(len(ids))
        return cls(params, classifiers, thresholds, [known[ids[place]] for place in order], labels)

    def scores(self, a: str, b: str, people: int) -> dict[str, np.ndarray]:
        """Logits of A by classifier, [2 people, 2]: half of the rows with A; without B, and with B."""
        able = [one for one in self.people if plausible(a, one.sex) and plausible(b, one.sex)][: 2 * people]
        pictures = np.stack(
            [
                self._drawn(with_finding(with_finding(one, a, there=place < people), b, there=has_b))
                for place, one in enumerate(able)
                for has_b in (False, True)
            ]
        )
        found = {}
        for name, classifier in self.classifiers.items():
            if a in classifier.outputs:
                found[name] = classifier.logits(pictures)[:, classifier.outputs.index(a)].reshape(-1, 2)
        return found

    def shares(self, a: str, b: str) -> tuple[float, float]:
        """Of the fine-tuning radiographs with A, and without, those that have B."""
        has_a, has_b = self.labels[a] == 1, self.labels[b] == 1
        return float(has_b[has_a].mean()), float(has_b[~has_a].mean())

    def _drawn(self, one: Picture) -> np.ndarray:
        drawing = self.params.phantom
        return stored_as(draw_picture(one, size=drawing.size, seed=drawing.seed), one, self.params.images.size)


def with_finding(one: Picture, name: str, *, there: bool) -> Picture:
    """The same radiograph with a finding, or without it and all that would show it."""
    gone = {name, *generic(name), *SPECIFIC.get(name, ())}
    names = {*one.findings, name} if there else set(one.findings) - gone
    return replace(one, findings=tuple(sorted(names)))


def chosen_pairs(classifiers: Sequence[str], strongest: int) -> list[tuple[str, str, str]]:
    """A, B and why, of the strongest of each kind for each classifier; a pair comes once."""
    found: dict[tuple[str, str], str] = {NAMED: "named"}
    for name in classifiers:
        table = pd.read_csv(paths.table("confounders") if name == OURS else paths.OTHER_AUDITS / f"{name}.csv")
        kinds = [alike(a, b) for a, b in zip(table["target"], table["confounder"], strict=True)]
        table = table[table["cace"].notna() & ~np.array(kinds)].sort_values("cace", ascending=False)
        rises, falls = table.head(strongest), table.tail(strongest // 2)
        together = table[table["planted"].astype(bool)].head(strongest)
        for why, rows in (("rises", rises), ("falls", falls), ("planted", together)):
            for pair in zip(rows["target"], rows["confounder"], strict=True):
                found.setdefault((str(pair[0]), str(pair[1])), why)
    return [(a, b, why) for (a, b), why in found.items()]


def auc_where(scores: np.ndarray, shares: tuple[float, float], weight: np.ndarray) -> float:
    """The AUC of logits [2 n, 2], with A in the first half, where these shares of those with A and without have B."""
    people = len(scores) // 2
    of = np.repeat(shares, people)
    weights = np.concatenate([weight * (1 - of), weight * of])
    there = np.tile(np.repeat([1, 0], people), 2)
    used = weights > 0
    return float(roc_auc_score(there[used], scores.T.ravel()[used], sample_weight=weights[used]))


def line_of(scores: np.ndarray, threshold: float, labelled: tuple[float, float], redraws: int) -> list[str]:
    """Cells of one pair and classifier: the AUCs, how much B costs where it is against A, and the decisions."""
    where = ((0.0, 0.0), (1.0, 1.0), (0.5, 0.5), labelled, (1.0, 0.0), (0.0, 1.0))
    people = len(scores) // 2
    even = np.ones(len(scores))
    found = [auc_where(scores, shares, even) for shares in where]
    change = float((scores[:, 1] - scores[:, 0]).mean())
    against = 5 if change > 0 else 4
    rng, lost = np.random.default_rng(0), []
    for _ in range(redraws):
        weight = np.concatenate([np.bincount(rng.integers(0, people, people), minlength=people) for _ in range(2)])
        lost.append(auc_where(scores, where[3], weight) - auc_where(scores, where[against], weight))
    low, high = np.quantile(lost, [0.025, 0.975])
    called = scores > threshold
    with_a, without_a = called[:people], called[people:]
    return [
        *(f"{auc:.3f}" for auc in found),
        f"{found[3] - found[against]:.3f} ({low:.3f} to {high:.3f})",
        f"{change:.2f}",
        share(~without_a[:, 0] & without_a[:, 1], ~without_a[:, 0]),
        share(with_a[:, 0] & ~with_a[:, 1], with_a[:, 0]),
    ]


def share(part: np.ndarray, whole: np.ndarray) -> str:
    """A share in percent with its numbers."""
    return f"{part.sum() / whole.sum():.0%} ({part.sum()}/{whole.sum()})" if whole.any() else "none"


def main() -> None:
    """Print a table for each classifier."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=300, help="phantoms with A, and as many without")
    parser.add_argument("--strongest", type=int, default=4, help="pairs of each kind, of each classifier")
    parser.add_argument("--redraws", type=int, default=500)
    options = parser.parse_args()
    setting = Setting.load(options.people)
    header = ["A, B", "why", "P(B\\|A), P(B\\|not A)", *WHERE, "as labelled less against A"]
    header += ["change, logits", "called by B alone", "missed by B alone"]
    tables: dict[str, list[list[str]]] = {name: [header] for name in setting.classifiers}
    for a, b, why in chosen_pairs(list(setting.classifiers), options.strongest):
        labelled = setting.shares(a, b)
        first = [f"{a}, {b}", why, f"{labelled[0]:.3f}, {labelled[1]:.3f}"]
        for name, scores in setting.scores(a, b, options.people).items():
            rest = line_of(scores, setting.thresholds[name][a], labelled, options.redraws)
            tables[name].append([*first, *rest])
        notice(f"{a}, {b}: drawn and scored")
    print(provenance())
    for name, lines in tables.items():
        print(f"\n{name}\n", markdown(lines), sep="\n")


if __name__ == "__main__":
    run(main)
