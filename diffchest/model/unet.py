"""The U-Net that denoises a radiograph, told the timestep and the semantic latent z in every block."""

from typing import Any

from torch import Tensor, cat, nn

from diffchest.model.blocks import Attention, ResidualBlock, group_norm, timestep_embedding, zero
from diffchest.params.network import ModelParams


class UNet(nn.Module):
    """Denoising U-Net (Dhariwal & Nichol 2021) with AdaGN on time and z (Preechakul et al. 2022).

    `channels` and `size` are those of the folded image: `params.channels * k^2` and `image_size / k`.
    """

    def __init__(self, params: ModelParams, *, in_channels: int, out_channels: int, size: int) -> None:
        super().__init__()
        base, depth = params.base_channels, params.residual_blocks
        block: dict[str, Any] = {
            "time_dim": params.time_dim,
            "latent_dim": params.latent_dim,
            "dropout": params.dropout,
            "groups": params.norm_groups,
        }
        attention = {"heads": params.attention_heads, "groups": params.norm_groups}
        self.base_channels = base
        self.time = nn.Sequential(
            nn.Linear(base, params.time_dim), nn.SiLU(), nn.Linear(params.time_dim, params.time_dim)
        )

        width, skips = base, [base]
        self.down = nn.ModuleList([nn.ModuleList([nn.Conv2d(in_channels, base, 3, padding=1)])])
        last = len(params.channel_multipliers) - 1
        for level, multiplier in enumerate(params.channel_multipliers):
            for _ in range(depth):
                step = nn.ModuleList([ResidualBlock(width, base * multiplier, **block)])
                width = base * multiplier
                if size in params.attention_resolutions:
                    step.append(Attention(width, **attention))
                self.down.append(step)
                skips.append(width)
            if level < last:
                self.down.append(nn.ModuleList([ResidualBlock(width, width, how="down", **block)]))
                skips.append(width)
                size //= 2

        self.middle = nn.ModuleList(
            [ResidualBlock(width, width, **block), Attention(width, **attention), ResidualBlock(width, width, **block)]
        )

        self.up = nn.ModuleList()
        for level, multiplier in reversed(list(enumerate(params.channel_multipliers))):
            for index in range(depth + 1):
                step = nn.ModuleList([ResidualBlock(width + skips.pop(), base * multiplier, **block)])
                width = base * multiplier
                if size in params.attention_resolutions:
                    step.append(Attention(width, **attention))
                if level and index == depth:
                    step.append(ResidualBlock(width, width, how="up", **block))
                    size *= 2
                self.up.append(step)
        self.norm = group_norm(width, params.norm_groups)
        self.conv = zero(nn.Conv2d(width, out_channels, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """Map x_t [N, C, H, W], t [N] and z [N, d] to the raw prediction [N, C, H, W]."""
        time = nn.functional.silu(self.time(timestep_embedding(t, self.base_channels)))
        z = nn.functional.silu(z)
        h, skips = x, []
        for step in self.down:
            h = _apply(step, h, time, z)
            skips.append(h)
        h = _apply(self.middle, h, time, z)
        for step in self.up:
            h = _apply(step, cat([h, skips.pop()], dim=1), time, z)
        return self.conv(nn.functional.silu(self.norm(h)))


def _apply(layers: nn.Module, h: Tensor, time: Tensor, z: Tensor) -> Tensor:
    for layer in layers.children():
        h = layer(h, time, z) if isinstance(layer, ResidualBlock) else layer(h)
    return h
