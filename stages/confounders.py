"""The confounder audit: which other findings appear when a radiograph is moved towards a finding (figure 4)."""

from typing import Annotated

from diffchest import paths
from diffchest.audit.pairs import audit
from diffchest.audit.quality import audit_metrics, rivals, with_planted, with_witness
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.latents import Latents
from diffchest.contracts.responses import Responses
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.cooccurrence import count_pairs, planted_pairs
from diffchest.findings.vocabulary import KIND
from diffchest.params.audit import AuditRuleParams
from diffchest.params.base import Key
from diffchest.params.evaluation import EvaluatedDataset, EvaluatedFindings
from diffchest.progress import run, summary


class Params(EvaluatedDataset, EvaluatedFindings):
    """What `confounders` reads of params.yaml."""

    rule: Annotated[AuditRuleParams, Key("confounders")]


def main() -> None:
    """Write the audit's pairs, the label co-occurrence and the metrics."""
    params = Params.load()
    dataset, head = Dataset.read(params.dataset), Head.load(paths.HEAD)
    responses, latents = Responses.load(paths.RESPONSES), Latents.load(paths.LATENTS)
    findings = evaluated_findings(dataset.labels("test"), head, positives_above=params.positives_above)
    table = audit(responses, head, findings, latents.select(dataset.image_ids("finetune")), params.rule)

    training = dataset.labels("pretrain", "finetune")[findings]
    counts, bounds = count_pairs(training), params.rule.planted.model_dump()
    write_table(paths.table("label_cooccurrence"), counts)
    known = responses.targets if params.on_phantoms else []  # the drawn findings: the truth of their pairs is known
    table = with_witness(table, counts, kinds=KIND, **bounds)
    table = with_planted(table, planted_pairs(training, known, **bounds))
    write_table(paths.table("confounders"), table)

    rival_scores = rivals(table, count_pairs(dataset.labels("finetune")[findings]))
    metrics = audit_metrics(table, rival_scores, drawn=set(known))
    write_metrics(paths.stage_metrics("confounders"), metrics)
    truth = (
        f"; planted pairs: precision {metrics['precision']:.2f}, recall {metrics['recall']:.2f}, "
        f"average precision {metrics['average_precision']:.2f}"
    )
    summary(
        "confounders",
        f"{len(responses.targets)} targets, {len(responses.image_id)} radiographs, "
        f"{metrics['flagged']} of {metrics['pairs']} pairs flagged" + (truth if params.on_phantoms else ""),
    )


if __name__ == "__main__":
    run(main)
