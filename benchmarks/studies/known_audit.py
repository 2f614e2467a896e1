"""Does the audit say what classifiers with known answers respond to?

    python -m benchmarks.studies.known_audit --work FOLDER [--classifiers FOLDER] [--labelled fitting held]
        [--only drain-75 ...] [--twins 60] [--table FILE]

After `benchmarks.studies.known_classifiers`, whose ONNX files, in the folder of `--classifiers` (that of `--work`
unless given), are opened as any classifier is. Each is asked what it responds to (`audit.reactions`: the regression of
its own scores on labels), from the 6,000 phantoms it was trained on (`fitting`, as the stage does), and from the 1,500
of the same condition that it never saw (`held`). The judge is the causal effect on true twins of other
patients, drawn for the purpose (`benchmarks/known_truth.py`).

Writes `pairs-<labelled>.csv` (all pairs of all classifiers) to `--work` and prints, by condition:

* agreement: average precision of ranking pairs for a true rise above 0.5 SD, Spearman, slope of the truth on the
  response, share of the intervals that hold the truth, false alarms (flagged of the pairs that truly do less than
  0.15 SD), all as `audit.cace.cace_metrics`; and the average precision of the lift in the labels
* planted: the true effect of the planted B on A, the response, and how often it is found (`responds` is rises)
* doses: devices that natural labels deal with a finding, at each dose of confounding, and all other pairs of a device;
  without kinds of each other, such as pacemakers with one and two chambers

A classifier whose pairs are in the table is not judged again, unless the table is deleted.
"""

import argparse
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from benchmarks.known_phantoms import Condition, Phantoms
from benchmarks.known_truth import KnownTruth, people_of, rows_of, true_twins
from benchmarks.measuring import markdown, provenance
from benchmarks.studies.known_classifiers import HELD_OUT, SETTINGS, Study, conditions
from diffchest import paths
from diffchest.audit.cace import BOUND, NOTHING, cace_metrics, with_truth
from diffchest.audit.reactions import judged as with_flags
from diffchest.audit.reactions import label_responses
from diffchest.classifiers.opening import open_classifier
from diffchest.files.tables import write_table
from diffchest.findings.cooccurrence import PAIR, count_pairs, planted_pairs
from diffchest.findings.hierarchy import generic
from diffchest.findings.vocabulary import DRAWN, KIND
from diffchest.params.classifiers import ClassifierParams
from diffchest.params.whole import Params
from diffchest.phantom.public_labels import PADCHEST_TABLE
from diffchest.probe.fit import subsample_patients
from diffchest.progress import notice, run

LEAST = 20  # radiographs with a finding, or it is not asked for
KEPT = [*PAIR, "response", "response_low", "response_high", "responds", "lift", "cace", "cace_low", "cace_high"]


def judged(path: Path, condition: Condition, labelled: list[str], study: Study, number: int) -> dict[str, pd.DataFrame]:
    """The pairs of one classifier, by which phantoms are labelled: what the audit says beside the truth."""
    phantoms, rows, truth = of_condition(condition, study, number)
    classifier = open_classifier(ClassifierParams(kind="onnx", file=str(path)), source=path.name, threads=1)
    fitting = subsample_patients(phantoms.patients, 1 - HELD_OUT, seed=0)
    logits, groups = classifier.logits(phantoms.pictures), {"fitting": fitting, "held": ~fitting}
    chosen = {name: groups[name] for name in labelled}
    scores = truth.scores(classifier)
    labels = pd.DataFrame(phantoms.labels.astype(float), columns=list(DRAWN))
    _, b = condition.pair
    if b and b not in labels:
        labels[b] = phantoms.has_b.astype(float)
    params, found = Params.load(), {}
    for name, some in chosen.items():
        few = labels[some].reset_index(drop=True)
        frequent = [finding for finding in few.columns if few[finding].sum() > LEAST]
        table = with_flags(
            label_responses(
                classifier.outputs,
                logits[some],
                frequent,
                few,
                rows[some].reset_index(drop=True),
                kinds=params.explain.kinds,
                model_error=params.confounders.model_error,
            ),
            params.confounders,
        )
        table = table.merge(count_pairs(few)[[*PAIR, "lift"]], on=PAIR, how="left", validate="one_to_one")
        found[name] = with_truth(table, scores, logits[some].astype(np.float64).std(axis=0))[KEPT]
    return found


