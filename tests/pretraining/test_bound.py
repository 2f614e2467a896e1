import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.distributions import Normal, kl_divergence

from diffchest.diffusion.objective import target
from diffchest.diffusion.schedule import to_epsilon
from diffchest.pretraining.bound import (
    diffusion_kl,
    discretised_gaussian,
    prior_kl,
    reconstruction_nll,
    term_probabilities,
    variational_bound,
)
from tests.helpers.gaussian_world import ALPHA_BAR, SCHEDULE, SNR, GaussianWorld

BETAS = np.linspace(1e-4, 0.02, 1000)
BETA_TILDES = BETAS[1:] * (1 - ALPHA_BAR[:-1]) / (1 - ALPHA_BAR[1:])  # of t = 1 .. 999
VARIANCES = {"beta": BETAS, "beta_tilde": np.concatenate([BETA_TILDES[:1], BETA_TILDES])}
LEVELS = torch.arange(256) / 127.5 - 1
SETTINGS = {"schedule": SCHEDULE, "timesteps_per_image": 10, "seed": 0, "batch_size": 512}


class Oracle:
    """Denoises everything to the one image it knows."""

    def __init__(self, image, prediction):
        self.image, self.prediction = image, prediction

    def predict(self, x_t, t, z):
        signal, sigma = SCHEDULE.signal_and_noise(t)
        x0 = self.image.expand_as(x_t)
        return target(x0, to_epsilon(x0, x_t, signal, sigma), signal, sigma, self.prediction)


def to_gray(x):
    return ((x + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1


def gray(number, sd=0.2, seed=0):
    """Images [N, 1, 2, 2] of independent pixels around 0.1, on gray levels."""
    return to_gray(0.1 + sd * torch.randn(number, 1, 2, 2, generator=torch.Generator().manual_seed(seed)))


def draw(world, number):
    x, z = world.draw(number)
    return to_gray(x), z


def spread(variance):
    """What a dimension pays, in nats, at t = 1 .. 999 for a variance other than beta_tilde."""
    ratio = BETA_TILDES / VARIANCES[variance][1:]
    return 0.5 * (ratio - 1 - np.log(ratio))


def test_prior_is_the_divergence_of_the_last_state_from_the_standard_normal():
    x = gray(3)
    q = Normal(math.sqrt(ALPHA_BAR[-1]) * x.double(), math.sqrt(1 - ALPHA_BAR[-1]))
    expected = kl_divergence(q, Normal(0.0, 1.0)).sum(dim=(1, 2, 3))
    assert prior_kl(x, SCHEDULE).tolist() == pytest.approx(expected.tolist(), rel=1e-6)


@pytest.mark.parametrize("variance", ["beta", "beta_tilde"])
@pytest.mark.parametrize("t", [1, 2, 100, 500, 999])
def test_diffusion_term_is_the_divergence_of_the_two_reverse_steps(t, variance):
    """Ho et al. 2020, eq. 6 and 7, written out with betas."""
    x, estimate, x_t = (image.double() for image in (gray(3), gray(3, seed=1), gray(3, sd=1, seed=2)))
    before, beta = float(ALPHA_BAR[t - 1]), float(BETAS[t])

    def mean(x0):
        return (math.sqrt(before) * beta * x0 + math.sqrt(1 - beta) * (1 - before) * x_t) / (1 - before * (1 - beta))

    q = Normal(mean(x), math.sqrt(BETA_TILDES[t - 1]))
    p = Normal(mean(estimate), math.sqrt(VARIANCES[variance][t]))
    actual = diffusion_kl(x, estimate, torch.tensor([t] * 3), SCHEDULE, variance)
    assert actual.tolist() == pytest.approx(kl_divergence(q, p).sum(dim=(1, 2, 3)).tolist(), rel=1e-6)


@pytest.mark.parametrize("mean", [-1.0, -0.37, 0.0, 0.999])
@pytest.mark.parametrize("sd", [0.0074, 0.1, 1.0])
def test_gray_levels_have_the_probabilities_of_the_normal_distribution_between_their_edges(mean, sd):
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 127.5 - 1, [np.inf]])
    expected = np.diff(norm.cdf(edges, mean, sd))
    actual = discretised_gaussian(LEVELS, torch.tensor(mean), sd).exp().numpy()
    assert actual == pytest.approx(expected, abs=2e-5)  # float32 gray levels, in units of a narrow sd
    assert actual.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("level", "mean"), [(128, -1.0), (128, 1.0), (255, -1.0), (0, 1.0)])
def test_gray_levels_far_from_the_mean_keep_a_finite_log_probability(level, mean):
    """So far out, all of a level's probability lies at its nearer edge."""
    sd, x = 0.0074, LEVELS[level].item()
    expected = norm.logsf(abs(x - mean) - 1 / 255, scale=sd)
    assert discretised_gaussian(LEVELS[level], torch.tensor(mean), sd).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("variance", ["beta", "beta_tilde"])
def test_reconstruction_has_the_variance_of_the_last_reverse_step(variance):
    x, half_bin, sd = gray(3), 1 / 255, math.sqrt(VARIANCES[variance][0])
    mean = x + 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    away = (x - mean).double().numpy()
    expected = -np.log(norm.cdf((away + half_bin) / sd) - norm.cdf((away - half_bin) / sd)).sum(axis=(1, 2, 3))
    assert reconstruction_nll(x, mean, SCHEDULE, variance).tolist() == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
