"""An autoencoder whose encoding and decoding have a closed form: x_0 = D z with orthonormal columns D."""

import numpy as np
import torch
from torch import Tensor, nn

from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.diffusion.schedule import linear_schedule
from diffchest.params.audit import ConfoundersParams, FlaggedParams, ModelErrorParams, PlantedParams
from diffchest.params.counterfactuals import ExplainParams

SIZE, DIMENSIONS = 16, 6
TOY_AUDIT = ConfoundersParams(
    images=6, edit="unit", step=0.2, random_directions=4, encode_steps=4, decode_steps=4, false_discovery_rate=0.05,
    model_error=ModelErrorParams(absolute=0.0, relative=0.0), planted=PlantedParams(lift=2.0, cooccurrence=0.1),
    flagged=FlaggedParams(lift=2.0, prevalence=0.1, response=0.5), seed=0,
)  # fmt: skip


class LinearAutoencoder(nn.Module):
    """Every x_t is denoised to D z, whatever the noise: the decoded radiograph is D z, and encoding it gives z back."""

    prediction = "v"
    channels = 1
    image_size = SIZE
    latent_dim = DIMENSIONS
    sha256 = "toy"

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((SIZE**2, DIMENSIONS)))[0]
        self.basis = nn.Parameter(torch.tensor(basis, dtype=torch.float32))
        self.schedule = linear_schedule()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.basis.device

    def prepare(self, gray: Tensor) -> Tensor:
        """One channel stays one channel."""
        return gray

    def encode(self, x: Tensor) -> Tensor:
        """z = D' x."""
        return x.flatten(1) @ self.basis

    def predict(self, x_t: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """The velocity for which the estimate of x_0 is D z."""
        signal, sigma = self.schedule.signal_and_noise(t)
        return (signal * x_t - (z @ self.basis.T).view(-1, 1, SIZE, SIZE)) / sigma


def toy_head(findings: int = 5, seed: int = 1) -> Head:
    """A head on the toy latents with random weights for `finding 0`, `finding 1`, ..."""
    rng = np.random.default_rng(seed)
    return Head(
        findings=[f"finding {row}" for row in range(findings)],
        weight=rng.standard_normal((findings, DIMENSIONS)).astype(np.float32),
        bias=rng.standard_normal(findings).astype(np.float32),
        mean=rng.standard_normal(DIMENSIONS).astype(np.float32),
        sd=rng.uniform(0.2, 0.4, DIMENSIONS).astype(np.float32),
        model_sha256="toy",
    )


def toy_moves(head: Head, covariance: np.ndarray | None = None, **fields) -> Moves:
    """Moves for the toy head: latents of this covariance (default: the identity), all else 0 but `fields`."""
    number, d = len(head.fitted), DIMENSIONS
    known = {
        "alone": np.zeros((number, 1, DIMENSIONS)), "share": np.ones((number, 1)), "threshold": np.zeros(number),
        "typical": np.zeros((number, DIMENSIONS)), "model_sha256": [head.model_sha256], "findings": head.fitted,
        "centre": np.zeros(d), "distance": np.array([1.0, 1.3, 1.5, 2.0]), "trained_on": ["toys", "90", "80"],
        "covariance": np.eye(DIMENSIONS) if covariance is None else covariance,
    }  # fmt: skip
    return Moves(**(known | fields))


def toy_radiographs(number: int, seed: int = 2) -> np.ndarray:
    """uint8 pictures [N, 16, 16] that D z can draw."""
    model = LinearAutoencoder()
    z = torch.from_numpy(np.random.default_rng(seed).normal(0, 0.8, (number, DIMENSIONS)).astype(np.float32))
    pictures = (z @ model.basis.T).detach().numpy().reshape(number, SIZE, SIZE)
    return np.clip(np.rint((pictures + 1) * 127.5), 0, 255).astype(np.uint8)


def toy_explain(**changes) -> ExplainParams:
    """An `explain` section for the toy head: `unit` edits of step 0.2 towards `finding 0`, and `changes`."""
    section = {
        "targets": ["finding 0"], "kinds": {}, "image_ids": [], "patients": 1, "radiographs": 2, "towards": "presence",
        "edit": "unit", "step": 0.2, "to_probability": None, "solver": "ddim", "encode_steps": 4, "decode_steps": 4,
        "reconstructions": 1, "seed": 0, "both_ways": 0, "picture": "decode", "noise_level": 0.3, "noise_draws": 1,
        "local": None, "corrections": 0,
    }  # fmt: skip
    return ExplainParams(**(section | changes))
