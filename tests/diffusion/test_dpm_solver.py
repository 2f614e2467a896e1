"""The second-order solver against exact solutions for Gaussian images, and against DDIM with every timestep."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffchest.counterfactuals import pictures as counterfactual
from diffchest.diffusion.ddim import ddim_encode
from diffchest.diffusion.dpm_solver import dpm_decode, dpm_encode, dpm_timesteps
from diffchest.diffusion.objective import target
from diffchest.diffusion.schedule import linear_schedule, to_epsilon
from diffchest.diffusion.solvers import SOLVERS
from tests.helpers.gaussian_world import ALPHA_BAR, SCHEDULE, SNR, GaussianWorld
from tests.helpers.tiny_parts import tiny_model
from tests.helpers.toy_autoencoder import LinearAutoencoder, toy_radiographs

FINE = linear_schedule(timesteps=100_000, beta_start=1e-6, beta_end=2e-4)  # the same process in smaller timesteps
SPREAD = torch.tensor([0.05, 0.1, 0.2, 0.4])


class FineGaussian:
    """The optimal denoiser of pixels ~ N(0, SPREAD^2): the flow is linear, x_T = x / (the state's standard deviation).

    As of the images hardly any pixel reaches the clamp, it plays no part here.
    """

    prediction = "v"
    evaluations = 0

    def predict(self, x_t, t, z):
        self.evaluations += 1
        signal, sigma = FINE.signal_and_noise(t)
        x0 = signal * SPREAD**2 / (signal**2 * SPREAD**2 + sigma**2) * x_t
        return target(x0, to_epsilon(x0, x_t, signal, sigma), signal, sigma, "v")


def fine_errors(name, steps):
    """Errors of x_T, and of x_0 from the exact x_T, as root mean squares; network evaluations of each."""
    model, z, solver = FineGaussian(), torch.zeros(1, 1), SOLVERS[name]
    x = torch.linspace(-1.5, 1.5, 7)[:, None] * SPREAD
    alpha_bar = FINE.alpha_bar[0]
    code = x / (alpha_bar * SPREAD.double() ** 2 + 1 - alpha_bar).sqrt()
    denoised = x * (alpha_bar.sqrt() * SPREAD**2 / (alpha_bar * SPREAD**2 + 1 - alpha_bar)).float()
    options = {"schedule": FINE, "steps": steps}
    encoded = solver.encode(model, x[:, None, None], z, **options)[:, 0, 0]
    assert model.evaluations == steps
    decoded = solver.decode(model, code.float()[:, None, None], z, **options)[:, 0, 0]
    assert model.evaluations == 2 * steps
    return [float((found - exact).square().mean().sqrt()) for found, exact in ((encoded, code), (decoded, denoised))]


@pytest.mark.parametrize(("name", "low", "high"), [("dpm_solver", 3.3, 5.0), ("ddim", 1.6, 2.3)])
def test_the_error_falls_with_the_order_of_the_solver(name, low, high):
    errors = np.array([fine_errors(name, steps) for steps in ((25, 50, 100) if name == "dpm_solver" else (250, 500))])
    ratios = errors[:-1] / errors[1:]
    assert (ratios > low).all(), ratios
    assert (ratios < high).all(), ratios


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_gaussian_images_are_encoded_to_their_exact_codes(prediction):
    """Given z, x_0 ~ N(m, P): along P's axes the flow is (x - sqrt(alpha_bar) m) / (the state's standard deviation)."""
    world = GaussianWorld(prediction)
    x, z = world.draw(32)
    mean = z.double().numpy() @ (world.posterior @ world.mixing.T / world.noise**2).T
    variance, axes = np.linalg.eigh(world.posterior)
    deviation = x.flatten(1).double().numpy() - np.sqrt(ALPHA_BAR[0]) * mean
    code = deviation @ axes / np.sqrt(ALPHA_BAR[0] * variance + 1 - ALPHA_BAR[0]) @ axes.T
    options = {"schedule": SCHEDULE, "steps": 40}
    found = dpm_encode(world, x, z, **options).flatten(1).numpy()
    assert found == pytest.approx(code, abs=0.04)  # a timestep at t = 0 is 0.4 in lambda
    assert np.sqrt(np.square(found - code).mean()) < 0.01
    assert np.abs(ddim_encode(world, x, z, **options).flatten(1).numpy() - code).max() > 0.5
    decoded = dpm_decode(world, torch.tensor(code, dtype=torch.float32).view_as(x), z, **options).flatten(1).numpy()
    from_z, from_x = world.gains(SNR[0], ALPHA_BAR[0])
    assert decoded == pytest.approx(x.flatten(1).numpy() @ from_x.T + z.numpy() @ from_z.T, abs=0.004)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_encoding_then_decoding_returns_the_image(prediction):
    """Up to the noise that the last step, as in DDIM, takes out of an image believed to lie at t = 0."""
    world = GaussianWorld(prediction)
    x, z = world.draw(32)
    options = {"schedule": SCHEDULE, "steps": 20}
    back = dpm_decode(world, dpm_encode(world, x, z, **options), z, **options)
    assert (back - x).abs().mean() < 0.002
    denoised = x.flatten(1).numpy() @ world.gains(SNR[0], ALPHA_BAR[0])[1].T
    denoised += z.numpy() @ world.gains(SNR[0], ALPHA_BAR[0])[0].T
    assert back.flatten(1).numpy() == pytest.approx(denoised, abs=0.005)


@torch.inference_mode()
def test_with_every_timestep_it_agrees_with_ddim():
    """DDIM decodes x_T as if it were the state at T-1, which differs by that state's share of the picture, 0.006."""
    model, schedule = tiny_model(), linear_schedule(timesteps=200, beta_start=5e-4, beta_end=0.1)
    x = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    z = model.encode(x)
    for direction in ("encode", "decode"):
        ddim, dpm_solver = (
            getattr(SOLVERS[name], direction)(model, x, z, schedule=schedule, steps=200) for name in SOLVERS
        )
        assert (dpm_solver - ddim).abs().mean() < 0.03 * ddim.abs().mean()
        x = ddim


def test_the_estimate_is_clamped_and_so_is_the_picture():
    model, pixels = LinearAutoencoder(), toy_radiographs(3)
    z = 20 * counterfactual.encode_latents(model, pixels)  # type: ignore[arg-type]
    noise = np.random.default_rng(0).standard_normal((3, 1, 16, 16)).astype(np.float32)
    pictures = counterfactual.decode(model, noise, z[:, None], solver="dpm_solver", steps=7)  # type: ignore[arg-type]
    expected = np.clip((z @ model.basis.detach().numpy().T).reshape(3, 1, 16, 16), -1, 1)
    assert np.abs(pictures - (expected + 1) * 127.5).max() <= 0.51


@settings(max_examples=30)
@given(st.integers(2, 1000))
def test_timesteps_are_different_and_reach_both_ends(steps):
    timesteps = dpm_timesteps(SCHEDULE, steps)
    assert len(timesteps) == steps
    assert (timesteps[0], timesteps[-1]) == (0, 999)
    assert np.diff(timesteps).min() > 0


def test_few_timesteps_are_even_in_log_snr():
    even = np.linspace(np.log(SNR[0]), np.log(SNR[999]), 8)
    assert np.log(SNR[dpm_timesteps(SCHEDULE, 8)]) == pytest.approx(even, abs=0.4)


@pytest.mark.parametrize("steps", [0, 1, 1001])
def test_impossible_steps_are_errors(steps):
    with pytest.raises(ValueError, match="take 2 to 1000"):
        dpm_timesteps(SCHEDULE, steps)
