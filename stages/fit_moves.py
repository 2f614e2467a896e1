"""Fit how z is moved towards each finding: what it adds while all others are held, and what goes with it."""

from typing import Annotated

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.latents import Latents
from diffchest.counterfactuals.fitting import fit_moves
from diffchest.params.base import Key, StageParams
from diffchest.progress import run, summary


class Params(StageParams):
    """What `fit_moves` reads of params.yaml."""

    dataset: Annotated[str, Key("evaluation.dataset")]


def main() -> None:
    """Write the moves of all findings that the head was fitted for."""
    dataset, head = Dataset.read(Params.load().dataset), Head.load(paths.HEAD)
    rows = dataset.needed("finetune", instead="explaining needs radiographs that the head was fitted on")
    z = Latents.load(paths.LATENTS).select(rows["image_id"].tolist())
    moves = fit_moves(z, dataset.labels("finetune"), rows, head)
    moves.save(paths.MOVES)
    several = [name for name, share in zip(moves.findings, moves.share, strict=True) if (share > 0).sum() > 1]
    summary("fit_moves", f"{len(moves.findings)} findings, {len(several)} of which show in several ways")


if __name__ == "__main__":
    run(main)
