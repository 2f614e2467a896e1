"""Encode every twin into its semantic latent z: what the classifier sees of a true change."""

import numpy as np

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.contracts.latents import Latents
from diffchest.contracts.twins import Twins
from diffchest.model.autoencoder import load_autoencoder
from diffchest.model.encoding import encode
from diffchest.params.base import StageParams
from diffchest.params.pretraining import LatentsParams
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import run, summary


class Params(StageParams):
    """What `encode_twins` reads of params.yaml."""

    latents: LatentsParams
    runtime: RuntimeParams


def main() -> None:
    """Write the latents of the twins, by `Twins.ids`."""
    params = Params.load()
    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    twins = Twins.load(paths.TWINS)
    z = encode(model, twins.picture, params.latents.batch_size)
    Latents(np.asarray(twins.ids, dtype=np.str_), z, model.sha256).save(paths.TWIN_LATENTS)
    summary("encode_twins", f"{len(z):,} twins, d = {model.latent_dim}")


if __name__ == "__main__":
    run(main)
