"""The key of a run: all that determines the weights, and nothing else."""

import inspect
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

import diffchest
from diffchest.compute.processes import ALONE
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.pretraining import PretrainParams
from diffchest.pretraining.images import Images
from diffchest.pretraining.order import Order, batches, micro_batches
from diffchest.pretraining.run_key import CODE, held_out_key, run_key
from diffchest.pretraining.state import TrainingState
from diffchest.pretraining.steps import Network, accumulate_gradient
from tests.helpers.tiny import FakeStore, tiny_params

IDS = sorted(FakeStore().pixels)
OTHERWISE = {  # another value of every key of `pretrain`, and whether it makes other weights
    "roles": (["finetune"], False),
    "validation_fraction": (0.5, False),
    "images_shown": (10**6, False),
    "checkpoint_every": (7, False),
    "compile": (True, False),
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
    """As the interpreter sees it: building the network, the order of images, gradient and update."""
    told = [lines(part) for part in CODE]
    package = Path(diffchest.__file__).parent
    # what they return is in the key (pixels, parameters), or they only add up over processes
    elsewhere = {"images/squares.py": "to_model_range", "pretraining/images.py": "", "compute/processes.py": ""}
    ran: set[tuple[str, str, int]] = set()

    def seen(frame, event, _):
        file = Path(frame.f_code.co_filename)
        if event == "call" and package in file.parents:
            ran.add((file.relative_to(package).as_posix(), frame.f_code.co_name, frame.f_code.co_firstlineno))

    params = tiny_params(dropout=0.1, position_frequencies=2, pretrain={"horizontal_flip": 0.5, "micro_batch": 8})
    train = Images(FakeStore(), IDS)
    sys.setprofile(seen)
    try:
        take_a_step(params, train)
    finally:
        sys.setprofile(None)
    assert {"accumulate_gradient", "forward", "update", "take", "linear_schedule"} <= {name for _, name, _ in ran}
    missing = {
        (file, name)
        for file, name, line in ran
        if not any(file == part and first <= line <= last for part, first, last in told)
        and not name.startswith("<")
        and file not in elsewhere
    }
    assert not missing


def lines(part):
    """File, first and last line of a part of the package."""
    code, first = inspect.getsourcelines(part)
    file = Path(inspect.getsourcefile(part) or "").relative_to(Path(diffchest.__file__).parent)
    return file.as_posix(), first, first + len(code) - 1


def take_a_step(params, train):
    settings = params.pretrain
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    state, order = TrainingState(model, settings), Order(len(train), settings.seed)
    batch = next(batches(0, settings))
    parts = [(part, train.batch(order.take(part))) for part in micro_batches(batch, settings.micro_batch, 0, 1)]
    accumulate_gradient(Network(model, nullcontext), state, batch, parts, ALONE)
    state.update(len(batch))
