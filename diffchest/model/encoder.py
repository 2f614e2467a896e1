"""The semantic encoder: a radiograph to its latent z."""

from torch import Tensor, nn

from diffchest.model.blocks import Attention, ResidualBlock, SingleConvBlock, group_norm
from diffchest.params.network import ModelParams


class SemanticEncoder(nn.Module):
    """The downward half of a U-Net, its middle, and a pooled linear head.

    The paper says the encoder shares the U-Net's architecture; the authors' code and released weights have blocks of
    one convolution there (`block: single`), about half the cost. `block: residual` builds what the paper says. The head
    sees the average over the last feature map (`pool: average`, the paper) or all of it (`pool: flatten`), so that z
    knows at once where something is.
    """

    def __init__(self, params: ModelParams, *, in_channels: int, size: int) -> None:
        super().__init__()
        encoder, groups = params.encoder, params.norm_groups
        block = SingleConvBlock if encoder.block == "single" else ResidualBlock
        attention = {"heads": params.attention_heads, "groups": groups}
        width = params.base_channels
        layers: list[nn.Module] = [nn.Conv2d(in_channels, width, 3, padding=1)]
        down = [nn.Sequential(*layers)]
        for level, multiplier in enumerate(encoder.channel_multipliers):
            if level:
                down.append(nn.Sequential(block(width, width, groups=groups, how="down")))
                size //= 2
            for _ in range(encoder.residual_blocks):
                layers = [block(width, params.base_channels * multiplier, groups=groups)]
                width = params.base_channels * multiplier
                if size in encoder.attention_resolutions:
                    layers.append(Attention(width, **attention))
                down.append(nn.Sequential(*layers))
        self.down = nn.Sequential(*down)
        self.middle = nn.Sequential(
            block(width, width, groups=groups), Attention(width, **attention), block(width, width, groups=groups)
        )
        self.norm = group_norm(width, groups)
        self.pool = encoder.pool
        self.head = nn.Linear(width * (size**2 if encoder.pool == "flatten" else 1), params.latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map the folded image [N, C, H, W] to z [N, d]."""
        h = nn.functional.silu(self.norm(self.middle(self.down(x))))
        if self.pool == "average":
            h = nn.functional.avg_pool2d(h, h.shape[2:])  # unlike `mean`, its gradient has the memory layout of h
        return self.head(h.flatten(1))
