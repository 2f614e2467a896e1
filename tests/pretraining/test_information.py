import math

import numpy as np
import pandas as pd
import pytest
import torch

from diffchest.pretraining.information import information, level_timesteps, other_images
from tests.helpers.gaussian_world import ALPHA_BAR, SCHEDULE, SNR, GaussianWorld

SETTINGS = {"schedule": SCHEDULE, "levels": 25, "others": 3, "reencodings": 1, "seed": 0, "batch_size": 500}


def measure(world, number=1500, z=None, **settings):
    x, own = world.draw(number)
    return information(world, x, own if z is None else z, **{**SETTINGS, **settings})


def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / math.sqrt(len(values))


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_estimate_is_the_closed_form_where_both_denoisers_are_optimal(prediction, noise):
    world = GaussianWorld(prediction, noise=noise)
    expected = world.information(SNR[0]) - world.information(SNR[-1])
    estimate, error = mean_and_error(measure(world).estimate)
    assert error < 0.05
    assert estimate == pytest.approx(expected, abs=3 * error)
    assert expected == pytest.approx(world.information(), rel=0.03)  # the range leaves out little here


def test_errors_are_those_of_the_closed_form_at_every_level():
    """Also with another's z, which adds its whole variance, and with the mean of m others', which adds 1/m of it."""
    world, V = GaussianWorld(), np.diag(GaussianWorld().variance)
    curve = measure(world, number=4000).curve
    z_covariance = world.mixing @ V @ world.mixing.T + world.noise**2 * np.eye(2)
    for row, t in enumerate(level_timesteps(SCHEDULE, 25).tolist()):
        G, H = world.gains(SNR[t], ALPHA_BAR[t])
        missed = np.eye(4) - math.sqrt(ALPHA_BAR[t]) * H
        blind = missed @ V @ missed.T + (1 - ALPHA_BAR[t]) * H @ H.T
        wrong = G @ z_covariance @ G.T
        expected = {
            "log_snr": math.log(SNR[t]),
            "mse_own": np.trace(np.linalg.inv(np.linalg.inv(world.posterior) + SNR[t] * np.eye(4))) / 4,
            "mse_other": np.trace(blind + wrong) / 4,
            "mse_average": np.trace(blind + wrong / 3) / 4,
            "mse_reencoded": (1 / (1 / world.variance + SNR[t])).mean(),
        }
        assert curve.loc[row, list(expected)].to_dict() == pytest.approx(expected, rel=0.08)
    assert (curve["mse_average"] <= curve["mse_other"]).all()
    assert (curve["mse_reference"] == curve[["mse_average", "mse_reencoded"]].min(axis=1)).all()


@pytest.mark.parametrize("reencodings", [0, 1, 3])
def test_errors_after_reencoding_are_those_of_the_closed_form(reencodings):
    """Every estimate is N z' + M x_t, z' the mean of m others' codes; re-encoding multiplies both by G A and adds H."""
    world = GaussianWorld(reveals=True)
    V, A = np.diag(world.variance), world.mixing
    curve = measure(world, number=4000, reencodings=reencodings).curve
    z_covariance = A @ V @ A.T + world.noise**2 * np.eye(2)
    for row, t in enumerate(level_timesteps(SCHEDULE, 25).tolist()):
        G, H = world.gains(SNR[t], ALPHA_BAR[t])
        N, M = G, H
        for _ in range(reencodings):
            N, M = G @ A @ N, G @ A @ M + H
        missed = np.eye(4) - math.sqrt(ALPHA_BAR[t]) * M
        errors = missed @ V @ missed.T + (1 - ALPHA_BAR[t]) * M @ M.T + N @ z_covariance @ N.T / 3
        assert curve.loc[row, "mse_reencoded"] == pytest.approx(np.trace(errors) / 4, rel=0.08)


def test_reference_errs_high_and_so_does_the_estimate():
    """With the own z used optimally, all that is wrong is the reference, whose error is at least mmse(x_0 | x_s)."""
    world = GaussianWorld(reveals=True)
    result = measure(world, number=4000, reencodings=5)
    optimum = np.array([(1 / (1 / world.variance + SNR[t])).mean() for t in level_timesteps(SCHEDULE, 25)])
    assert (result.curve["mse_reference"] > 0.93 * optimum).all()
    estimate, error = mean_and_error(result.estimate)
    assert estimate > world.information(SNR[0]) - 3 * error


def test_fewer_levels_change_the_integral_little():
    coarse, fine = (measure(GaussianWorld(), levels=levels) for levels in (12, 100))
    assert coarse.estimate.mean() == pytest.approx(fine.estimate.mean(), rel=0.05)


