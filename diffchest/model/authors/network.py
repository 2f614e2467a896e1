"""The authors' autoencoder as ours: their names for its tensors, and reading their checkpoint."""

import re
from pathlib import Path

from torch import Tensor

from diffchest.errors import DataError
from diffchest.files.tensors import load_tensors
from diffchest.model.authors.checkpoint import read_tensors
from diffchest.model.authors.geometry import PREFIX, geometry
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.network import DiffusionParams

BESIDE = re.compile(r"model\.|(x_T|conds_mean|conds_std)$")  # also in the file: weights before averaging, fixed noise
RENAMED = [  # (our name, theirs), in this order
    (r"^encoder\.norm\.", "encoder.out.0."),
    (r"^encoder\.head\.", "encoder.out.3."),
    (r"^unet\.time\.", "time_embed.time_embed."),
    (r"^unet\.norm\.", "out.0."),
    (r"^unet\.conv\.", "out.2."),
    (r"^unet\.", ""),
    (r"\bdown\b", "input_blocks"),
    (r"\bmiddle\b", "middle_block"),
    (r"\bup\b", "output_blocks"),
    (r"\.norm_1\.", ".in_layers.0."),
    (r"\.conv_1\.", ".in_layers.2."),
    (r"\.norm_2\.", ".out_layers.0."),
    (r"\.conv_2\.", ".out_layers.3."),
    (r"\.semantic\.", ".cond_emb_layers.1."),
    (r"\.time\.", ".emb_layers.1."),
    (r"\.skip\.", ".skip_connection."),
    (r"\.project\.", ".proj_out."),
]
LINEAR = re.compile(r"(\.qkv|\.proj_out|encoder\.out\.3)\.weight$")  # 1x1 convolutions there, linear layers here


def their_name(name: str) -> str:
    """Translate the name of one of our tensors into the authors'."""
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return PREFIX + name


def load_authors(path: Path | str, *, image_size: int | None = None) -> DiffusionAutoencoder:
    """Read a checkpoint of the authors (Lightning `.ckpt`, or safetensors with the same names): its EMA weights.

    Widths, depths, attention places and d are read from the tensors. The image size [px], unless given, is that of the
    fixed noise `x_T` in a Lightning file, else follows from attention being at 16 x 16. Nothing in the file is
    executed. Raises `DataError`, listing missing, unexpected and misshapen tensors by the names they have in the file.
    """
    with read_tensors(Path(path)) as state:
        return _autoencoder(state, Path(path), image_size)


def _autoencoder(state: dict[str, Tensor], path: Path, image_size: int | None) -> DiffusionAutoencoder:
    if not any(name.startswith(f"{PREFIX}input_blocks.") for name in state):
        raise DataError(
            f"{path}: not a checkpoint of the authors' autoencoder: expected tensors `{PREFIX}input_blocks...`, found "
            f"{', '.join(list(state)[:4]) or 'none'}"
        )
    if image_size is None and "x_T" in state and state["x_T"].ndim == 4:
        image_size = state["x_T"].shape[-1]
    tensors = {name: _as_linear(name, tensor) for name, tensor in state.items() if not BESIDE.match(name)}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    params, size = geometry(shapes, source=path, image_size=image_size)
    diffusion = DiffusionParams(timesteps=1000, beta_start=1e-4, beta_end=0.02, prediction="epsilon")
    model = DiffusionAutoencoder(params, diffusion, size)
    load_tensors(model, tensors, source=path, name_in_file=their_name)
    return model.eval()


def _as_linear(name: str, tensor: Tensor) -> Tensor:
    return tensor.flatten(1) if LINEAR.search(name) and tensor.ndim > 2 else tensor
