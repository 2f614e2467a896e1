"""The U-Net that denoises a radiograph, told the timestep and the semantic latent z in every block."""

from torch import Tensor, cat, nn

from diffchest.model.blocks import Attention, ResidualBlock, group_norm, timestep_embedding, zero
from diffchest.params.network import ModelParams


class UNet(nn.Module):
    """Denoising U-Net (Dhariwal & Nichol 2021) with AdaGN on time and z (Preechakul et al. 2022).

    `in_channels` and `size` are those of the folded image: with k x k pixels a channel, `size` is `image_size / k`.
    `params.latent_map_channels` more input channels are a linear map of z, a picture that it draws itself: scales of
    channels alone (0, the paper) can hardly place a thin line.
    """

    def __init__(self, params: ModelParams, *, in_channels: int, out_channels: int, size: int) -> None:
        super().__init__()
        base, time_dim, drawn = params.base_channels, params.time_dim, params.latent_map_channels
        self.base_channels = base
        self.latent_map = nn.Linear(params.latent_dim, drawn * size**2) if drawn else None
        self.time = nn.Sequential(nn.Linear(base, time_dim), nn.SiLU(), nn.Linear(time_dim, time_dim))
        self.down, skips, size = _down(params, in_channels + drawn, size)
        width = skips[-1]
        self.middle = nn.ModuleList(
            [_block(params, width, width), _attention(params, width), _block(params, width, width)]
        )
        self.up, width = _up(params, skips, size)
        self.norm = group_norm(width, params.norm_groups)
        self.conv = zero(nn.Conv2d(width, out_channels, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """Map x_t [N, C, H, W], t [N] and z [N, d] to the raw prediction [N, C, H, W]."""
        time = nn.functional.silu(self.time(timestep_embedding(t, self.base_channels)))
        if self.latent_map is not None:
            x = cat([x, self.latent_map(z).view(len(x), -1, *x.shape[2:])], dim=1)
        z = nn.functional.silu(z)
        h, skips = x, []
        for step in self.down:
            h = _apply(step, h, time, z)
            skips.append(h)
        h = _apply(self.middle, h, time, z)
        for step in self.up:
            h = _apply(step, cat([h, skips.pop()], dim=1), time, z)
        return self.conv(nn.functional.silu(self.norm(h)))


def _down(params: ModelParams, in_channels: int, size: int) -> tuple[nn.ModuleList, list[int], int]:
    """The steps from feature maps of side `size` to the smallest; the channels after each, and the side at the end."""
    width = params.base_channels
    steps, widths = [nn.ModuleList([nn.Conv2d(in_channels, width, 3, padding=1)])], [width]
    for level, multiplier in enumerate(params.channel_multipliers):
        if level:
            steps.append(nn.ModuleList([_block(params, width, width, how="down")]))
            widths.append(width)
            size //= 2
        for _ in range(params.residual_blocks):
            step = nn.ModuleList([_block(params, width, params.base_channels * multiplier)])
            width = params.base_channels * multiplier
            if size in params.attention_resolutions:
                step.append(_attention(params, width))
            steps.append(step)
            widths.append(width)
    return nn.ModuleList(steps), widths, size


def _up(params: ModelParams, skips: list[int], size: int) -> tuple[nn.ModuleList, int]:
    """The steps back from side `size`, each of which takes the channels of one of `skips`; the channels at the end."""
    width, skips, steps = skips[-1], skips.copy(), []
    for level, multiplier in reversed(list(enumerate(params.channel_multipliers))):
        for index in range(params.residual_blocks + 1):
            step = nn.ModuleList([_block(params, width + skips.pop(), params.base_channels * multiplier)])
            width = params.base_channels * multiplier
            if size in params.attention_resolutions:
                step.append(_attention(params, width))
            if level and index == params.residual_blocks:
                step.append(_block(params, width, width, how="up"))
                size *= 2
            steps.append(step)
    return nn.ModuleList(steps), width


def _block(params: ModelParams, channels: int, out_channels: int, *, how: str = "") -> ResidualBlock:
    return ResidualBlock(
        channels,
        out_channels,
        time_dim=params.time_dim,
        latent_dim=params.latent_dim,
        dropout=params.dropout,
        groups=params.norm_groups,
        how=how,
    )


def _attention(params: ModelParams, width: int) -> Attention:
    return Attention(width, heads=params.attention_heads, groups=params.norm_groups)


def _apply(layers: nn.Module, h: Tensor, time: Tensor, z: Tensor) -> Tensor:
    for layer in layers.children():
        h = layer(h, time, z) if isinstance(layer, ResidualBlock) else layer(h)
    return h
