"""The training recipe against what it says: precision, flip, clipping, warm-up, Adam, weight average, loss scale."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.pretraining.checkpoints import Checkpoints
from diffchest.pretraining.state import TrainingState
from diffchest.pretraining.steps import Network, training_errors
from tests.helpers.tiny import run, tiny_params

RATE, WARM_UP, CLIP, DECAY, BATCH = 0.01, 64, 0.5, 0.3, 16


def new_state(**settings):
    params = tiny_params(pretrain=settings)
    torch.manual_seed(0)
    return TrainingState(DiffusionAutoencoder(params.model, params.diffusion, params.images.size), params.pretrain)


def flat(tensors) -> np.ndarray:
    return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors]).astype(np.float64)


def take(state, gradient: np.ndarray) -> bool:
    """One update by `gradient`, over all weights, as a backward pass of the scaled loss leaves it."""
    first = 0
    for weight in state.model.parameters():
        part = torch.from_numpy(gradient[first : first + weight.numel()]).float().view_as(weight)
        weight.grad = state.scaler.scale(part)
        first += weight.numel()
    return state.update(BATCH, torch.tensor(1.0))


class ByHand:
    """Adam (Kingma & Ba 2015, algorithm 1) with the gradient clipped to norm `CLIP` and the rate warmed up."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights, self.average = weights.copy(), weights.copy()
        self.m, self.v, self.steps, self.batches = np.zeros_like(weights), np.zeros_like(weights), 0, 0

    def take(self, gradient: np.ndarray) -> None:
        self.steps += 1
        self.batches += 1
        gradient = gradient * min(1.0, CLIP / np.sqrt(np.sum(gradient**2)))
        self.m = 0.9 * self.m + 0.1 * gradient
        self.v = 0.999 * self.v + 0.001 * gradient**2
        m, v = self.m / (1 - 0.9**self.steps), self.v / (1 - 0.999**self.steps)
        self.weights = self.weights - RATE * min(1.0, self.batches * BATCH / WARM_UP) * m / (np.sqrt(v) + 1e-8)
        decay = min(DECAY, (1 + self.steps) / (10 + self.steps))
        self.average = decay * self.average + (1 - decay) * self.weights


@pytest.fixture
def recipe():
    return {"learning_rate": RATE, "warmup_images": WARM_UP, "grad_clip": CLIP, "ema_decay": DECAY}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_updates_are_those_of_clipped_and_warmed_up_adam(recipe, precision):
    """Norms below and far above the bound: the moments of Adam, unlike its first step, tell them apart."""
    state = new_state(**recipe, precision=precision)
    expected, rng = ByHand(flat(state.model.parameters())), np.random.default_rng(0)
    for norm in (0.2, 50.0, 0.4, 3.0, 0.1, 0.3):
        gradient = rng.standard_normal(len(expected.weights))
        gradient *= norm / np.linalg.norm(gradient)
        take(state, gradient)
        expected.take(gradient)
        np.testing.assert_allclose(flat(state.model.parameters()), expected.weights, rtol=0, atol=3e-6)
        np.testing.assert_allclose(flat(state.ema.parameters()), expected.average, rtol=0, atol=3e-6)


def test_a_gradient_longer_than_the_bound_is_clipped_to_it(recipe):
    """Adam's first moment after the first step is a tenth of the gradient that it got."""
    for norm, got in ((40.0, CLIP), (0.3, 0.3)):
        state = new_state(**recipe)
        gradient = np.ones(len(flat(state.model.parameters())))
        take(state, gradient * norm / np.linalg.norm(gradient))
        moments = [state.optimizer.state[weight]["exp_avg"] for weight in state.model.parameters()]
        assert np.linalg.norm(flat(moments)) == pytest.approx(0.1 * got, rel=1e-4)


