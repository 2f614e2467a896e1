"""Warm-up, weight average and what a state keeps."""

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


def test_pictures_of_many_checkpoints_are_thinned():
    params = tiny_params()
    state = TrainingState(DiffusionAutoencoder(params.model, params.diffusion, params.images.size), params.pretrain)
    for shown in range(1, 100):
        state.shown = shown
        state.keep_pictures(torch.zeros(1))
    assert len(state.pictures) <= 16
    assert max(state.pictures) == 99
