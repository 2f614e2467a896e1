"""Put every finding alone into test radiographs, or take it out; keep the pictures, for any classifier to score."""

from diffchest import paths
from diffchest.audit.choosing import choose_audited
from diffchest.audit.interventions import intervene
from diffchest.compute.device import set_up
from diffchest.compute.parts import Parts
from diffchest.compute.processes import launched
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.pictures import check_same_model
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.counterfactuals import PictureParams
from diffchest.params.evaluation import EvaluatedDataset, EvaluatedFindings
from diffchest.params.interventions import InterventionsParams
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import run, summary


class Params(EvaluatedDataset, EvaluatedFindings):
    """What `draw_interventions` reads of params.yaml."""

    interventions: InterventionsParams
    explain: PictureParams
    runtime: RuntimeParams


def main() -> None:
    """Write the interventions."""
    params = Params.load()
    settings, dataset = params.interventions, Dataset.read(params.dataset)
    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    head, moves = Head.load(paths.HEAD), Moves.load(paths.MOVES)
    check_same_model(model, head, moves)
    image_ids, there = choose_audited(
        dataset, settings, positives_above=params.positives_above, on_phantoms=params.on_phantoms
    )
    findings = moves.with_alone([finding for finding in there.columns if finding in set(moves.findings)])
    present = there[findings].to_numpy(bool)
    with launched() as processes:
        parts = Parts(paths.RUNS / "draw_interventions", processes)
        drawn = intervene(
            model,
            head,
            moves,
            image_ids,
            ImageStore(paths.IMAGES).read(image_ids),
            present,
            findings,
            settings=params.explain,
            random_directions=settings.random_directions,
            seed=settings.seed,
            parts=parts,
        )
    if drawn is not None:  # the first process
        drawn.save(paths.INTERVENTIONS)
        parts.discard_others()
        summary(
            "draw_interventions",
            f"{len(findings)} findings in {len(image_ids)} radiographs: {(~present).sum():,} put in, "
            f"{present.sum():,} taken out",
        )


if __name__ == "__main__":
    run(main)
