"""Convert the authors' checkpoints to the files of the stages `pretrain` and `fit_head`.

    python -m diffchest.model.authors last.ckpt --head cls.ckpt --findings findings.txt --out models/

Both inputs are checked before anything is written.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from diffchest import paths
from diffchest.errors import DataError
from diffchest.files.whole import whole
from diffchest.model.authors.head import load_authors_head
from diffchest.model.authors.network import load_authors
from diffchest.model.autoencoder import load_autoencoder, save_autoencoder
from diffchest.progress import run, summary


def main() -> None:
    """Command line: write the autoencoder and, with `--head`, the linear head."""
    parser = argparse.ArgumentParser(prog="python -m diffchest.model.authors", description=str(__doc__).splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="autoencoder of the authors (`last.ckpt`)")
    parser.add_argument("--head", type=Path, help="their classifier's checkpoint")
    parser.add_argument("--findings", type=Path, help="names of the classifier's outputs, one a line, in its order")
    parser.add_argument("--image-size", type=int, help="image size in px, where it cannot be read from the checkpoint")
    parser.add_argument("--out", type=Path, default=paths.MODELS, help=f"folder to write to (default: {paths.MODELS})")
    options = parser.parse_args()
    if options.findings and not options.head:
        parser.error("--findings names the outputs of a classifier: give --head too")
    if options.out.exists() and not options.out.is_dir():
        raise DataError(f"{options.out}: is a file; `--out` takes a folder")

    model = load_authors(options.checkpoint, image_size=options.image_size)
    head = load_authors_head(options.head, options.findings, latent_dim=model.latent_dim) if options.head else None
    written = options.out / paths.AUTOENCODER.name
    save_autoencoder(written, model)
    files = str(written)
    if head:
        head = replace(head, model_sha256=load_autoencoder(written).sha256)
        head.save(options.out / paths.HEAD.name)
        files += f" and {options.out / paths.HEAD.name} ({len(head.findings)} findings)"
    if options.out.resolve() == paths.MODELS.resolve():
        nothing = np.empty((0, 3, 0, model.image_size, model.image_size), dtype=np.uint8)
        with whole(paths.PRETRAIN_PICTURES) as partial:
            np.savez_compressed(partial, images_shown=[], pictures=nothing, image_id=[])  # of no training here
    parameters = sum(parameter.numel() for parameter in model.parameters())
    summary("authors", f"{parameters:,} parameters, {model.image_size} px, d = {model.latent_dim} -> {files}")


if __name__ == "__main__":
    run(main)
