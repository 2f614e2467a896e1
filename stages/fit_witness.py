"""Fit the realism witness: a classifier of pixels, of phantoms without confounding, that no counterfactual sees."""

from typing import Annotated

import numpy as np

from diffchest import paths
from diffchest.counterfactuals.witness import fit_witness, no_witness, witness_table
from diffchest.files.tables import write_table
from diffchest.params.base import Key
from diffchest.params.evaluation import EvaluatedDataset
from diffchest.params.runtime import RuntimeParams
from diffchest.phantom.unconfounded import draw_unconfounded
from diffchest.progress import run, summary

HELD_OUT = 5  # one of so many phantoms is for the AUC


class Params(EvaluatedDataset):
    """What `fit_witness` reads of params.yaml."""

    images: Annotated[int, Key("twins.witness_images")]
    size: Annotated[int, Key("phantom.size")]
    seed: Annotated[int, Key("phantom.seed")]
    stored: Annotated[int, Key("images.size")]
    runtime: RuntimeParams


def main() -> None:
    """Write the witness and its AUC on held-out phantoms; one that knows nothing where radiographs are not drawn."""
    params = Params.load()
    witness = no_witness(params.stored)
    if params.on_phantoms:
        pictures, labels, findings = draw_unconfounded(
            params.images, size=params.size, stored=params.stored, seed=params.seed, workers=params.runtime.workers
        )
        judged = len(pictures) // HELD_OUT
        witness = fit_witness(pictures[judged:], labels[judged:], findings)
        table = witness_table(witness, pictures[:judged], labels[:judged])
        said = f"{len(findings)} findings, mean AUC {table['auc'].mean():.3f} of {judged:,} held-out phantoms"
    else:
        nothing = np.empty((0, params.stored, params.stored), dtype=np.uint8)
        table = witness_table(witness, nothing, np.empty((0, 0), dtype=bool))
        said = f"none: the radiographs of {params.dataset} are not drawn"
    witness.save(paths.WITNESS)
    write_table(paths.table("witness"), table)
    summary("fit_witness", said)


if __name__ == "__main__":
    run(main)
