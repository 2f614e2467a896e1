"""Warm start: what of a file a run begins with, and which files it refuses."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from diffchest.errors import DataError
from diffchest.model.autoencoder import save_autoencoder
from diffchest.params.pretraining import PretrainParams
from diffchest.pretraining.order import Order
from diffchest.pretraining.start import start_from_file
from diffchest.pretraining.steps import draws, initial_state
from tests.helpers.tiny import FakeStore, run, tiny_params

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A finished run: its model file, and its last checkpoint."""
    folder = tmp_path_factory.mktemp("earlier")
    result = run(folder, tiny_params(pretrain={"images_shown": 160, "learning_rate": 0.01}))
    save_autoencoder(folder / "model.safetensors", result.model)
    return folder / "model.safetensors", max(folder.glob("runs/*/*.pt"))


def warm(file, **changed):
    return tiny_params(pretrain={"start_from": str(file), "images_shown": 160, "seed": 5, **changed}, dropout=0.1)


def begun(params):
    return initial_state(params.model, params.diffusion, params.pretrain, image_size=params.images.size, device=CPU)


def equal(network, tensors):
    state = network.state_dict()
    return state.keys() == tensors.keys() and all(torch.equal(state[name], tensors[name]) for name in state)


def test_model_and_average_start_from_a_model_file(earlier):
    state = begun(warm(earlier[0]))
    start_from_file(state, earlier[0])
    weights = load_file(earlier[0])
    assert equal(state.model, weights)
    assert equal(state.ema, weights)
    assert not state.optimizer.state
    assert (state.shown, state.step, state.history) == (0, 0, [])


def test_a_checkpoint_gives_its_weights_average_and_moments(earlier):
    state = begun(warm(earlier[1]))
    start_from_file(state, earlier[1])
    saved = torch.load(earlier[1], weights_only=True)
    assert equal(state.model, saved["model"])
    assert equal(state.ema, saved["ema"])
    assert not equal(state.ema, saved["model"])
    for number, moments in saved["optimizer"]["state"].items():
        ours = state.optimizer.state[state.optimizer.param_groups[0]["params"][number]]
        assert all(torch.equal(ours[name], moments[name]) for name in ("exp_avg", "exp_avg_sq", "step"))
    assert (state.shown, state.step) == (0, 0)


def test_the_loss_of_the_first_batch_is_that_of_the_loaded_network(earlier, tmp_path):
    """Written out for v and one batch: mean |v - (sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x)|^2."""
    params = warm(earlier[0], images_shown=16, checkpoint_every=16, validation_fraction=0.0, roles=["pretrain", "test"])
    params = params.model_copy(update={"model": params.model.model_copy(update={"dropout": 0.0})})
    history = run(tmp_path, params).history
    model = begun(params).ema
    model.load_state_dict(load_file(earlier[0]))
    store, batch = FakeStore(), range(16)
    pixels = store.read(np.array(sorted(store.pixels))[Order(len(store.pixels), 5).take(batch)].tolist())
    x = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1)[:, None]
    t, noise, _ = draws(params.pretrain, batch, x, 100)
    alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 100, dtype=torch.float64), 0)[t].float().view(-1, 1, 1, 1)
    x_t = alpha_bar.sqrt() * x + (1 - alpha_bar).sqrt() * noise
    with torch.inference_mode():
        errors = model(x, x_t, t) - (alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x)
    assert history["train_loss"].iloc[0] == pytest.approx(errors.square().mean().item(), rel=1e-4)


def test_a_warm_run_made_longer_equals_an_undisturbed_one_on_other_images_and_precision(earlier, tmp_path):
    store = FakeStore()
    store.pixels = {name: 255 - pixels for name, pixels in store.pixels.items()}
    longer = {"images_shown": 240, "precision": "bf16", "checkpoint_every": 80}
    run(tmp_path / "resumed", warm(earlier[1], **{**longer, "images_shown": 112}), store=store)
    resumed = run(tmp_path / "resumed", warm(earlier[1], **longer), store=store)
    whole = run(tmp_path / "whole", warm(earlier[1], **longer), store=store)
    assert equal(resumed.model, whole.model.state_dict())
    assert resumed.history.equals(whole.history)
    assert not equal(
        whole.model, run(tmp_path / "cold", warm(None, start_from=None, **longer), store=store).model.state_dict()
    )


def test_a_file_of_another_network_is_refused_by_its_keys(earlier, tmp_path):
    for file in earlier:
        params = tiny_params(pretrain={"start_from": str(file)}, latent_dim=5, diffusion={"prediction": "epsilon"})
        with pytest.raises(DataError) as error:
            run(tmp_path, params)
        assert str(file) in str(error.value)
        assert "model.latent_dim is 4 there, 5 in params.yaml" in str(error.value)
        assert "diffusion.prediction is v there, epsilon in params.yaml" in str(error.value)
        assert "dropout" not in str(error.value)
        with pytest.raises(DataError, match=r"images\.size is 16 there, 32 in params\.yaml"):
            run(tmp_path, tiny_params(pretrain={"start_from": str(file)}, size=32), store=FakeStore(size=32))


@pytest.mark.parametrize("content", [None, b"", b"damaged", "cut", "foreign"])
def test_missing_damaged_and_foreign_files_are_named(content, earlier, tmp_path):
    file = tmp_path / "start.pt"
    if content == "cut":
        file.write_bytes(earlier[1].read_bytes()[:3000])
    elif content == "foreign":
        torch.save({"state_dict": {"weight": torch.ones(2)}}, file)
    elif content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=r"start\.pt: "):
        run(tmp_path / "run", warm(file))
    assert not list(tmp_path.glob("run/runs/*/*.pt"))


def test_the_stages_own_output_is_no_start():
    section = {**tiny_params().pretrain.model_dump(), "start_from": "models/diffchest.safetensors"}
    with pytest.raises(ValueError, match="copy the file to external/"):
        PretrainParams.model_validate(section)
