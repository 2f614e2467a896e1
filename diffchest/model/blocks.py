"""Building blocks of the U-Net and the encoder: AdaGN residual blocks, attention, the timestep embedding."""

import math

import torch
from torch import Tensor, nn

from diffchest.model.norms import GroupNorm


def group_norm(channels: int, groups: int) -> GroupNorm:
    """Return GroupNorm with `groups` groups, or the largest divisor of `groups` that also divides `channels`."""
    return GroupNorm(math.gcd(groups, channels), channels)


def timestep_embedding(t: Tensor, width: int) -> Tensor:
    """Embed timesteps `t` [N] as `width` sinusoids [N, width], cosines first (Ho et al. 2020)."""
    half = width // 2
    frequencies = torch.exp(-math.log(10000.0) / half * torch.arange(half, dtype=torch.float32, device=t.device))
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def resample(x: Tensor, how: str) -> Tensor:
    """Halve ("down": average pool) or double ("up": nearest) the sides of `x` [N, C, H, W]; "" leaves it."""
    if how == "down":
        return nn.functional.avg_pool2d(x, 2)
    if how == "up":
        return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
    return x


def zero(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Set a layer to zero, so that the branch it closes starts as nothing."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Attention(nn.Module):
    """Self-attention over the positions of a feature map, added to it: [N, C, H, W] -> the same."""

    def __init__(self, channels: int, *, heads: int, groups: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = group_norm(channels, groups)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = zero(nn.Linear(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Attend, project and add."""
        n, c, h, w = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)  # [N, HW, C]
        q, k, v = self.qkv(tokens).view(n, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)  # [N, heads, HW, C / heads]
        out = self.project(attended.transpose(1, 2).reshape(n, h * w, c))
        return x + out.transpose(1, 2).reshape(n, c, h, w)


class ResidualBlock(nn.Module):
    """BigGAN residual block whose second normalisation is modulated by the timestep and by z (AdaGN).

    h = (1 + z_s) * ((1 + t_s) * GN(h) + t_b), then SiLU, dropout and a convolution that starts at zero. `how`
    resamples both the branch and the skip. Without `time_dim` and `latent_dim` the block is unconditional.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        *,
        time_dim: int = 0,
        latent_dim: int = 0,
        dropout: float = 0.0,
        groups: int = 32,
        how: str = "",
    ) -> None:
        super().__init__()
        self.how = how
        self.dropout = dropout
        self.norm_1 = group_norm(channels, groups)
        self.conv_1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.time = nn.Linear(time_dim, 2 * out_channels) if time_dim else None
        self.semantic = nn.Linear(latent_dim, out_channels) if latent_dim else None
        self.norm_2 = group_norm(out_channels, groups)
        self.conv_2 = zero(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.skip = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor | None = None, z: Tensor | None = None) -> Tensor:
        """Map [N, C, H, W] to [N, C', H', W'], given the embedded time [N, time_dim] and z [N, d], both after SiLU."""
        h = self.conv_1(resample(nn.functional.silu(self.norm_1(x)), self.how))
        h = self.norm_2(h)
        if self.time is not None and self.semantic is not None:
            time_scale, time_shift = self.time(time).chunk(2, dim=1)
            latent_scale = 1 + self.semantic(z)
            # the two modulations as one: four passes over the feature map become one
            scale = (latent_scale * (1 + time_scale))[:, :, None, None]
            shift = (latent_scale * time_shift)[:, :, None, None]
            h = torch.addcmul(shift, h, scale)
        h = self.conv_2(nn.functional.dropout(nn.functional.silu(h), self.dropout, self.training))
        return self.skip(resample(x, self.how)) + h


class SingleConvBlock(nn.Module):
    """GroupNorm, SiLU, one convolution, plus the skip: the block of the authors' encoder."""

    def __init__(self, channels: int, out_channels: int, *, groups: int = 32, how: str = "") -> None:
        super().__init__()
        self.how = how
        self.norm_1 = group_norm(channels, groups)
        self.conv_1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.skip = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C', H', W']."""
        return self.skip(resample(x, self.how)) + self.conv_1(resample(nn.functional.silu(self.norm_1(x)), self.how))
