"""Which network a checkpoint of the authors holds: read from the names and shapes of its tensors."""

import re
from pathlib import Path

from diffchest.errors import DataError
from diffchest.params.network import EncoderParams, ModelParams

PREFIX = "ema_model."
ATTENTION_SIDE = 16  # the authors' networks attend at 16 x 16
Shapes = dict[str, tuple[int, ...]]


def geometry(shapes: Shapes, *, source: Path, image_size: int | None = None) -> tuple[ModelParams, int]:
    """Read the network's parameters and image size [px] from the names and shapes of the authors' tensors.

    The encoder has as many blocks per level as the U-Net. Without `image_size`, attention is taken to be at 16 x 16.
    Raises `DataError` naming `source` when tensors that this needs are missing, or make no network of this kind.
    """
    depth, levels, encoder_levels = _depth(shapes, source)
    starts = [f"{PREFIX}input_blocks.{1 + level * (depth + 1)}." for level in range(levels)]
    encoder_starts = [f"{PREFIX}encoder.input_blocks.{1 + level * (depth + 1)}." for level in range(encoder_levels)]
    needed = [f"{PREFIX}{name}.weight" for name in ("input_blocks.0.0", "time_embed.time_embed.2", "encoder.out.3")]
    needed += [f"{start}0.in_layers.2.weight" for start in starts + encoder_starts]
    base, time_dim, latent_dim, *widths = _sizes(shapes, needed, source)
    multipliers = [max(1, width // base) for width in widths]  # a width that is no multiple will not fit and be listed
    attended = _attended(shapes, starts)
    size = _image_size(image_size, attended, max(levels, encoder_levels), source)
    params = ModelParams(
        channels=1 if shapes[needed[0]][1] == 1 else 3,
        space_to_depth=1,
        position_frequencies=0,
        base_channels=base,
        channel_multipliers=multipliers[:levels],
        residual_blocks=depth,
        attention_resolutions=[size // 2**level for level in attended],
        attention_heads=1,
        dropout=0.1,
        norm_groups=32,
        time_dim=time_dim,
        latent_dim=latent_dim,
        latent_map_channels=0,
        encoder=EncoderParams(
            channel_multipliers=multipliers[levels:],
            residual_blocks=depth,
            attention_resolutions=[size // 2**level for level in _attended(shapes, encoder_starts)],
            block="residual" if f"{PREFIX}encoder.middle_block.0.out_layers.3.weight" in shapes else "single",
            pool="average",
        ),
    )
    return params, size


def _depth(shapes: Shapes, source: Path) -> tuple[int, int, int]:
    """Return the residual blocks per level, the levels of the U-Net and those of the encoder.

    Each path has depth + 1 steps per level. A step of the upward path with a second residual block doubles the map, so
    these count the levels.
    """
    steps = _count_steps(shapes, ["input_blocks", "output_blocks"], source)
    encoder_steps = _count_steps(shapes, ["encoder.input_blocks"], source)
    second = re.compile(re.escape(PREFIX) + r"(output_blocks\.\d+)\.[12]\.in_layers\.")
    levels = 1 + len({match[1] for name in shapes if (match := second.match(name))})
    per_level = steps // levels
    if per_level < 2 or steps % levels or not encoder_steps or encoder_steps % per_level:
        raise DataError(
            f"{source}: {steps} steps of the U-Net ({levels} levels) and {encoder_steps} of the encoder do not make "
            "levels of equal depth; not a whole checkpoint of the authors' autoencoder"
        )
    return per_level - 1, levels, encoder_steps // per_level


def _count_steps(shapes: Shapes, paths: list[str], source: Path) -> int:
    """Number of steps of `paths`, which have equally many; `DataError` lists the steps without any tensor."""
    step = re.compile(re.escape(PREFIX) + r"((?:encoder\.)?\w+)\.(\d+)\.")
    found = {(match[1], int(match[2])) for name in shapes if (match := step.match(name))}
    steps = max((number + 1 for path, number in found if path in paths), default=0)
    absent = [f"{PREFIX}{path}.{number}" for path in paths for number in range(steps) if (path, number) not in found]
    if absent:
        raise DataError(
            f"{source}: no tensors at all in {', '.join(absent)}; not a whole checkpoint of the authors' autoencoder"
        )
    return steps


def _sizes(shapes: Shapes, names: list[str], source: Path) -> list[int]:
    """First axis of each tensor; `DataError` lists those that are missing, empty or no weights."""
    unusable = [name for name in names if len(shapes.get(name, ())) < 2 or 0 in shapes[name]]
    if unusable:
        found = [f"{name} {shapes[name]}" if name in shapes else f"missing {name}" for name in unusable]
        raise DataError(
            f"{source}: the size of the network is not known without {len(found)} tensor(s):\n  " + "\n  ".join(found)
        )
    return [shapes[name][0] for name in names]


def _attended(shapes: Shapes, starts: list[str]) -> list[int]:
    """Which levels, given the first step of each, have attention."""
    return [level for level, start in enumerate(starts) if any(name.startswith(f"{start}1.") for name in shapes)]


def _image_size(given: int | None, attended: list[int], levels: int, source: Path) -> int:
    if given is None and not attended:
        raise DataError(f"{source}: the image size is not known, as no level has attention; give `--image-size`")
    size = given if given is not None else ATTENTION_SIDE * 2 ** min(attended)
    if size < 1 or size % 2 ** (levels - 1):
        raise DataError(
            f"{source}: image size {size} px, expected a multiple of {2 ** (levels - 1)}, since {levels} levels halve "
            "the image; give the right one with `--image-size`"
        )
    return size