def test_the_first_step_has_the_warmed_up_rate(recipe):
    """The first step of Adam is the rate, whatever the gradient: a quarter of it after 16 of 64 images."""
    state = new_state(**recipe)
    before = flat(state.model.parameters())
    take(state, np.full(len(before), 1e-3))
    np.testing.assert_allclose(before - flat(state.model.parameters()), RATE * 16 / 64, rtol=1e-3)


def test_the_average_model_is_what_a_run_returns_and_no_copy_of_the_weights(tmp_path):
    kept = run(tmp_path, tiny_params(pretrain={"images_shown": 32, "ema_decay": 0.5, "learning_rate": 0.01}))
    saved = torch.load(max(tmp_path.glob("runs/*/*.pt")), weights_only=True)
    for name, average in kept.model.state_dict().items():
        assert torch.equal(average, saved["ema"][name])
    assert any(not torch.equal(saved["ema"][name], weight) for name, weight in saved["model"].items())


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_convolutions_and_linear_layers_compute_in_the_precision_asked_for(precision, dtype):
    state, found = new_state(precision=precision), {}
    for layer in state.model.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(lambda layer, given, out: found.__setitem__(layer, out.dtype))
    pixels = torch.randint(256, (4, 1, 16, 16), dtype=torch.uint8)
    errors = training_errors(Network(state.model, nullcontext), state.model, pixels, range(4), state.settings)
    assert len(found) > 10
    assert set(found.values()) == {dtype}
    assert errors.dtype == torch.float32
    assert state.scaler.is_enabled() == (precision == "fp16")


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_a_flip_swaps_left_and_right(chance):
    state, seen = new_state(horizontal_flip=chance), []

    def forward(x, x_t, t):
        seen.append(x)
        return state.model(x, x_t, t)

    pixels = np.random.default_rng(0).integers(0, 256, (5, 16, 16), dtype=np.uint8)
    expected = np.stack([np.fliplr(picture) for picture in pixels]) if chance else pixels
    gray = torch.from_numpy(pixels[:, None])
    training_errors(Network(forward, nullcontext), state.model, gray, range(5), state.settings)
    np.testing.assert_allclose(seen[0][:, 0].numpy(), expected / 127.5 - 1, atol=1e-6)


def test_a_batch_that_overflows_leaves_weights_average_moments_and_losses_as_they_were(recipe):
    state = new_state(**recipe, precision="fp16")
    expected, rng = ByHand(flat(state.model.parameters())), np.random.default_rng(1)
    for batch in range(5):
        gradient = rng.standard_normal(len(expected.weights)) * 1e-3
        if batch in (0, 3):
            gradient[7] = np.inf
            expected.batches += 1  # the rate goes by images shown
        else:
            expected.take(gradient)
        assert take(state, gradient) == (batch not in (0, 3))
    np.testing.assert_allclose(flat(state.model.parameters()), expected.weights, rtol=0, atol=3e-6)
    np.testing.assert_allclose(flat(state.ema.parameters()), expected.average, rtol=0, atol=3e-6)
    assert (state.step, state.skipped, state.shown) == (3, 2, 5 * BATCH)
    assert (float(state.loss_sum), state.loss_images) == (3.0, 3 * BATCH)


def test_a_resumed_run_has_the_loss_scale_it_had(recipe, tmp_path):
    """2^16 at the start, halved by each overflow; the growth counter says when it is doubled again."""
    state = new_state(**recipe, precision="fp16")
    size = len(flat(state.model.parameters()))
    for value in (np.inf, np.inf, np.inf, 1e-3, 1e-3):
        take(state, np.full(size, value))
    Checkpoints(tmp_path, "key").save(state.shown, state.state_dict(state.loss_sum))
    resumed = new_state(**recipe, precision="fp16")
    saved = Checkpoints(tmp_path, "key").newest(state.shown)
    assert saved is not None
    resumed.load_state_dict(saved, first=True)
    assert resumed.scaler.get_scale() == 2.0**13
    assert resumed.scaler.state_dict()["_growth_tracker"] == 2
    assert resumed.skipped == 3
