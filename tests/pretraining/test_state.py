"""Warm-up, weight average and what a state keeps."""

import math

import pytest
import torch

from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.pretraining.state import TrainingState, ema_decay, learning_rate
from tests.helpers.tiny import tiny_params


def test_warm_up_and_average():
    settings = tiny_params(pretrain={"learning_rate": 0.1, "warmup_images": 100, "ema_decay": 0.999}).pretrain
    assert learning_rate(settings, 50) == pytest.approx(0.05)
    assert learning_rate(settings, 5000) == pytest.approx(0.1)
    assert ema_decay(settings, 1) == pytest.approx(2 / 11)
    assert ema_decay(settings, 10**6) == pytest.approx(0.999)


def test_the_sum_of_losses_is_the_same_whichever_process_goes_on_with_it():
    """Two processes, undisturbed; and stopped half-way, after which the first one has the sum of both."""
    params = tiny_params()
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    losses = (torch.rand(2, 500, generator=torch.Generator().manual_seed(0)) * 20).unbind()  # float32, as a batch's

    def added(states, part):
        for state, own in zip(states, losses, strict=True):
            for loss in own[part]:
                state.loss_sum += loss
        return states[0].loss_sum + states[1].loss_sum

    whole = added([TrainingState(model, params.pretrain) for _ in range(2)], slice(None))
    stopped = [TrainingState(model, params.pretrain) for _ in range(2)]
    saved = stopped[0].state_dict(added(stopped, slice(250)))
    resumed = [TrainingState(model, params.pretrain) for _ in range(2)]
    for rank, state in enumerate(resumed):
        state.load_state_dict(saved, first=rank == 0)
    assert added(resumed, slice(250, None)) == whole
    assert whole == pytest.approx(math.fsum(loss for own in losses for loss in own.tolist()), abs=1e-9)


def test_pictures_of_many_checkpoints_are_thinned():
    params = tiny_params()
    state = TrainingState(DiffusionAutoencoder(params.model, params.diffusion, params.images.size), params.pretrain)
    for shown in range(1, 100):
        state.shown = shown
        state.keep_pictures(torch.zeros(1))
    assert len(state.pictures) <= 16
    assert max(state.pictures) == 99
