"""The evaluation puts together what bound and information give; both have tests of their own."""

import numpy as np
import pytest
import torch

from diffchest.images.squares import to_model_range
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.pretraining import PretrainEvaluationParams
from diffchest.pretraining.bound import variational_bound
from diffchest.pretraining.evaluation import evaluate
from tests.helpers.tiny import FakeStore, tiny_params

SETTINGS = PretrainEvaluationParams(
    images=8, bound_timesteps=2, levels=3, others=7, reencodings=1, batch_size=4, seed=0
)


def test_bound_and_information_are_of_the_same_radiographs_and_their_own_z():
    params, store = tiny_params(), FakeStore(images=6)
    torch.manual_seed(0)
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size).eval()
    torch.nn.init.normal_(model.unet.conv.weight)  # zero at the start: all z alike
    pixels = store.read(sorted(store.pixels))
    evaluated = evaluate(model, pixels, SETTINGS)
    metrics = evaluated.metrics()
    assert metrics["images"] == 6
    assert metrics["information"]["ceiling_bits"] == pytest.approx(np.log2(6))  # of 6 images each has 5 others
    parts = [metrics["bound"][name] for name in ("prior", "diffusion", "reconstruction")]
    assert metrics["bound"]["bits_per_dim"] == pytest.approx(sum(parts))
    x = torch.from_numpy(to_model_range(pixels))
    with torch.inference_mode():
        z = model.encode(x)
    options = {"schedule": model.schedule, "timesteps_per_image": 2, "seed": 0, "batch_size": 4}
    bound = variational_bound(model, x, z, **options)
    np.testing.assert_allclose(evaluated.bound.per_image, bound.per_image, rtol=1e-4)
