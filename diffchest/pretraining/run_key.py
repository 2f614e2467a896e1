"""What a run of pretraining is called: a hash of what determines its weights. No run takes another's for its own.

Weights after n images follow from the parameters below, the training images and the code that trains. How far a run
goes, how often it saves, whether it is compiled (which rounds differently, as another device does) and whether it keeps
its activations say nothing of them; nor does who is held out, once it is said which images are trained on.
"""

import hashlib
import json
from typing import Any

from diffchest.compute.code import meaning
from diffchest.diffusion import ddim
from diffchest.diffusion.objective import denoising_errors, target
from diffchest.diffusion.schedule import Schedule, linear_schedule, to_epsilon, to_x0
from diffchest.images.squares import from_model_range
from diffchest.model import blocks, encoder, norms, unet
from diffchest.model.autoencoder import DiffusionAutoencoder, place, position_encoding
from diffchest.params.network import DiffusionParams, ModelParams
from diffchest.params.pretraining import PretrainParams
from diffchest.pretraining import order, steps, validation
from diffchest.pretraining.images import Images, shown_on
from diffchest.pretraining.start import start_from_file, start_key
from diffchest.pretraining.state import TrainingState, ema_decay, learning_rate

# keys of `pretrain`
NOT_DETERMINING = {
    "images_shown",
    "checkpoint_every",
    "compile",
    "activation_checkpointing",
    "roles",
    "validation_fraction",
}
BY_CONTENT = {"start_from"}
NETWORK = (blocks, encoder, norms, unet, DiffusionAutoencoder, place, position_encoding)
LOSS = (Schedule, linear_schedule, target, denoising_errors, steps)
OPTIMISER = (TrainingState.__init__, TrainingState.update, learning_rate, ema_decay)
CODE = (*NETWORK, *LOSS, *OPTIMISER, start_from_file, order, Images.batch, Images.__len__, shown_on)
HELD_OUT_CODE = (validation, ddim, to_epsilon, to_x0, from_model_range)  # besides `CODE`


def run_key(
    train: Images, *, model: ModelParams, diffusion: DiffusionParams, settings: PretrainParams, image_size: int
) -> str:
    """Hash what determines the weights after any number of images: parameters, a file to start from, images, code."""
    trained = settings.model_dump(exclude=NOT_DETERMINING | BY_CONTENT)
    sections = [model.model_dump(), diffusion.model_dump(), trained, image_size]
    return _hashed([sections, start_key(settings.start_from), train.fingerprint(), [meaning(part) for part in CODE]])


def held_out_key(held_out: Images) -> str:
    """Hash what determines the losses of held-out patients besides the weights: their images, and the code."""
    return _hashed([held_out.fingerprint(), [meaning(part) for part in HELD_OUT_CODE]])


def _hashed(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
