"""The audit of every classifier: what appears with a finding, and what its score responds to (figure 4)."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.audit.cace import cace_metrics, icace_errors, twin_changes, with_truth
from diffchest.audit.pairs import audit
from diffchest.audit.quality import rivals, with_contradicted, with_planted, with_witness
from diffchest.audit.reactions import flagged, picture_changes, reactions, with_aucs
from diffchest.contracts.classified import Classified
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.moves import Moves
from diffchest.contracts.responses import Responses
from diffchest.contracts.twin_scores import TwinScores
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.cooccurrence import PAIR, count_pairs, planted_pairs
from diffchest.findings.disease_free import disease_free_table, normal_finding
from diffchest.findings.vocabulary import KIND
from diffchest.params.audit import AuditRuleParams
from diffchest.params.base import OURS, Key, PositiveInt
from diffchest.params.classifiers import ClassifiersParams
from diffchest.params.counterfactuals import Kinds
from diffchest.params.evaluation import EvaluatedDataset, EvaluatedFindings
from diffchest.progress import run, summary


class Params(EvaluatedDataset, EvaluatedFindings):
    """What `confounders` reads of params.yaml."""

    classifiers: ClassifiersParams
    kinds: Annotated[Kinds, Key("explain.kinds")]
    rule: Annotated[AuditRuleParams, Key("confounders")]
    explained: Annotated[PositiveInt, Key("explain.radiographs")]
    intervened: Annotated[PositiveInt, Key("interventions.radiographs")]
    moved: Annotated[PositiveInt, Key("confounders.images")]


@dataclass(frozen=True)
class Shared:
    """What the audits of all classifiers read."""

    params: Params
    dataset: Dataset
    head: Head
    moves: Moves
    interventions: Interventions


def main() -> None:
    """Write the pairs of every classifier, the label co-occurrence and the metrics; ours are those of the figures."""
    params = Params.load()
    dataset, head = Dataset.read(params.dataset), Head.load(paths.HEAD)
    interventions = Interventions.load(paths.INTERVENTIONS)
    shared = Shared(params, dataset, head, Moves.load(paths.MOVES), interventions)
    findings = evaluated_findings(dataset.labels("test"), head, positives_above=params.positives_above)
    write_table(paths.table("label_cooccurrence"), count_pairs(dataset.labels("pretrain", "finetune")[findings]))
    write_table(paths.table("disease_free"), _disease_free(dataset, params))
    paths.OTHER_AUDITS.mkdir(parents=True, exist_ok=True)
    metrics: dict[str, Any] = {}
    for name in params.classifiers.sections:
        table, found = audited(name, shared)
        write_table(paths.audit(name), table)
        metrics |= found if name == OURS else {name: found}
    write_metrics(paths.stage_metrics("confounders"), metrics)
    ours = metrics.get("cace", {})
    truth = f"; against true twins: average precision {ours['average_precision']:.2f}" if ours.get("pairs") else ""
    summary(
        "confounders",
        f"{len(params.classifiers.sections)} classifiers; ours: {metrics.get('flagged', 0)} of "
        f"{metrics.get('pairs', 0)} pairs flagged{truth}",
    )


def audited(name: str, shared: Shared) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The pairs of one classifier, and its metrics."""
    dataset, params, interventions = shared.dataset, shared.params, shared.interventions
    classified, responses = Classified.load(paths.classified(name)), Responses.load(paths.responses(name))
    truth = TwinScores.load(paths.twin_scores(name))
    rows = dataset.rows("finetune").set_index("image_id").loc[classified.finetune_id].reset_index()
    labels = dataset.labels_of(classified.finetune_id)[shared.head.fitted]
    named = labels.drop(columns=normal_finding(shared.head.fitted) or [])
    reacts = reactions(classified, interventions, shared.moves, named, rows, kinds=params.kinds, rule=params.rule)
    table = audit(responses, classified, params.rule).merge(reacts, on=PAIR, how="left", validate="one_to_one")
    table["responds"] = table["responds"].fillna("")

    training, bounds = dataset.labels("pretrain", "finetune")[classified.outputs], params.rule.planted.model_dump()
    counts = count_pairs(training)
    table = with_aucs(with_witness(table, counts, kinds=KIND, **bounds), classified)
    table["flagged"] = flagged(table, params.kinds)
    table = with_contradicted(table, counts)
    drawn = classified.outputs if params.on_phantoms else []
    table = with_truth(with_planted(table, planted_pairs(training, drawn, **bounds)), truth, classified.spread)
    own = count_pairs(labels[classified.outputs])
    effects = picture_changes(classified, interventions), twin_changes(truth, classified.spread)
    return table, {
        "outputs": len(classified.outputs),
        "pairs": len(table),
        "appear": int(table["appears"].sum()),
        "rises": int((table["responds"] == "rises").sum()),
        "falls": int((table["responds"] == "falls").sum()),
        "flagged": int(table["flagged"].sum()),
        "contradicted_by_labels": int(table["contradicted_by_labels"].sum()),
        "latents_r2": float(np.mean(classified.r2)) if classified.outputs else np.nan,
        "cace": cace_metrics(table, rivals(table, own, classified, labels)) | {"icace": icace_errors(*effects)},
    }


def _disease_free(dataset: Dataset, params: Params) -> pd.DataFrame:
    """How many disease-free test radiographs there are, and how many each part of the pipeline asks for."""
    asked = {
        "explain.radiographs": params.explained,
        "half of interventions.radiographs": (params.intervened + 1) // 2,
        "confounders.images": params.moved,
    }
    return disease_free_table(dataset.labels("test", uncertain="ones"), dataset.rows("test")["patient_id"], asked)


if __name__ == "__main__":
    run(main)
