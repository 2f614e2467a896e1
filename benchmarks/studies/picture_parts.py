"""What each part of a counterfactual picture is worth, judged by the true twins of phantoms.

    python -m benchmarks.studies.picture_parts [--seed 1] [--radiographs 100] [--model FILE --head FILE --moves FILE]

After `dvc repro explain`. Disease-free test radiographs drawn by `--seed` are moved towards every evaluated drawn
finding, with the settings of `explain` and with one of them changed at a time; their twins are drawn anew. Prints
means over all findings, over each half of them (every other one in the order of `findings.vocabulary.DRAWN`), and a
table by finding.
"""

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measuring import markdown, provenance
from diffchest import paths
from diffchest.compute.parts import Parts
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.explained import Explained
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.latents import Latents
from diffchest.contracts.moves import Moves
from diffchest.contracts.witness import Witness
from diffchest.counterfactuals.explainer import Explainer
from diffchest.counterfactuals.pictures import encode_latents
from diffchest.counterfactuals.twin_quality import TwinJudge, twin_table
from diffchest.findings.disease_free import choose_disease_free
from diffchest.findings.vocabulary import DRAWN
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.whole import Params
from diffchest.phantom.public_labels import PADCHEST_TABLE
from diffchest.phantom.twins import Drawing, as_drawn, draw_twins

VARIANTS = {  # one part at a time
    "as `explain` has it": {},
    "edit `typical`": {"edit": "typical"},
    "edit `plausible`, 5 SD": {"edit": "plausible", "step": 5.0},
    "decoded from x_T": {"picture": "decode"},
    "not local": {"local": None},
    "not corrected": {"corrections": 0},
    "only `alone`: decoded, neither local nor corrected": {"picture": "decode", "local": None, "corrections": 0},
    "`plausible`, 5 SD, decoded, neither local nor corrected": {
        "edit": "plausible", "step": 5.0, "picture": "decode", "local": None, "corrections": 0
    },
}  # fmt: skip
OWN_Z = "moved to the first twin's own z"  # what this encoder and decoder could draw, were the move perfect
MEASURES = ("cosine", "size_ratio", "outside", "own", "off_target")


class Setting:
    """A model with its head and moves, radiographs, and their twins."""

    def __init__(self, options: argparse.Namespace) -> None:
        params = Params.load()
        self.params, self.settings = params, params.explain
        self.model, self.head = load_autoencoder(options.model), Head.load(options.head)
        self.moves = Moves.load(options.moves)
        dataset = Dataset.read(params.evaluation.dataset)
        labels = dataset.labels("test")
        evaluated = evaluated_findings(labels, self.head, positives_above=params.evaluation.positives_above)
        self.findings = [finding for finding in DRAWN if finding in evaluated]
        test, cautious = dataset.rows("test"), dataset.labels("test", uncertain="ones")
        self.ids = choose_disease_free(test, cautious, number=options.radiographs, seed=options.seed)
        self.patients = dataset.patients(self.ids)
        self.pixels = ImageStore(paths.IMAGES).read(self.ids)
        known = as_drawn(paths.PHANTOM / "padchest" / PADCHEST_TABLE, self.ids)
        drawing = Drawing(params.phantom.size, params.images.size, params.phantom.seed, params.twins.placements)
        asked = {image_id: [(finding, True) for finding in self.findings] for image_id in self.ids}
        self.twins, _ = draw_twins(known, asked, drawing, workers=params.runtime.workers)
        z = encode_latents(self.model, self.twins.picture)
        self.judge = TwinJudge(
            twins=self.twins,
            head=self.head,
            latents=Latents(np.array(self.twins.ids), z, self.model.sha256),
            witness=Witness.load(paths.WITNESS),
            findings=evaluated,
            spread=self.moves.logit_spread(self.head),
            threshold=self.moves.thresholds(),
        )

    def judged(self, **changes: object) -> pd.DataFrame:
        """Rows of `TwinJudge.rows` with these settings changed."""
        return self.judge.rows([self._explained(slice(None), self.moves, changes)], added=True)

    def judged_by_own_z(self) -> pd.DataFrame:
        """The same, where each radiograph is moved to where its own (first) twin lies."""
        z = encode_latents(self.model, self.pixels)
        where, latents = self.twins.rows(added=True), self.judge.latents.select(self.twins.ids)
        fitted, groups = self.moves.rows(self.findings), []
        for row, image_id in enumerate(self.ids):
            alone = np.zeros((len(self.moves.findings), 1, z.shape[1]))
            for column, finding in zip(fitted, self.findings, strict=True):
                if (image_id, finding) in where:
                    alone[column, 0] = (latents[where[image_id, finding][0]] - z[row]) / self.head.sd
            share = np.ones(alone.shape[:2])
            groups.append(self._explained(slice(row, row + 1), replace(self.moves, alone=alone, share=share), {}))
        return self.judge.rows(groups, added=True)

    def _explained(self, chosen: slice, moves: Moves, changes: Mapping[str, object]) -> Explained:
        settings = self.settings.model_copy(update={"towards": "presence", **changes})
        with tempfile.TemporaryDirectory() as folder:
            explainer = Explainer(self.model, self.head, moves, settings, Parts(Path(folder)))
            explained = explainer.explain(self.ids[chosen], self.pixels[chosen], self.findings, reconstruct=False)
        assert isinstance(explained, Explained)
        return explained

    def means(self, rows: pd.DataFrame) -> dict[str, str]:
        """Value and interval of each of `MEASURES`, the mean over the findings."""
        table = twin_table(rows, self.patients, self.params.evaluation.bootstrap)
        last = table.groupby("measure", sort=False).last()
        return {name: interval(last.loc[name]) for name in MEASURES}


def interval(row: pd.Series) -> str:
    """A value with its interval."""
    return f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--radiographs", type=int, default=100)
    parser.add_argument("--model", type=Path, default=paths.AUTOENCODER)
    parser.add_argument("--head", type=Path, default=paths.HEAD)
    parser.add_argument("--moves", type=Path, default=paths.MOVES)
    parser.add_argument("--only", choices=[*VARIANTS, OWN_Z], action="append")
    options = parser.parse_args()
    setting = Setting(options)
    print(provenance())
    halves = {"all": setting.findings, "first half": setting.findings[::2], "second half": setting.findings[1::2]}
    print(markdown([["pictures", "findings", *MEASURES]]))
    by_finding = None
    for name in options.only or [*VARIANTS, OWN_Z]:
        rows = setting.judged_by_own_z() if name == OWN_Z else setting.judged(**VARIANTS[name])
        by_finding = rows if by_finding is None else by_finding
        for half, findings in halves.items():
            means = setting.means(rows[rows["target"].isin(findings)])
            print("| " + " | ".join([name, half, *means.values()]) + " |", flush=True)
    print()
    table = twin_table(by_finding, setting.patients, setting.params.evaluation.bootstrap)
    lines = [["finding", *MEASURES]]
    for finding in setting.findings:
        of_finding = table[table["target"] == finding].set_index("measure")
        lines.append([finding, *(interval(of_finding.loc[name]) for name in MEASURES)])
    print(markdown(lines))


if __name__ == "__main__":
    main()
