"""Our network against the authors' implementation, on random weights of a small network."""

import csv

import numpy as np
import pytest
import torch

from diffchest.diffusion.ddim import ddim_decode, ddim_encode
from diffchest.diffusion.schedule import linear_schedule
from diffchest.model.authors.geometry import geometry
from diffchest.model.authors.network import LINEAR, load_authors, their_name
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.network import DiffusionParams

SCHEDULE = linear_schedule(timesteps=1000)


@pytest.fixture(scope="module")
def vectors(shared):
    with np.load(shared / "parity" / "vectors.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def model(shared):
    return load_authors(shared / "parity" / "weights.safetensors")


def difference(ours, theirs):
    return (ours - theirs).abs().max().item()


def test_schedule(vectors):
    assert difference(SCHEDULE.alpha_bar, vectors["alphas_cumprod"]) < 1e-12


@torch.inference_mode()
def test_one_pass(model, vectors):
    assert (model.image_size, model.prediction, model.latent_dim) == (32, "epsilon", 64)
    assert difference(model.encode(vectors["x"]), vectors["z"]) < 1e-4
    x_t = SCHEDULE.add_noise(vectors["x"], vectors["t"], vectors["noise"])
    assert difference(x_t, vectors["x_t"]) < 1e-5
    assert difference(model.predict(vectors["x_t"], vectors["t"], vectors["z"]), vectors["eps"]) < 1e-4


def test_sampling(model, vectors):
    x_T = ddim_encode(model, vectors["x"], vectors["z"], schedule=SCHEDULE, steps=25)
    assert difference(x_T, vectors["x_T_encode25"]) < 1e-3
    for z, expected in (("z", "reconstruction_decode20"), ("z_edited", "counterfactual_decode20")):
        decoded = ddim_decode(model, vectors["x_T_encode25"], vectors[z], schedule=SCHEDULE, steps=20)
        assert difference(decoded, vectors[expected]) < 1e-3


def test_full_size_network_has_the_authors_tensors(shared):
    """Names, shapes and counts of the 256 px checkpoint, on a network without storage."""
    path = shared / "parity" / "authors_256px_keys.csv"
    with path.open() as file:
        listed = {row["key"]: tuple(map(int, row["shape"].split("x"))) for row in csv.DictReader(file)}
    theirs = {key: shape for key, shape in listed.items() if key.startswith("ema_model.")}
    params, size = geometry(theirs, source=path)
    assert size == 256
    with torch.device("meta"):
        model = DiffusionAutoencoder(
            params, DiffusionParams(timesteps=1000, beta_start=1e-4, beta_end=0.02, prediction="epsilon"), size
        )
    ours = {their_name(name): tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert ours == {key: shape[:2] if LINEAR.search(key) else shape for key, shape in theirs.items()}
    assert sum(p.numel() for p in model.unet.parameters()) == 138_341_891
    assert sum(p.numel() for p in model.encoder.parameters()) == 30_150_400
