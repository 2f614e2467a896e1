"""What the pretrained network knows of held-out radiographs: bits per dimension given z, and information z carries."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.manifest import read_manifest
from diffchest.files.tables import write_metrics, write_table
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.base import Key, StageParams
from diffchest.params.pretraining import HeldOutParams, PretrainEvaluationParams
from diffchest.params.runtime import RuntimeParams
from diffchest.pretraining.evaluation import evaluate
from diffchest.pretraining.images import held_out_images
from diffchest.pretraining.information import CURVE
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
    evaluated = evaluate(model, ImageStore(paths.IMAGES).read(image_ids), settings)
    write_table(paths.PLOTS / "information.csv", evaluated.information.curve)
    write_metrics(paths.stage_metrics("evaluate_pretraining"), evaluated.metrics())
    told = evaluated.information.summary()
    summary(
        "evaluate_pretraining",
        f"{len(image_ids)} held-out radiographs: at most {evaluated.bound.bits_per_dim:.3f} bits per dimension given "
        f"z; z tells about {told['estimate_bits']:.0f} bits (an estimate), at least {told['infonce_bits']:.1f}",
    )


if __name__ == "__main__":
    run(main)
