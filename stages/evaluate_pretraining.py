"""What the pretrained network knows of held-out radiographs: bits per dimension given z, and information z carries."""

from typing import Annotated

import pandas as pd
import torch

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.manifest import read_manifest
from diffchest.files.tables import write_metrics, write_table
from diffchest.images.squares import to_model_range
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.base import Key, StageParams
from diffchest.params.pretraining import HeldOutParams, PretrainEvaluationParams
from diffchest.params.runtime import RuntimeParams
from diffchest.pretraining.bound import variational_bound
from diffchest.pretraining.images import held_out_images
from diffchest.pretraining.information import CURVE, information
from diffchest.progress import run, summary


class Params(StageParams):
    """What `evaluate_pretraining` reads of params.yaml."""

    pretrain_evaluation: PretrainEvaluationParams
    held_out: Annotated[HeldOutParams, Key("pretrain")]
    runtime: RuntimeParams


def main() -> None:
    """Evaluate the variational bound and the information on one radiograph of each of some held-out patients."""
    params = Params.load()
    settings = params.pretrain_evaluation
    model = load_autoencoder(paths.AUTOENCODER, set_up(params.runtime))
    image_ids = held_out_images(read_manifest(paths.STORED_MANIFEST), params.held_out, number=settings.images)
    if len(image_ids) < 2:
        write_table(paths.PLOTS / "information.csv", pd.DataFrame(columns=CURVE))
        write_metrics(paths.stage_metrics("evaluate_pretraining"), {"images": len(image_ids)})
        summary("evaluate_pretraining", "fewer than 2 patients held out (pretrain.validation_fraction): nothing to see")
        return
    gray = torch.from_numpy(to_model_range(ImageStore(paths.IMAGES).read(image_ids)))
    x = model.prepare(gray.to(model.device))
    with torch.inference_mode():
        z = torch.cat([model.encode(part) for part in x.split(settings.batch_size)])
    common = {"schedule": model.schedule, "seed": settings.seed, "batch_size": settings.batch_size}
    bound = variational_bound(model, x, z, timesteps_per_image=settings.bound_timesteps, **common)
    told = information(
        model,
        x,
        z,
        levels=settings.levels,
        others=min(settings.others, len(x) - 1),
        reencodings=settings.reencodings,
        **common,
    )
    write_table(paths.PLOTS / "information.csv", told.curve)
    parts = {name: getattr(bound, name).mean() for name in ("prior", "diffusion", "reconstruction")}
    write_metrics(
        paths.stage_metrics("evaluate_pretraining"),
        {
            "images": len(image_ids),
            "bound": {"bits_per_dim": bound.bits_per_dim, "standard_error": bound.standard_error, **parts},
            "information": told.summary(),
        },
    )
    summary(
        "evaluate_pretraining",
        f"{len(image_ids)} held-out radiographs: at most {bound.bits_per_dim:.3f} bits per dimension given z; "
        f"z tells about {told.summary()['estimate_bits']:.0f} bits (an estimate), "
        f"at least {told.summary()['infonce_bits']:.1f}",
    )


if __name__ == "__main__":
    run(main)
