"""Encode every stored radiograph into its semantic latent z."""

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.compute.parts import Parts
from diffchest.compute.processes import launched
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.manifest import read_manifest
from diffchest.model.autoencoder import load_autoencoder
from diffchest.model.encoding import extract_latents
from diffchest.params.base import StageParams
from diffchest.params.pretraining import LatentsParams
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import run, summary


class Params(StageParams):
    """What `extract_latents` reads of params.yaml."""

    latents: LatentsParams
    runtime: RuntimeParams


def main() -> None:
    """Run the `extract_latents` stage."""
    params = Params.load()
    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    image_ids = read_manifest(paths.STORED_MANIFEST)["image_id"].tolist()
    store = ImageStore(paths.IMAGES)
    with launched() as processes:
        parts = Parts(paths.RUNS / "extract_latents", processes)
        latents = extract_latents(
            model,
            store,
            image_ids,
            batch_size=params.latents.batch_size,
            parts=parts,
            store_version=str(paths.IMAGES.stat().st_mtime_ns),
        )
    if latents is not None:
        latents.save(paths.LATENTS)
        parts.discard()
        summary("extract_latents", f"{len(image_ids):,} radiographs, d = {model.latent_dim}")


if __name__ == "__main__":
    run(main)
