"""Pretrain the diffusion autoencoder on the stored radiographs, without labels."""

import sys

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.compute.processes import launched
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.manifest import read_manifest
from diffchest.files.tables import write_metrics, write_table
from diffchest.model.autoencoder import save_autoencoder
from diffchest.params.base import StageParams
from diffchest.params.network import DiffusionParams, ModelParams
from diffchest.params.pretraining import PretrainParams
from diffchest.params.runtime import RuntimeParams
from diffchest.pretraining.images import pretraining_images
from diffchest.pretraining.loop import PretrainingError, pretrain
from diffchest.progress import run, summary


class Params(StageParams):
    """What `pretrain` reads of params.yaml."""

    model: ModelParams
    diffusion: DiffusionParams
    pretrain: PretrainParams
    runtime: RuntimeParams


def main() -> None:
    """Run, or resume, the `pretrain` stage."""
    params = Params.load()
    device = set_up(params.runtime)
    store = ImageStore(paths.IMAGES)
    train, validation = pretraining_images(read_manifest(paths.STORED_MANIFEST), store, params.pretrain)
    with launched() as processes:
        try:
            result = pretrain(
                train,
                validation,
                model=params.model,
                diffusion=params.diffusion,
                settings=params.pretrain,
                image_size=store.size,
                runs=paths.RUNS / "pretrain",
                device=device,
                processes=processes,
            )
        except PretrainingError as stopped:
            sys.exit(f"pretrain: {stopped}" if processes.first else 1)
    if not processes.first:
        return

    result.save_pictures(paths.PRETRAIN_PICTURES)
    save_autoencoder(paths.AUTOENCODER, result.model)
    write_table(paths.PLOTS / "pretrain_loss.csv", result.history)
    metrics = result.metrics(train=len(train), validation=len(validation))
    write_metrics(paths.stage_metrics("pretrain"), metrics)
    summary(
        "pretrain",
        f"{metrics['images']['shown']:,} images shown of {len(train):,}, {sum(metrics['parameters'].values()):,} "
        f"parameters, loss {metrics['train_loss']:.4f}, held-out patients {metrics['validation_loss']:.4f}",
    )


if __name__ == "__main__":
    run(main)