@functools.lru_cache(maxsize=1)
def of_condition(condition: Condition, study: Study, number: int) -> tuple[Phantoms, pd.DataFrame, KnownTruth]:
    """Its phantoms, their rows, and `number` radiographs with their twins."""
    phantoms = study.training(condition)
    people, _ = people_of(condition, len(phantoms.patients), seed=0, table=study.table)
    if [one.patient for one in people] != phantoms.patients.tolist():
        raise AssertionError(f"{condition.name}: the phantoms are not those of its people")
    twins = true_twins(condition, number, size=study.size, table=study.table, trained_on=phantoms.patients.tolist())
    return phantoms, rows_of(people, condition), twins


def agreement(pairs: pd.DataFrame, names: list[str]) -> list[list[str]]:
    """A row per condition: means over its classifiers, and the worst of them; flagged: of all pairs, up or down."""
    first = ["condition", "classifiers", "pairs", "rise", "average precision", "least", "that of lift", "Spearman"]
    lines = [[*first, "slope", "intervals hold", "precision", "recall", "flagged", "false alarms", "most"]]
    for name in names:
        found = [metrics_of(group) for _, group in pairs[pairs["condition"] == name].groupby("file")]
        if not found:
            continue
        one = pd.DataFrame(found)
        of = one.mean()
        numbers = [f"{len(one)}", f"{of['pairs']:.0f}", f"{of['rises']:.0f}", f"{of['average_precision']:.3f}"]
        numbers += [f"{one['average_precision'].min():.3f}", f"{of['lift']:.2f}", f"{of['spearman']:.3f}"]
        numbers += [f"{of['slope']:.2f}", f"{of['coverage']:.1%}", f"{of['precision']:.2f}", f"{of['recall']:.2f}"]
        numbers += [f"{of['flagged']:.1%}", f"{of['false_alarms']:.2%}", f"{one['false_alarms'].max():.2%}"]
        lines.append([name, *numbers])
    return lines


def metrics_of(table: pd.DataFrame) -> dict[str, Any]:
    """Numbers of one classifier's pairs."""
    found, known = cace_metrics(table.reset_index(drop=True), {}), table[table["cace"].notna()]
    found.pop("rivals")
    lift = average_precision_score(known["cace"] > BOUND, known["lift"].fillna(0.0))
    return found | {"lift": float(lift), "flagged": float((table["responds"] != "").mean())}


def planted(pairs: pd.DataFrame, names: list[Condition]) -> list[list[str]]:
    """A row per condition with a planted pair."""
    lines = [["condition", "A and B", "CaCE, SD (least to most)", "response, SD", "intervals hold", "found"]]
    for condition in names:
        a, b = condition.pair
        chosen = pairs[(pairs["condition"] == condition.name) & (pairs["target"] == a) & (pairs["confounder"] == b)]
        if chosen.empty:
            continue
        truth, told = chosen["cace"], chosen["response"]
        held = (chosen["response_low"] <= truth) & (truth <= chosen["response_high"])
        spans = [f"{values.mean():.2f} ({values.min():.2f} to {values.max():.2f})" for values in (truth, told)]
        found = f"{(chosen['responds'] == 'rises').sum()} of {len(chosen)}"
        lines.append([condition.name, f"{a}, {b}", *spans, f"{held.sum()} of {len(held)}", found])
    return lines


def alike(a: str, b: str) -> bool:
    """Whether one is a kind of the other, or both of the same: their pictures are nearly the same."""
    return a in generic(b) or b in generic(a) or bool({*generic(a)} & {*generic(b)})


