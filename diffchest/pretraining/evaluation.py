"""What a pretrained network knows of held-out radiographs: the variational bound given z, and how much z tells."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from diffchest.images.squares import to_model_range
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.model.encoding import encode
from diffchest.params.pretraining import PretrainEvaluationParams
from diffchest.pretraining.bound import VariationalBound, variational_bound
from diffchest.pretraining.information import Information, information


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Bound and information of the same radiographs."""

    bound: VariationalBound
    information: Information

    def metrics(self) -> dict[str, Any]:
        """Return the numbers of both, as the stage reports them."""
        parts = {name: getattr(self.bound, name) for name in ("prior", "diffusion", "reconstruction")}
        return {
            "images": len(self.bound.per_image),
            "bound": {
                "bits_per_dim": self.bound.bits_per_dim,
                "standard_error": self.bound.standard_error,
                **{name: part.mean() for name, part in parts.items()},
            },
            "information": self.information.summary(),
        }


def evaluate(model: DiffusionAutoencoder, pixels: np.ndarray, settings: PretrainEvaluationParams) -> Evaluation:
    """Evaluate held-out radiographs, uint8 [N, H, W], one a patient; of few, fewer `others` are tried.

    Raises `ValueError` for fewer than 2.
    """
    x = model.prepare(torch.from_numpy(to_model_range(pixels)).to(model.device))
    z = torch.from_numpy(encode(model, pixels, settings.batch_size)).to(model.device)
    common = {"schedule": model.schedule, "seed": settings.seed, "batch_size": settings.batch_size}
    bound = variational_bound(model, x, z, timesteps_per_image=settings.bound_timesteps, **common)
    told = information(
        model,
        x,
        z,
        levels=settings.levels,
        others=min(settings.others, len(x) - 1),
        reencodings=settings.reencodings,
        **common,
    )
    return Evaluation(bound, told)
