"""Import of the authors' checkpoints: their tensor names and shapes say which network it is."""

import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from diffchest.errors import DataError
from diffchest.model.autoencoder import DiffusionAutoencoder, load_tensors
from diffchest.params import DiffusionParams, EncoderParams, ModelParams

PREFIX = "ema_model."
ATTENTION_SIDE = 16  # the authors' networks attend at 16 x 16
RENAMED = [  # (their name, ours), in this order
    (r"^encoder\.out\.0\.", "encoder.norm."),
    (r"^encoder\.out\.3\.", "encoder.head."),
    (r"^time_embed\.time_embed\.", "unet.time."),
    (r"^out\.0\.", "unet.norm."),
    (r"^out\.2\.", "unet.conv."),
    (r"^(?=input_blocks|middle_block|output_blocks)", "unet."),
    (r"\binput_blocks\b", "down"),
    (r"\bmiddle_block\b", "middle"),
    (r"\boutput_blocks\b", "up"),
    (r"\.in_layers\.0\.", ".norm_1."),
    (r"\.in_layers\.2\.", ".conv_1."),
    (r"\.out_layers\.0\.", ".norm_2."),
    (r"\.out_layers\.3\.", ".conv_2."),
    (r"\.cond_emb_layers\.1\.", ".semantic."),
    (r"\.emb_layers\.1\.", ".time."),
    (r"\.skip_connection\.", ".skip."),
    (r"\.proj_out\.", ".project."),
]
LINEAR = re.compile(r"(\.qkv|\.project|encoder\.head)\.weight$")  # 1x1 convolutions there, linear layers here


def our_name(name: str) -> str:
    """Translate one tensor name of the authors, without its `ema_model.`, into ours."""
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def load_authors(path: Path | str, *, image_size: int | None = None) -> DiffusionAutoencoder:
    """Read a checkpoint of the authors (Lightning `.ckpt`, or safetensors with the same names): its EMA weights.

    Widths, depths, attention places and d are read from the tensors; the image size from attention being at 16 x 16,
    unless given. Nothing in the file is executed. Raises `DataError`, listing the tensors that do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the authors' checkpoint (`last.ckpt`)")
    if path.suffix == ".safetensors":
        state = load_file(path)
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
    theirs = {name.removeprefix(PREFIX): tensor for name, tensor in state.items() if name.startswith(PREFIX)}
    if "input_blocks.0.0.weight" not in theirs:
        raise DataError(f"{path}: no tensor `{PREFIX}input_blocks.0.0.weight`; not a checkpoint of the authors' model")
    params, size = geometry({name: tuple(tensor.shape) for name, tensor in theirs.items()})
    diffusion = DiffusionParams(timesteps=1000, beta_start=1e-4, beta_end=0.02, prediction="epsilon")
    model = DiffusionAutoencoder(params, diffusion, image_size or size)
    load_tensors(
        model, {our_name(name): _squeeze(our_name(name), tensor) for name, tensor in theirs.items()}, source=path
    )
    return model.eval()


def _squeeze(name: str, tensor: Tensor) -> Tensor:
    return tensor.flatten(1) if LINEAR.search(name) else tensor


def geometry(shapes: dict[str, tuple[int, ...]]) -> tuple[ModelParams, int]:
    """Read the network's parameters and image size [px] from the authors' tensor names (without prefix) and shapes.

    A step of the upward path with a second residual block doubles the map, so these count the levels; the encoder has
    as many blocks per level as the U-Net.
    """
    base, channels = shapes["input_blocks.0.0.weight"][:2]
    steps = sum(name.startswith("output_blocks.") and name.endswith(".0.in_layers.2.weight") for name in shapes)
    doubling = sum(bool(re.match(r"output_blocks\.\d+\.[12]\.in_layers\.2\.weight", name)) for name in shapes)
    depth = steps // (doubling + 1) - 1
    multipliers, attended = _downward(shapes, "", depth)
    encoder_multipliers, encoder_attended = _downward(shapes, "encoder.", depth)
    size = ATTENTION_SIDE * 2 ** min(attended, default=0)
    two_convolutions = "encoder.middle_block.0.out_layers.3.weight" in shapes
    params = ModelParams(
        channels=3 if channels == 3 else 1,
        space_to_depth=1,
        position_frequencies=0,
        base_channels=base,
        channel_multipliers=multipliers,
        residual_blocks=depth,
        attention_resolutions=[size // 2**level for level in attended],
        attention_heads=1,
        dropout=0.1,
        norm_groups=32,
        time_dim=shapes["time_embed.time_embed.2.weight"][0],
        latent_dim=shapes["encoder.out.3.weight"][0],
        encoder=EncoderParams(
            channel_multipliers=encoder_multipliers,
            residual_blocks=depth,
            attention_resolutions=[size // 2**level for level in encoder_attended],
            block="residual" if two_convolutions else "single",
            pool="average",
        ),
    )
    return params, size


def _downward(shapes: dict[str, tuple[int, ...]], prefix: str, depth: int) -> tuple[list[int], list[int]]:
    """Return the width multiplier of each level of a downward path, and which levels have attention.

    Its steps are one convolution, then `depth` blocks per level and, between levels, one that halves the map.
    """
    multipliers, attended = [], []
    while (step := f"{prefix}input_blocks.{1 + len(multipliers) * (depth + 1)}") + ".0.in_layers.2.weight" in shapes:
        if f"{step}.1.qkv.weight" in shapes:
            attended.append(len(multipliers))
        multipliers.append(shapes[f"{step}.0.in_layers.2.weight"][0] // shapes["input_blocks.0.0.weight"][0])
    return multipliers, attended
