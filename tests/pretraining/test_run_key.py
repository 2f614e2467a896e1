"""The key of a run: all that determines the weights, and nothing else."""

import inspect
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

import diffchest
from diffchest.compute.processes import ALONE
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.pretraining import PretrainParams
from diffchest.pretraining.images import Images
from diffchest.pretraining.order import Order, batches, micro_batches
from diffchest.pretraining.run_key import CODE, HELD_OUT_CODE, held_out_key, run_key
from diffchest.pretraining.steps import Network, accumulate_gradient, initial_state
from diffchest.pretraining.validation import progress_pictures, validation_losses
from tests.helpers.tiny import FakeStore, tiny_params

PACKAGE = Path(diffchest.__file__).parent
IDS = sorted(FakeStore().pixels)
OTHERWISE = {  # another value of every key of `pretrain`, and whether it makes other weights
    "roles": (["finetune"], False),
    "validation_fraction": (0.5, False),
    "start_from": (str(PACKAGE / "errors.py"), True),  # any file: its content counts
    "images_shown": (10**6, False),
    "checkpoint_every": (7, False),
    "compile": (True, False),
    "activation_checkpointing": (True, False),
    "batch_size": (8, True),
    "micro_batch": (4, True),
    "learning_rate": (0.5, True),
    "warmup_images": (1, True),
    "ema_decay": (0.5, True),
    "grad_clip": (0.5, True),
    "precision": ("bf16", True),
    "horizontal_flip": (0.5, True),
    "seed": (7, True),
}


def key(params=None, *, store=None, ids=IDS):
    params = params or tiny_params()
    return run_key(
        Images(store or FakeStore(), ids), model=params.model, diffusion=params.diffusion, settings=params.pretrain,
        image_size=params.images.size,
    )  # fmt: skip


@pytest.mark.parametrize("name", PretrainParams.model_fields)
def test_a_setting_is_in_the_key_if_it_changes_the_weights(name):
    value, matters = OTHERWISE[name]
    assert getattr(tiny_params().pretrain, name) != value
    assert (key(tiny_params(pretrain={name: value})) != key()) == matters


def test_network_noise_and_training_images_are_in_the_key():
    assert key(tiny_params(latent_dim=5)) != key()
    assert key(tiny_params(diffusion={"timesteps": 99})) != key()
    assert key(tiny_params(size=8)) != key()
    assert key(ids=IDS[1:]) != key()
    store = FakeStore()
    store.pixels[IDS[7]] = store.pixels[IDS[7]] + 1
    assert key(store=store) != key()


def test_held_out_images_have_a_key_of_their_own():
    store = FakeStore()
    before = held_out_key(Images(store, IDS[:2]))
    assert held_out_key(Images(store, IDS[:2])) == before
    assert held_out_key(Images(store, IDS[:1])) != before
    store.pixels[IDS[0]] = store.pixels[IDS[0]] + 1
    assert held_out_key(Images(store, IDS[:2])) != before


def test_all_code_that_runs_in_a_step_is_in_the_key():
    """As the interpreter sees it: drawing the weights, the order of images, gradient and update."""
    params = tiny_params(dropout=0.1, position_frequencies=2, pretrain={"horizontal_flip": 0.5, "micro_batch": 8})
    train = Images(FakeStore(), IDS)
    ran = calls(lambda: take_a_step(params, train))
    assert {"accumulate_gradient", "forward", "update", "take", "linear_schedule"} <= {name for _, name, _ in ran}
    assert not outside(ran, CODE)


def test_all_code_that_judges_held_out_patients_is_in_their_key():
    params = tiny_params()
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    held_out = Images(FakeStore(), IDS[:4])

    def judge():
        validation_losses(model, held_out, params.pretrain, ALONE)
        progress_pictures(model, held_out, params.pretrain)

    ran = calls(judge)
    assert {"ddim_encode", "ddim_decode", "from_model_range", "denoising_errors"} <= {name for _, name, _ in ran}
    assert not outside(ran, (*CODE, *HELD_OUT_CODE))


def calls(work):
    """File, name and line of every function of the package that `work` calls."""
    ran: set[tuple[str, str, int]] = set()

    def seen(frame, event, _):
        file = Path(frame.f_code.co_filename)
        if event == "call" and PACKAGE in file.parents:
            ran.add((file.relative_to(PACKAGE).as_posix(), frame.f_code.co_name, frame.f_code.co_firstlineno))

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return ran


def outside(ran, code):
    """Those of `calls` that are not part of `code`; processes only add up what each of them found."""
    told = [lines(part) for part in code]
    return {
        (file, name)
        for file, name, line in ran
        if not any(file == part and first <= line <= last for part, first, last in told)
        and not name.startswith("<")
        and file != "compute/processes.py"
    }


def lines(part):
    """File, first and last line of a part of the package."""
    code, first = inspect.getsourcelines(part)
    file = Path(inspect.getsourcefile(part) or "").relative_to(PACKAGE)
    return file.as_posix(), first, first + len(code) - 1


def take_a_step(params, train):
    settings = params.pretrain
    device = torch.device("cpu")
    state = initial_state(params.model, params.diffusion, settings, image_size=params.images.size, device=device)
    order = Order(len(train), settings.seed)
    batch = next(batches(0, settings))
    parts = [(part, train.batch(order.take(part))) for part in micro_batches(batch, settings.micro_batch, 0, 1)]
    state.update(len(batch), accumulate_gradient(Network(state.model, nullcontext), state, batch, parts, ALONE))