@pytest.mark.parametrize("variance", ["beta", "beta_tilde"])
def test_a_perfect_denoiser_pays_for_the_prior_and_the_variance_only(prediction, variance):
    """With beta_tilde the diffusion terms vanish; with beta they are the same for every image."""
    x = gray(1)
    settings = {**SETTINGS, "timesteps_per_image": 999}
    result = variational_bound(
        Oracle(x, prediction), x.expand(8, 1, 2, 2), torch.zeros(8, 1), **settings, variance=variance
    )
    assert result.diffusion == pytest.approx([spread(variance).sum() / math.log(2)] * 8, rel=0.01, abs=1e-6)
    certain = 2 * norm.cdf(1 / 255, scale=math.sqrt(VARIANCES[variance][0])) - 1
    assert result.reconstruction == pytest.approx([-math.log2(certain)] * 8, rel=1e-4)
    assert result.prior == pytest.approx([prior_kl(x, SCHEDULE).item() / 4 / math.log(2)] * 8)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
@pytest.mark.parametrize("variance", ["beta", "beta_tilde"])
@pytest.mark.parametrize(("timesteps_per_image", "largest_error"), [(1, 0.3), (10, 0.06)])
def test_the_drawn_terms_estimate_the_sum_of_all(prediction, variance, timesteps_per_image, largest_error):
    """The optimal denoiser errs by the posterior covariance given z and x_t, (P^-1 + SNR)^-1, in closed form."""
    world = GaussianWorld(prediction)
    x, z = draw(world, 1000)
    settings = {**SETTINGS, "timesteps_per_image": timesteps_per_image, "variance": variance}
    result = variational_bound(world, x, z, **settings)
    eigenvalues = np.linalg.eigvalsh(world.posterior)
    mse = (1 / (1 / eigenvalues + SNR[1:, None])).mean(axis=1)
    ratio = BETA_TILDES / VARIANCES[variance][1:]
    expected = (spread(variance) + 0.5 * ratio * (SNR[:-1] - SNR[1:]) * mse).sum() / math.log(2)
    error = result.diffusion.std(ddof=1) / math.sqrt(len(x))
    assert error < largest_error
    assert result.diffusion.mean() == pytest.approx(expected, abs=3 * error)


def test_it_bounds_the_entropy_given_z():
    """Gray levels are fine, so that the entropy is the Gaussian's differential entropy less log of their width."""
    world = GaussianWorld()
    x, z = draw(world, 2000)
    determinant = np.linalg.slogdet(2 * math.pi * math.e * world.posterior)[1]
    entropy = (0.5 * determinant / 4 - math.log(2 / 255)) / math.log(2)
    tight, loose = (variational_bound(world, x, z, **SETTINGS, variance=name) for name in ("beta", "beta_tilde"))
    assert tight.bits_per_dim == pytest.approx(entropy + 0.05, abs=0.05 + 3 * tight.standard_error)
    assert entropy + 0.1 < loose.bits_per_dim < entropy + 1
    unknown = variational_bound(world, x, torch.full_like(z, torch.nan), **SETTINGS)
    saved = world.information() / 4 / math.log(2)
    assert unknown.bits_per_dim - tight.bits_per_dim == pytest.approx(saved, abs=0.05 + 3 * tight.standard_error)


def test_terms_are_drawn_in_proportion_to_their_steps_of_log_snr():
    expected = -np.diff(np.log(SNR))
    assert term_probabilities(SCHEDULE).numpy() == pytest.approx(expected / expected.sum(), rel=1e-9)


def test_parts_add_up_per_image():
    world = GaussianWorld()
    result = variational_bound(world, *draw(world, 20), **SETTINGS)
    assert result.per_image == pytest.approx(result.prior + result.diffusion + result.reconstruction)
    assert result.bits_per_dim == pytest.approx(np.mean(result.per_image))
    assert result.standard_error == pytest.approx(np.std(result.per_image, ddof=1) / math.sqrt(20))


def test_same_seed_same_bits_in_batches_of_any_size():
    world = GaussianWorld()
    x, z = draw(world, 23)
    first, again, small, other = (
        variational_bound(world, x, z, **{**SETTINGS, **changed}).per_image
        for changed in ({}, {}, {"batch_size": 5}, {"seed": 1})
    )
    assert np.array_equal(first, again)
    assert first == pytest.approx(small, rel=1e-4)
    assert not np.allclose(first, other, rtol=1e-3)


@pytest.mark.parametrize("level", [127.6, 257.0, -1.0, math.nan])
def test_pictures_that_are_not_gray_levels_are_refused(level):
    wrong = torch.full((2, 1, 2, 2), level / 127.5 - 1)
    with pytest.raises(ValueError, match="gray levels off"):
        variational_bound(GaussianWorld(), wrong, torch.zeros(2, 2), **SETTINGS)


def test_no_terms_are_refused():
    world = GaussianWorld()
    with pytest.raises(ValueError, match="timesteps_per_image is 0"):
        variational_bound(world, *draw(world, 2), **{**SETTINGS, "timesteps_per_image": 0})