def doses(pairs: pd.DataFrame, study: Study) -> list[list[str]]:
    """Pairs of a device by dose of confounding: those that go together in natural labels, and the others."""
    natural = study.training(Condition("confounding", "natural"))
    labels = pd.DataFrame(natural.labels.astype(float), columns=list(DRAWN))
    bounds = Params.load().confounders.planted.model_dump()
    dealt_so = pd.MultiIndex.from_frame(planted_pairs(labels, DRAWN, **bounds)[PAIR])
    lines = [["pairs", "dose", "lift, median", "CaCE, SD", "CaCE > 0.5 SD", "response, SD", "found to rise"]]
    device = pairs[pairs["confounder"].map(KIND).eq("treatment") & pairs["cace"].notna()]
    device = device[device["condition"].str.startswith("confounding")]
    device = device[[not alike(a, b) for a, b in zip(device["target"], device["confounder"], strict=True)]]
    everywhere = device.groupby(PAIR)["condition"].nunique() == device["condition"].nunique()
    index = pd.MultiIndex.from_frame(device[PAIR])
    device = device[everywhere.reindex(index).to_numpy()]
    index = pd.MultiIndex.from_frame(device[PAIR])
    goes, is_device = index.isin(dealt_so), device["target"].map(KIND).eq("treatment").to_numpy()
    groups = {
        "finding, device that goes with it": goes & ~is_device,
        "device, device that goes with it": goes & is_device,
        "others with a device": ~goes,
    }
    for group, chosen in groups.items():
        for dose in ("0", "natural", "strong"):
            of = device[chosen & device["condition"].eq(f"confounding-{dose}").to_numpy()]
            if of.empty:
                continue
            truth, name = of["cace"], f"{of.groupby(PAIR).ngroups} {group}"
            means = [f"{truth.mean():.3f}", f"{(truth > BOUND).mean():.1%}", f"{of['response'].mean():.3f}"]
            lines.append(
                [name, dose, f"{of['lift'].median():.1f}", *means, f"{(of['responds'] == 'rises').mean():.1%}"]
            )
    return lines


def main() -> None:
    """Judge the classifiers that are there, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = {condition.name: condition for condition in conditions()}
    parser.add_argument("--work", type=Path, required=True, help="folder of phantoms and tables")
    parser.add_argument("--classifiers", type=Path, help="folder of the ONNX files; that of --work")
    parser.add_argument("--labelled", nargs="+", default=["fitting", "held"], choices=["fitting", "held"])
    parser.add_argument("--only", nargs="+", default=list(known), choices=list(known), metavar="CONDITION")
    parser.add_argument("--images", type=int, default=6000, help="phantoms that each was trained on")
    parser.add_argument("--twins", type=int, default=60, help="radiographs that are drawn with and without B")
    parser.add_argument("--table", type=Path, default=paths.PUBLIC_TABLES / PADCHEST_TABLE, help="PadChest's labels")
    options = parser.parse_args()
    study = Study(options.work, options.table, options.images, 64, SETTINGS)
    tables = {labelled: options.work / f"pairs-{labelled}.csv" for labelled in options.labelled}
    pairs = {name: pd.read_csv(p, keep_default_na=False, na_values=[""]) if p.is_file() else pd.DataFrame({"file": []})
             for name, p in tables.items()}  # fmt: skip
    for condition in (known[name] for name in options.only):
        for path in sorted((options.classifiers or options.work).glob(f"{condition.name}-*.onnx")):
            missing = [labelled for labelled, so_far in pairs.items() if path.name not in set(so_far["file"])]
            if not missing:
                continue
            for labelled, table in judged(path, condition, missing, study, options.twins).items():
                table = table.assign(file=path.name, condition=condition.name)
                pairs[labelled] = pd.concat([pairs[labelled], table], ignore_index=True)
            notice(f"{path.name}: judged")
        for labelled, table in pairs.items():
            write_table(tables[labelled], table)
    print(provenance(), f"Nothing: |CaCE| < {NOTHING} SD.", sep="\n\n")
    for labelled, table in pairs.items():
        table["responds"] = table["responds"].fillna("")
        print(f"\n{labelled}\n", markdown(agreement(table, options.only)), sep="\n")
        print("\n" + markdown(planted(table, [known[name] for name in options.only])))
        if table["condition"].eq("confounding-natural").any():
            print("\n" + markdown(doses(table, study)))


if __name__ == "__main__":
    run(main)
