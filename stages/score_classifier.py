"""Let a classifier, a section of `classifiers`, score what the audit shows it; its name is the only argument."""

import sys
from typing import Annotated

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.audit.opened import open_audited
from diffchest.audit.scoring import classify
from diffchest.audit.twin_scoring import score_twins
from diffchest.classifiers.gates import gate_table, passed_gates
from diffchest.classifiers.own import OwnClassifier
from diffchest.classifiers.trial import Evidence
from diffchest.compute.device import set_up
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.latents import Latents
from diffchest.contracts.moves import Moves
from diffchest.contracts.twins import Twins
from diffchest.errors import DataError
from diffchest.files.tables import write_table
from diffchest.findings.disease_free import choose_one_per_patient
from diffchest.findings.vocabulary import visible_findings
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.base import Key, PositiveFraction, Seed
from diffchest.params.classifiers import ClassifierParams
from diffchest.params.evaluation import EvaluatedDataset, EvaluatedFindings
from diffchest.params.runtime import RuntimeParams
from diffchest.probe.fit import subsample_patients
from diffchest.progress import notice, run, summary

GATE_RADIOGRAPHS = 3000  # test radiographs, one a patient, that the gates try a classifier on


class Params(EvaluatedDataset, EvaluatedFindings):
    """What `score_classifier` reads of params.yaml."""

    classifier: Annotated[ClassifierParams, Key("classifiers.${key}")]
    fraction: Annotated[PositiveFraction, Key("probe.fraction")]
    seed: Annotated[Seed, Key("probe.seed")]
    runtime: RuntimeParams


def main() -> None:
    """Write the gates' table and the scores."""
    name = sys.argv[1]
    params = Params.load(key=name)
    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    dataset, store, latents = Dataset.read(params.dataset), ImageStore(paths.IMAGES), Latents.load(paths.LATENTS)
    head, moves = Head.load(paths.HEAD), Moves.load(paths.MOVES)
    classifier = open_audited(
        f"classifiers.{name}", params.classifier, model=model, head=head, moves=moves, threads=params.runtime.threads
    )
    evaluated = evaluated_findings(dataset.labels("test"), head, positives_above=params.positives_above)
    findings = visible_findings(evaluated, on_phantoms=params.on_phantoms)
    table = gate_table(classifier, name, evidence_of(dataset, store, latents, findings))
    write_table(paths.table(f"gates_{name}"), table)
    outputs = audited(name, table)

    rows = dataset.rows("finetune")
    ids = rows[subsample_patients(rows["patient_id"], params.fraction, params.seed)]["image_id"].tolist()
    z = latents.select(ids)
    own = isinstance(classifier, OwnClassifier)  # its z of these radiographs are known, and need no encoder
    logits = head.logits(z)[:, head.rows(classifier.outputs)] if own else classifier.logits(store.read(ids))
    interventions = Interventions.load(paths.INTERVENTIONS)
    scored = classify(
        classifier,
        outputs,
        interventions,
        finetune_id=ids,
        logits_finetune=logits.astype(np.float32),
        z=z,
        gates=table,
        head=head,
    )
    scored.save(paths.classified(name))
    score_twins(classifier, outputs, interventions, Twins.load(paths.TWINS)).save(paths.twin_scores(name))
    left = len(findings) - len(outputs)
    summary(
        f"score_classifier {name}",
        f"{len(outputs)} findings passed all gates" + (f", {left} did not or are not known to it" if left else ""),
    )


def audited(name: str, table: pd.DataFrame) -> list[str]:
    """The outputs that passed all gates; none where the scores are wrong: the audits of other classifiers go on."""
    try:
        outputs = passed_gates(table)
    except DataError as error:
        notice(f"{name} is not audited: {error}")
        return []
    if not outputs:
        notice(f"{name} is not audited: no output passed all gates ({paths.table(f'gates_{name}')})")
    return outputs


def evidence_of(dataset: Dataset, store: ImageStore, latents: Latents, findings: list[str]) -> Evidence:
    """What the gates try a classifier on: stored squares, their labels and z. They are at the generator's size."""
    rows = dataset.rows("test")
    ids = choose_one_per_patient(rows, number=GATE_RADIOGRAPHS, seed=0)
    patients = rows.set_index("image_id").loc[ids, "patient_id"].to_numpy()
    labels = dataset.labels_of(ids)[findings].to_numpy(np.float64)
    return Evidence(
        pictures=store.read(ids),
        size=store.size,
        findings=findings,
        labels=labels,
        patients=patients,
        z=latents.select(ids),
    )


if __name__ == "__main__":
    run(main)
