"""Draw counterfactuals and reconstructions of test radiographs, and keep pictures and logits (figures 3, S3-S6)."""

from dataclasses import replace

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.compute.parts import Parts
from diffchest.compute.processes import launched
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.explained import Axioms, Explained
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.manifest import read_manifest
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.choosing import check_image_ids, choose
from diffchest.counterfactuals.explainer import Explainer
from diffchest.counterfactuals.pictures import check_same_model
from diffchest.findings.vocabulary import visible_findings
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.counterfactuals import ExplainParams
from diffchest.params.evaluation import EvaluatedDataset, EvaluatedFindings
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import notice, run, summary


class Params(EvaluatedDataset, EvaluatedFindings):
    """What `draw_explanations` reads of params.yaml."""

    explain: ExplainParams
    runtime: RuntimeParams


def main() -> None:
    """Write the pictures that the figures show, those of the numbers, and what the head says of them."""
    params = Params.load()
    settings, dataset = params.explain, Dataset.read(params.dataset)
    check_image_ids(settings.image_ids, read_manifest(paths.STORED_MANIFEST))
    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    head, moves = Head.load(paths.HEAD), Moves.load(paths.MOVES)
    check_same_model(model, head, moves)
    targets = head.choose_fitted(settings.targets, key="explain.targets")
    findings = evaluated_findings(dataset.labels("test"), head, positives_above=params.positives_above)
    few = [target for target in targets if target not in findings]
    if few:
        notice(
            f"explain.targets: {', '.join(few)}: too few radiographs to judge how well the head sees them "
            "(reports/tables/auc.csv says how many); they are explained all the same"
        )
    visible = visible_findings(findings, on_phantoms=params.on_phantoms)
    # on phantoms there is a twin of every drawn finding to judge by, and pictures cost little
    measured_targets = list(dict.fromkeys([*targets, *visible])) if params.on_phantoms else targets
    chosen, store = choose(dataset, targets, measured_targets, settings), ImageStore(paths.IMAGES)
    with launched() as processes:
        parts = Parts(paths.RUNS / "draw_explanations", processes)
        explainer = Explainer(model, head, moves, settings, parts)
        first = chosen.shown[:1]
        drawn = {
            paths.SHOWN: explainer.explain(chosen.shown, store.read(chosen.shown), targets),
            paths.EVERY_FINDING: explainer.explain(first, store.read(first), visible),
            paths.STEP_SWEEP: explainer.sweep(first[0], store.read(first)[0], targets),
            paths.RECONSTRUCTIONS: explainer.reconstruct(chosen.reconstructed, store.read(chosen.reconstructed)),
        }
        measured = [explainer.explain(ids, store.read(ids), names, reconstruct=False) for names, ids in chosen.measured]
        other = explainer.towards(chosen.other_way)
        back = [other.explain(ids, store.read(ids), names, reconstruct=False) for names, ids in chosen.other]
    if not processes.first:
        return

    for path, kept in drawn.items():
        if kept is not None:
            kept.save(path)
    groups = [explained for explained in measured if explained is not None]
    Explained.save_all(paths.MEASURED, groups)
    Explained.save_all(paths.OTHER_WAY, [explained for explained in back if explained is not None])
    # the pictures are in this process only
    alone = replace(explainer, parts=Parts(parts.folder, used=parts.used))
    few = [explained.sample(settings.both_ways, seed=settings.seed) for explained in groups if settings.both_ways]
    Axioms.save_all(paths.AXIOMS, [alone.there_and_back(explained) for explained in few])
    parts.discard_others()
    left_out = "".join(f"; no head for {target}" for target in settings.targets if target not in targets)
    summary(
        "draw_explanations",
        f"{len(measured_targets)} findings, {len(chosen.shown)} radiographs for the figures{left_out}",
    )


if __name__ == "__main__":
    run(main)
