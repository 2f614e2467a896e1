"""GroupNorm that leaves a feature map in the memory layout it came in."""

import torch
from torch import Tensor, nn


class GroupNorm(nn.GroupNorm):
    """Group normalisation (Wu & He 2018): [N, C, H, W] -> the same, also in channels-last memory.

    torch's CUDA kernel knows only contiguous maps: given a channels-last one it copies it, and the next convolution
    copies the result back. Here such a map is normalised where it lies, as x * scale + shift with one scale and shift a
    channel. The statistics are float32 under autocast too, and the result has the precision of `x`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each image's groups of channels to mean 0 and variance 1, then scale and shift by channel."""
        if input.is_contiguous() or not input.is_contiguous(memory_format=torch.channels_last):
            return super().forward(input)
        with torch.autocast(input.device.type, enabled=False):
            x = input.to(torch.promote_types(input.dtype, torch.float32))
            variance, mean = torch.var_mean(x.unflatten(1, (self.num_groups, -1)), dim=(2, 3, 4), correction=0)
            per_group = (len(x), self.num_groups, -1)
            scale = torch.rsqrt(variance + self.eps)[:, :, None] * self.weight.view(1, self.num_groups, -1)
            shift = self.bias.view(1, self.num_groups, -1) - mean.view(per_group) * scale
            normalised = torch.addcmul(shift.view(len(x), -1, 1, 1), x, scale.view(len(x), -1, 1, 1))
            return normalised.to(input.dtype)
