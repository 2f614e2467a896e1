"""Pretrain the diffusion autoencoder on the stored radiographs, without labels."""

import sys

import numpy as np

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.compute.processes import launched
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.manifest import read_manifest
from diffchest.files.tables import write_metrics, write_table
from diffchest.files.whole import whole
from diffchest.model.autoencoder import save_autoencoder
from diffchest.params.whole import load_params
from diffchest.pretraining.images import pretraining_images
from diffchest.pretraining.loop import PretrainingError, pretrain
from diffchest.progress import run, summary


def main() -> None:
    """Run, or resume, the `pretrain` stage."""
    params = load_params()
    device = set_up(params.runtime)
    train, validation = pretraining_images(
        read_manifest(paths.STORED_MANIFEST), ImageStore(paths.IMAGES), params.pretrain
    )
    with launched() as processes:
        try:
            result = pretrain(
                train,
                validation,
                model=params.model,
                diffusion=params.diffusion,
                settings=params.pretrain,
                image_size=params.images.size,
                runs=paths.RUNS / "pretrain",
                device=device,
                processes=processes,
            )
        except PretrainingError as stopped:
            sys.exit(f"pretrain: {stopped}" if processes.first else 1)
    if not processes.first:
        return

    shown, pictures = list(result.pictures), np.stack(list(result.pictures.values()))
    with whole(paths.PRETRAIN_PICTURES) as partial:
        np.savez_compressed(partial, images_shown=shown, pictures=pictures)
    save_autoencoder(paths.AUTOENCODER, result.model)
    write_table(paths.PLOTS / "pretrain_loss.csv", result.history)
    last = result.history.iloc[-1]
    parameters = {
        name: sum(p.numel() for p in part.parameters())
        for name, part in (("unet", result.model.unet), ("encoder", result.model.encoder))
    }
    write_metrics(
        paths.stage_metrics("pretrain"),
        {
            "train_loss": last["train_loss"],
            "validation_loss": last["validation_loss"],
            "parameters": parameters,
            "images": {"train": len(train), "validation": len(validation), "shown": int(last["images"])},
        },
    )
    summary(
        "pretrain",
        f"{last['images']:,.0f} images shown of {len(train):,}, {sum(parameters.values()):,} parameters, "
        f"loss {last['train_loss']:.4f}, held-out patients {last['validation_loss']:.4f}",
    )


if __name__ == "__main__":
    run(main)
