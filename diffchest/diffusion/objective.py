"""What the network learns: the noise, or the velocity, in a noised radiograph."""

from typing import Protocol

from torch import Tensor, nn

from diffchest.diffusion.schedule import Schedule
from diffchest.params.network import Prediction


class SelfConditioned(Protocol):
    """A network that encodes a clean image and denoises a noised one, told the code of the clean one."""

    def __call__(self, x: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the raw prediction [N, C, H, W] for `x_t`, conditioned on z = encoder(x)."""
        ...


def target(x: Tensor, noise: Tensor, signal: Tensor, sigma: Tensor, prediction: Prediction) -> Tensor:
    """Return what the network should output: epsilon (DiffChest eq. 2), or v = signal * epsilon - sigma * x_0.

    v is Salimans & Ho 2022, eq. 9: it weights x_0 more at high noise, where only z knows the radiograph.
    """
    if prediction == "v":
        return signal * noise - sigma * x
    return noise


def denoising_errors(
    model: SelfConditioned, x: Tensor, t: Tensor, noise: Tensor, *, schedule: Schedule, prediction: Prediction
) -> Tensor:
    """Return each image's squared error [N], averaged over pixels (DiffChest eq. 2).

    `x` and `noise` are [N, C, H, W], `t` is [N]. Their plain mean is the training loss.
    """
    signal, sigma = schedule.signal_and_noise(t)
    output = model(x, signal * x + sigma * noise, t)
    errors = nn.functional.mse_loss(output.float(), target(x, noise, signal, sigma, prediction), reduction="none")
    return errors.mean(dim=(1, 2, 3))
