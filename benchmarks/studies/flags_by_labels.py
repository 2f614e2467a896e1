"""Flags and false flags of the audit against the number of labelled radiographs, by the rule before and the one now.

    python -m benchmarks.studies.flags_by_labels [--sizes 69 150 333 1000 3000] [--seeds 5] [--out FILE.png]
    python -m benchmarks.studies.flags_by_labels --committed --out docs/results/flags_by_labels.png

The second draws the numbers of the table in docs/results/audit.md and computes nothing. The first: after `dvc repro`,
on its network, z and phantoms. For each size and seed so many labelled radiographs are drawn, patient by patient, 70 to
30 for fine-tuning and test, with labels as a hospital may have them: the `FINDINGS` drawn findings that are most
frequent, and columns of chance, which no radiograph shows (`RANDOM`: how frequent each is). Our head is fitted, moved
and audited as `profiles/open_cxr.yaml` says, and its flagged pairs are judged:

* true: drawing B alone truly raises the head's own logit of A by more than 0.5 SD (CaCE on true twins), and neither is
  a column of chance
* false: by less than 0.15 SD, or either is a column of chance
* lasting: true also of a head that is fitted to all fine-tuning radiographs

Both rules judge the same runs. Before: an output is audited from 5 test radiographs with and 5 without it on, with an
AUC of 0.65. Now: with more than `POSITIVES` (`evaluation.positives_above` of a profile for own radiographs) in test and
fine-tuning, with it and without, and the whole interval of its AUC above 0.5.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.measuring import markdown, provenance
from diffchest import paths
from diffchest.audit.cace import BOUND, NOTHING, with_truth
from diffchest.audit.direction import own_direction
from diffchest.audit.pairs import audit
from diffchest.audit.reactions import flagged, judged, label_responses, with_aucs
from diffchest.audit.responses import respond
from diffchest.classifiers import agreement
from diffchest.classifiers.own import OwnClassifier
from diffchest.classifiers.surrogate import fit_surrogate
from diffchest.classifiers.trial import Bounds
from diffchest.compute.device import set_up
from diffchest.compute.parts import Parts
from diffchest.compute.processes import ALONE
from diffchest.contracts.classified import Classified
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.latents import Latents
from diffchest.contracts.responses import Responses
from diffchest.contracts.twin_scores import TwinScores
from diffchest.contracts.twins import Twins
from diffchest.counterfactuals.fitting import fit_moves
from diffchest.files.yaml import read_mapping
from diffchest.findings.cooccurrence import PAIR, contradicted, count_pairs
from diffchest.findings.disease_free import choose_disease_free, choose_one_per_patient, disease_free
from diffchest.findings.vocabulary import DRAWN
from diffchest.model.autoencoder import load_autoencoder
from diffchest.model.encoding import encode
from diffchest.params.whole import Params
from diffchest.probe.fit import fit_head
from diffchest.profiles import merge
from diffchest.progress import run

PROFILE = Path("profiles/open_cxr.yaml")
POSITIVES = 10
FINDINGS = 15
RANDOM = {"chance 50 %": 0.5, "chance 30 %": 0.3, "chance 15 %": 0.15}
TEST = 0.3
RULES = ("before", "now")
COUNTS = ("pairs", "flagged", "true", "false", "lasting", "contradicted")
COMMITTED = Path("docs/results/audit.md")


class World:
    """The default run's network and phantoms, the true twins encoded once, and what a head of all labels truly does."""

    def __init__(self) -> None:
        raw = dict(read_mapping(Path("params.yaml")))
        profile = read_mapping(PROFILE)
        merge(raw, {name: profile[name] for name in ("probe", "confounders")})
        self.params = Params.parse(raw)
        self.dataset, self.latents = Dataset.read(self.params.evaluation.dataset), Latents.load(paths.LATENTS)
        self.model = load_autoencoder(paths.AUTOENCODER, set_up(self.params.runtime))
        self.store = ImageStore(paths.IMAGES)
        self.interventions, twins = Interventions.load(paths.INTERVENTIONS), Twins.load(paths.TWINS)
        self.z_original = encode(self.model, self.interventions.original, 256)
        where = np.flatnonzero(np.isin(twins.image_id, self.interventions.image_id))
        self.twin_id = [twins.ids[row] for row in where]
        self.z_twin = encode(self.model, twins.picture[where], 256)
        everyone = self.dataset.labels("finetune", "test")
        shown = [name for name in DRAWN if name in set(everyone.columns) & set(self.interventions.findings)]
        self.findings = (everyone[shown] == 1).sum().nlargest(FINDINGS).index.tolist()
        rng = np.random.default_rng(0)
        chance = {name: rng.random(len(everyone)) < share for name, share in RANDOM.items()}
        self.table = everyone[self.findings].assign(**chance).astype(np.float32)
        self.lasting = self._lasting()

    def labels(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The labels of `rows`, findings first."""
        return self.table.loc[rows["image_id"].tolist()]

    def head(self, rows: pd.DataFrame) -> Head:
        """Our head, fitted to `rows`."""
        labels, z = self.labels(rows), self.latents.select(rows["image_id"].tolist())
        names, sha = list(labels.columns), self.latents.model_sha256
        known = labels.to_numpy()
        return fit_head(z, known, rows["patient_id"], params=self.params.probe, findings=names, model_sha256=sha)[0]

    def truth(self, head: Head, outputs: list[str]) -> TwinScores:
        """What a head says of the true twins."""
        drawn, columns = self.interventions, head.rows(outputs)
        return TwinScores(
            outputs=outputs,
            image_id=drawn.image_id,
            findings=drawn.findings,
            present=drawn.present,
            logits_original=head.logits(self.z_original)[:, columns],
            twin_id=self.twin_id,
            logits_twin=head.logits(self.z_twin)[:, columns],
        )

    def _lasting(self) -> pd.MultiIndex:
        """The pairs of findings that are true of a head that is fitted to all fine-tuning radiographs."""
        rows = self.dataset.rows("finetune")
        head = self.head(rows)
        spread = head.logits(self.latents.select(rows["image_id"].tolist()))[:, head.rows(self.findings)].std(axis=0)
        names = self.findings
        pairs = pd.DataFrame([(a, b) for a in names for b in names if a != b], columns=PAIR)
        pairs = with_truth(pairs, self.truth(head, names), spread)
        return pd.MultiIndex.from_frame(pairs.loc[pairs["cace"] > BOUND, PAIR])

    def drawn(self, size: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Fine-tuning and test rows of about `size` labelled radiographs: whole patients in a seeded order."""
        parts = []
        for role, share in (("finetune", 1 - TEST), ("test", TEST)):
            rows = self.dataset.rows(role)  # type: ignore[arg-type]
            order = np.random.default_rng(seed).permutation(rows["patient_id"].unique())
            rank = rows["patient_id"].map({patient: place for place, patient in enumerate(order)})
            kept = rows.assign(rank=rank).sort_values(["rank", "image_id"]).head(round(size * share))
            parts.append(kept.drop(columns="rank").reset_index(drop=True))
        return parts[0], parts[1]


def measured(world: World, size: int, seed: int) -> list[dict[str, Any]]:
    """The counts by both rules in one draw of labelled radiographs."""
    finetune, test = world.drawn(size, seed)
    head, test_labels = world.head(finetune), world.labels(test)
    names = list(test_labels.columns)
    one = choose_one_per_patient(test, number=len(test), seed=0)
    known = test_labels.loc[one].to_numpy(np.float64)
    scores = head.logits(world.latents.select(one))
    bounds = Bounds()
    smaller = np.minimum((known == 1).sum(axis=0), (known == 0).sum(axis=0))
    found = (smaller >= bounds.positives) & (agreement.aucs(known, scores) >= bounds.auc_originals)
    before = [name for name in head.fitted if found[names.index(name)]]
    enough = evaluated_findings(test_labels, head, positives_above=POSITIVES)
    low = agreement.auc_lower_limits(known, scores, np.array(one))
    now = [name for name in before if name in enough and low[names.index(name)] > 0.5]
    healthy = disease_free(test_labels[world.findings]).any()
    audited = _audited(world, head, finetune, test, before) if healthy and before else None
    counts = []
    for rule, outputs in zip(RULES, (before, now), strict=True):
        pairs = _judged(audited, outputs, world) if audited and len(outputs) > 1 else None
        blind = sum(name in RANDOM for name in outputs)
        counts.append(
            {"labelled": size, "seed": seed, "rule": rule, "audited": len(outputs), "blind": blind}
            | _counts(pairs, world)
        )
    return counts


@dataclass(frozen=True, eq=False)
class Audited:
    """What is judged: scores, what was drawn, the labels of what was scored, and what the twins truly do."""

    classified: Classified
    responses: Responses
    labels: pd.DataFrame
    rows: pd.DataFrame
    truth: TwinScores


def _audited(world: World, head: Head, finetune: pd.DataFrame, test: pd.DataFrame, outputs: list[str]) -> Audited:
    """Our head's scores and pictures, as the stages `score_classifier` and `draw_audit` make them."""
    ids = finetune["image_id"].tolist()
    z, labels = world.latents.select(ids), world.labels(finetune)
    moves = fit_moves(z, labels, finetune, head, name="phantoms", kinds=world.params.explain.kinds)
    columns = head.rows(outputs)
    logits = head.logits(z)[:, columns].astype(np.float32)
    weight, bias = fit_surrogate((z - head.mean) / head.sd, logits)
    none = np.zeros((0, len(outputs)), dtype=np.float32)
    classified = Classified(
        outputs=outputs,
        threshold=np.full(len(outputs), np.nan),
        finetune_id=ids,
        logits_finetune=logits,
        logits_base=none,
        logits_picture=none[:, None],
        logits_random=none[:, None],
        weight=weight,
        bias=bias,
        r2=np.full(len(outputs), np.nan),
        auc=np.full(len(outputs), np.nan),
        auc_low=np.ones(len(outputs)),  # each rule has chosen its outputs
        classifier_sha256=[""],
    )
    settings = world.params.confounders
    healthy = world.labels(test)[world.findings]
    chosen = choose_disease_free(test, healthy, number=settings.images, seed=settings.seed)
    direction, fitted = own_direction(classified, z, head, moves)
    with TemporaryDirectory() as folder:
        responses = respond(
            world.model,
            direction,
            chosen,
            world.store.read(chosen),
            classifier=OwnClassifier(world.model, head),
            targets=outputs,
            fitted=fitted,
            solver=world.params.explain.solver,
            settings=settings,
            parts=Parts(Path(folder), ALONE),
        )
    if responses is None:
        raise RuntimeError("one process draws, and had nothing to say")
    return Audited(classified, responses, labels[head.fitted], finetune, world.truth(head, outputs))


def _judged(found: Audited, outputs: list[str], world: World) -> pd.DataFrame:
    """The pairs among `outputs`, flagged and with their truth, as stage `confounders` judges them."""
    columns = [found.classified.outputs.index(name) for name in outputs]
    classified = replace(
        found.classified,
        outputs=outputs,
        logits_finetune=found.classified.logits_finetune[:, columns],
        weight=found.classified.weight[columns],
        bias=found.classified.bias[columns],
        auc=found.classified.auc[columns],
        auc_low=found.classified.auc_low[columns],
    )
    kept = replace(
        found.responses,
        targets=outputs,
        logits_after=found.responses.logits_after[:, columns],
        direct=found.responses.direct[:, columns],
    )
    rule = world.params.confounders
    kinds = world.params.explain.kinds
    told = label_responses(
        outputs,
        classified.logits_finetune,
        list(found.labels.columns),
        found.labels,
        found.rows,
        kinds=kinds,
        model_error=rule.model_error,
    )
    pairs = audit(kept, classified, rule).merge(judged(told, rule), on=PAIR, how="left", validate="one_to_one")
    pairs["responds"] = pairs["responds"].fillna("")
    pairs["flagged"] = flagged(with_aucs(pairs, classified), kinds)
    counts = count_pairs(found.labels)
    pairs = pairs.merge(counts, on=PAIR, how="left", validate="one_to_one")
    known = pairs[pairs["confounder"].isin(found.truth.findings)]
    truth = with_truth(known, found.truth, found.classified.spread)
    return pairs.merge(truth[[*PAIR, "cace"]], on=PAIR, how="left", validate="one_to_one")


def _counts(pairs: pd.DataFrame | None, world: World) -> dict[str, int]:
    """How many pairs there are, are flagged, and how these are judged."""
    if pairs is None:
        return dict.fromkeys(COUNTS, 0)
    chosen = pairs[pairs["flagged"]]
    chance = chosen[PAIR].isin(list(RANDOM)).any(axis=1)
    rises = (chosen["cace"] > BOUND) & ~chance
    lasting = pd.MultiIndex.from_frame(chosen[PAIR]).isin(world.lasting)
    return {
        "pairs": len(pairs),
        "flagged": len(chosen),
        "true": int(rises.sum()),
        "false": int((chance | ~(chosen["cace"] >= NOTHING)).sum()),
        "lasting": int((rises & lasting).sum()),
        "contradicted": int(contradicted(chosen).sum()),
    }


def committed(text: str) -> pd.DataFrame:
    """The numbers of the table in `COMMITTED`: labelled, rule, flagged of each draw, the means of false and lasting."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    head = next(place for place, cells in enumerate(lines) if {"labelled", "now (each draw)"} <= set(cells))
    rows = []
    for cells in lines[head + 1 :]:
        if len(cells) != len(lines[head]):  # the next table
            break
        found = dict(zip(_by_rule(lines[head]), cells, strict=True))
        for rule in RULES:
            each = found["flagged", rule].partition("(")[2].rstrip(")").split(", ")
            means = {"false": float(found["false", "either"]), "lasting": float(found["lasting", rule])}
            size = int(found["labelled", ""].replace(",", ""))
            rows += [{"labelled": size, "rule": rule, "flagged": int(flags), **means} for flags in each]
    return pd.DataFrame(rows)


def _by_rule(names: list[str]) -> list[tuple[str, str]]:
    """What each column of that table holds, and by which rule: `true, before`, and after it `now` of the same."""
    columns, what = [], ""
    for name in names:
        plain = name.removesuffix(" (each draw)")
        rule = "now" if plain == "now" else plain.rpartition(", ")[2] if ", " in plain else ""
        what = what if plain == "now" else plain.removesuffix(f", {rule}").removeprefix("outputs ")
        columns.append((what, rule))
    return columns


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw flags, false flags and those that do not last by size: means of the draws, and the flags of each draw."""
    figure, grid = plt.subplots(1, 3, figsize=(7.2, 2.6), layout="constrained", sharex=True)
    shown = table.assign(passing=table["flagged"] - table["lasting"])
    titles = {"flagged": "flagged pairs", "false": "of them false", "passing": "of them not of a head of all labels"}
    sizes = sorted(table["labelled"].unique())
    for axes, (column, title) in zip(grid, titles.items(), strict=True):
        for rule, colour, line in zip(RULES, ("#d55e00", "#0072b2"), ("-", "--"), strict=True):
            rows = shown[shown["rule"] == rule]
            if column == "flagged":
                axes.plot(rows["labelled"], rows[column], ".", color=colour, alpha=0.4, ms=5)
            mean = rows.groupby("labelled")[column].mean()
            axes.plot(mean.index, mean, line, color=colour, label=f"rule {rule}")
        axes.set_xscale("log")
        axes.set_xlabel("labelled radiographs (log scale)", fontsize=7)
        axes.set_title(title, fontsize=8)
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize=7)
        axes.minorticks_off()
        axes.set_ylim(-0.5, shown["flagged"].max() + 1)  # one scale: none of few is not many
        axes.tick_params(labelsize=7)
    grid[0].set_ylabel("pairs (lines: mean of draws;\npoints: each draw)", fontsize=7)
    grid[0].legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    """Print a table, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[69, 150, 333, 1000, 3000])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--committed", action="store_true", help=f"draw the table in {COMMITTED} into --out")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.committed:
        if asked.out is None:
            parser.error("--committed draws a picture: say where with --out")
        draw(committed(COMMITTED.read_text(encoding="utf-8")), asked.out)
        return
    world = World()
    print(f"{len(world.lasting)} pairs of {', '.join(world.findings)} are true of a head of all labels", flush=True)
    rows = []
    for size in asked.sizes:
        for seed in range(asked.seeds):
            rows += measured(world, size, seed)
            print(rows[-2], rows[-1], sep="\n", flush=True)
    table = pd.DataFrame(rows)
    names = ["audited", "blind", "pairs", "true", "false", "lasting", "contradicted"]
    lines = [["labelled", "rule", "flagged (each draw)", "outputs audited", "of chance", *names[2:]]]
    for (size, rule), own in table.groupby(["labelled", "rule"], sort=False):
        each = ", ".join(map(str, own["flagged"]))
        means = [f"{own[name].mean():.1f}" for name in names]
        lines.append([f"{size:,}", str(rule), f"{own['flagged'].mean():.1f} ({each})", *means])
    print(provenance(), markdown(lines), sep="\n\n")
    if asked.out is not None:
        draw(table, asked.out)


if __name__ == "__main__":
    run(main)