@pytest.mark.parametrize("noise", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("others", [1, 7])
def test_infonce_is_below_the_information_and_its_ceiling(noise, others):
    world = GaussianWorld(noise=noise)
    result = measure(world, others=others)
    bound, error = mean_and_error(result.infonce)
    assert result.ceiling == pytest.approx(math.log(others + 1))
    assert result.infonce.max() <= result.ceiling + 1e-9
    assert bound < world.information() + 3 * error


def test_infonce_nears_its_ceiling_when_z_tells_the_images_apart():
    result = measure(GaussianWorld(noise=0.001, mixing=np.eye(4)[:2]), others=1)
    assert result.infonce.mean() > 0.8 * math.log(2)


def test_infonce_is_that_of_the_distances():
    """With one level pair and a model that returns its z as x_0, the critic can be written down."""

    class Decoder(GaussianWorld):
        def predict(self, x_t, t, z):
            signal, sigma = SCHEDULE.signal_and_noise(t)
            return (signal * x_t - z.view_as(x_t)) / sigma

        def encode(self, x):
            return x.flatten(1)

    rng = np.random.default_rng(0)
    x, z = rng.uniform(-0.5, 0.5, (2, 6, 4)) * 0.02
    result = information(
        Decoder(),
        torch.tensor(x, dtype=torch.float32).view(-1, 1, 2, 2),
        torch.tensor(z, dtype=torch.float32),
        **{**SETTINGS, "levels": 2, "others": 5},
    )
    area = 0.5 * (SNR[0] + SNR[-1]) * math.log(SNR[0] / SNR[-1])
    critic = -0.5 * area * ((x[:, None] - z[None]) ** 2).sum(axis=2)
    shares = np.exp(critic) / np.exp(critic).mean(axis=1, keepdims=True)
    assert result.infonce == pytest.approx(np.log(np.diag(shares)), rel=1e-3, abs=1e-3)
    assert result.curve["mse_own"].tolist() == pytest.approx([((x - z) ** 2).mean()] * 2, rel=1e-3)


def test_a_z_that_the_denoiser_rightly_ignores_tells_nothing():
    result = measure(GaussianWorld(mixing=np.zeros((2, 4))))
    assert np.abs(result.estimate).max() < 1e-4
    assert np.abs(result.infonce).max() < 1e-4


def test_a_z_of_no_information_that_the_denoiser_believes_in_shows_none():
    """Independent noise in the place of z: errors of own and other z agree, and neither number is above 0."""
    world = GaussianWorld()
    _, stranger = world.draw(1500, seed=1)
    result = measure(world, z=stranger)
    assert result.curve["mse_own"].to_numpy() == pytest.approx(result.curve["mse_other"].to_numpy(), rel=0.1)
    for values in (result.estimate, result.infonce):
        mean, error = mean_and_error(values)
        assert mean < 3 * error


def test_summary_gives_means_in_nats_and_bits():
    result = measure(GaussianWorld(), number=50)
    summary = result.summary()
    mean, error = mean_and_error(result.infonce)
    assert summary["infonce_nats"] == pytest.approx(mean)
    assert summary["infonce_bits_se"] == pytest.approx(error / math.log(2))
    assert summary["ceiling_bits"] == pytest.approx(2)
    assert summary["estimate_bits"] == pytest.approx(result.estimate.mean() * math.log2(math.e))


def test_same_seed_same_numbers_in_batches_of_any_size():
    first, again, small = (measure(GaussianWorld(), number=23, batch_size=size) for size in (23, 23, 5))
    other = measure(GaussianWorld(), number=23, seed=1)
    pd.testing.assert_frame_equal(first.curve, again.curve, check_exact=True)
    pd.testing.assert_frame_equal(first.curve, small.curve, rtol=1e-4)
    for name in ("estimate", "infonce"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
        assert getattr(first, name) == pytest.approx(getattr(small, name), abs=1e-3)
        assert not np.allclose(getattr(first, name), getattr(other, name), atol=1e-3)


def test_levels_run_from_end_to_end_of_the_schedule():
    timesteps = level_timesteps(SCHEDULE, 15).tolist()
    assert (timesteps[0], timesteps[-1]) == (999, 0)
    gaps = np.diff(np.log(SNR[timesteps]))
    assert gaps == pytest.approx(np.log(SNR[0] / SNR[-1]) / 14, rel=0.35)
    assert level_timesteps(SCHEDULE, 5000).tolist() == list(range(999, -1, -1))


def test_others_are_different_and_never_the_image_itself():
    partners = other_images(6, 5, seed=3).numpy()
    assert all(sorted([image, *row]) == list(range(6)) for image, row in enumerate(partners))


@pytest.mark.parametrize(
    ("wrong", "message"), [({"others": 0}, "others is 0"), ({"others": 8}, "7 others"), ({"levels": 1}, "levels is 1")]
)
def test_impossible_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        measure(GaussianWorld(), number=8, **wrong)
