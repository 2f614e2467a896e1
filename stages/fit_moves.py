"""Fit how z is moved towards each finding: what it adds while all others are held, and what goes with it."""

from typing import Annotated

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.latents import Latents
from diffchest.counterfactuals.fitting import fit_moves, hardly_apart
from diffchest.params.base import Key, PositiveFraction, Seed
from diffchest.params.counterfactuals import Kinds
from diffchest.params.evaluation import EvaluatedDataset
from diffchest.probe.fit import subsample_patients
from diffchest.progress import notice, run, summary


class Params(EvaluatedDataset):
    """What `fit_moves` reads of params.yaml."""

    kinds: Annotated[Kinds, Key("explain.kinds")]
    fraction: Annotated[PositiveFraction, Key("probe.fraction")]
    seed: Annotated[Seed, Key("probe.seed")]


def main() -> None:
    """Write the moves of all findings that the head was fitted for."""
    params, head = Params.load(), Head.load(paths.HEAD)
    dataset = Dataset.read(params.dataset)
    name = f"phantoms of {params.dataset}" if params.on_phantoms else params.dataset
    rows = dataset.needed("finetune", instead="explaining needs radiographs that the head was fitted on")
    rows = rows[subsample_patients(rows["patient_id"], params.fraction, params.seed)]  # as the head
    ids = rows["image_id"].tolist()
    labels = dataset.labels_of(ids)
    z = Latents.load(paths.LATENTS).select(ids)
    moves = fit_moves(z, labels, rows, head, name=name, kinds=params.kinds)
    for told in hardly_apart(labels[head.fitted], params.kinds):
        notice(told)
    moves.save(paths.MOVES)
    several = [name for name, share in zip(moves.findings, moves.share, strict=True) if (share > 0).sum() > 1]
    summary("fit_moves", f"{len(moves.findings)} findings, {len(several)} of which show in several ways")


if __name__ == "__main__":
    run(main)
