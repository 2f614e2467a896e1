"""Fit how z is moved towards each finding: what it adds while all others are held, and what goes with it."""

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.latents import Latents
from diffchest.counterfactuals.fitting import fit_moves
from diffchest.params.evaluation import EvaluatedDataset
from diffchest.progress import run, summary


class Params(EvaluatedDataset):
    """What `fit_moves` reads of params.yaml."""


def main() -> None:
    """Write the moves of all findings that the head was fitted for."""
    params, head = Params.load(), Head.load(paths.HEAD)
    dataset = Dataset.read(params.dataset)
    name = f"phantoms of {params.dataset}" if params.on_phantoms else params.dataset
    rows = dataset.needed("finetune", instead="explaining needs radiographs that the head was fitted on")
    z = Latents.load(paths.LATENTS).select(rows["image_id"].tolist())
    moves = fit_moves(z, dataset.labels("finetune"), rows, head, name=name)
    moves.save(paths.MOVES)
    several = [name for name, share in zip(moves.findings, moves.share, strict=True) if (share > 0).sum() > 1]
    summary("fit_moves", f"{len(moves.findings)} findings, {len(several)} of which show in several ways")


if __name__ == "__main__":
    run(main)
