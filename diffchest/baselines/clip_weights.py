"""Checkpoints under OpenAI CLIP's tensor names (Radford et al. 2021), as the `CLIPModel` of transformers."""

import math
import re
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPConfig, CLIPModel

from diffchest.baselines.clip_tokens import VOCABULARY
from diffchest.errors import DataError
from diffchest.files.tensors import check_tensors, holds, read_plain, renamed, tensors_by_name

Shapes = dict[str, tuple[int, ...]]

HEAD_WIDTH = 64  # of every attention head of OpenAI's models
BESIDE = ("input_resolution", "context_length", "vocab_size")  # numbers among the tensors, given by their shapes too
RENAMED = [  # (transformers' name, OpenAI's), in this order
    (r"^text_model\.embeddings\.token_embedding\.", "token_embedding."),
    (r"^text_model\.embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^text_model\.final_layer_norm\.", "ln_final."),
    (r"^text_model\.encoder\.", "transformer."),
    (r"^text_projection\.weight$", "text_projection"),
    (r"^vision_model\.embeddings\.class_embedding$", "visual.class_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
    (r"^vision_model\.pre_layrnorm\.", "visual.ln_pre."),
    (r"^vision_model\.post_layernorm\.", "visual.ln_post."),
    (r"^vision_model\.encoder\.", "visual.transformer."),
    (r"^visual_projection\.weight$", "visual.proj"),
    (r"\.layers\.", ".resblocks."),
    (r"\.self_attn\.[qkv]_proj\.", ".attn.in_proj_"),
    (r"\.self_attn\.", ".attn."),
    (r"\.layer_norm(\d)\.", r".ln_\1."),
    (r"\.fc1\.", ".c_fc."),
    (r"\.fc2\.", ".c_proj."),
]


def load_clip(path: Path) -> CLIPModel:
    """Read a state dict saved by `torch.save`, or safetensors, with a vision transformer: float32, ready to encode.

    Widths, depths, patch size, image size and context length are read from the tensors. Raises `DataError` for a file
    that `read_plain` does not load, one that holds no such CLIP, and one whose tensors do not fit, which are listed.
    """
    loaded = read_plain(path, expected="a checkpoint of CheXzero, such as `best_64_5e-05_original_22000_0.864.pt`")
    # beside an optimiser or an epoch
    state = loaded.get("state_dict", loaded.get("model_state_dict", loaded)) if isinstance(loaded, dict) else loaded
    named = tensors_by_name(state)
    if named is None:
        raise DataError(f"{path}: expected the state dict of a CLIP, tensors by name, found {holds(loaded)}")
    with renamed(state, named):
        return _clip(named, path)


def _clip(named: dict[str, Tensor], path: Path) -> CLIPModel:
    tensors = {name: tensor for name, tensor in named.items() if name not in BESIDE}
    model = CLIPModel(_config({name: tuple(tensor.shape) for name, tensor in tensors.items()}, path))
    own = model.state_dict()
    check_tensors(
        {openai_name(name): _openai_shape(name, tensor) for name, tensor in own.items()}, tensors, source=path
    )
    model.load_state_dict({name: _ours(name, tensors[openai_name(name)]) for name in own})
    return model.eval()


def openai_name(name: str) -> str:
    """Translate the name of one of transformers' tensors; those to query, key and value are thirds of OpenAI's."""
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def openai_tensors(model: CLIPModel) -> dict[str, Tensor]:
    """The tensors of `model` as OpenAI's code names and shapes them: the inverse of `load_clip`."""
    parts: dict[str, list[Tensor]] = {}
    for name, tensor in sorted(model.state_dict().items(), key=lambda item: _third(item[0]) or 0):
        parts.setdefault(openai_name(name), []).append(tensor.T if _is_projection(name) else tensor)
    return {name: torch.cat(tensors) if len(tensors) > 1 else tensors[0] for name, tensors in parts.items()}


def _config(shapes: Shapes, source: Path) -> CLIPConfig:
    """The geometry, from the tensors that tell it."""
    _check_sizes(shapes, source)
    embed = shapes["visual.proj"][1]
    patch = shapes["visual.conv1.weight"][-1]
    text = {
        "vocab_size": VOCABULARY,
        "max_position_embeddings": shapes["positional_embedding"][0],
        "bos_token_id": VOCABULARY - 2,
        "eos_token_id": VOCABULARY - 1,
    }
    vision = {"image_size": math.isqrt(shapes["visual.positional_embedding"][0] - 1) * patch, "patch_size": patch}
    return CLIPConfig(
        text_config=text | _transformer(shapes, "transformer", shapes["positional_embedding"][1], embed),
        vision_config=vision | _transformer(shapes, "visual.transformer", shapes["visual.conv1.weight"][0], embed),
        projection_dim=embed,
    )


def _check_sizes(shapes: Shapes, source: Path) -> None:
    """Raise `DataError` unless the tensors that tell the geometry are there and tell one of a CLIP."""
    axes = {"visual.conv1.weight": 4, "visual.positional_embedding": 2, "visual.proj": 2}
    axes |= {"token_embedding.weight": 2, "positional_embedding": 2, "text_projection": 2}
    lacking = [name for name, number in axes.items() if len(shapes.get(name, ())) != number or 0 in shapes[name]]
    if lacking:
        raise DataError(
            f"{source}: not a CLIP with a vision transformer under OpenAI's names: `{lacking[0]}` is "
            f"{shapes.get(lacking[0], 'missing')} (found {', '.join(list(shapes)[:4]) or 'no tensors'}); give a "
            "checkpoint of CheXzero"
        )
    widths = {"visual.conv1.weight": 0, "positional_embedding": 1}
    odd = [name for name, axis in widths.items() if shapes[name][axis] % HEAD_WIDTH]
    if odd:
        raise DataError(f"{source}: {odd[0]} is {shapes[odd[0]]}, expected a width that is a multiple of {HEAD_WIDTH}")
    places, words = shapes["visual.positional_embedding"][0], shapes["token_embedding.weight"][0]
    if places < 2 or math.isqrt(places - 1) ** 2 != places - 1:
        raise DataError(
            f"{source}: visual.positional_embedding has {places} places, expected 1 more than a square of patches"
        )
    if words != VOCABULARY:
        raise DataError(
            f"{source}: token_embedding.weight has {words} rows, expected the {VOCABULARY} words of CLIP's vocabulary; "
            "give a checkpoint with OpenAI's text encoder"
        )


def _transformer(shapes: Shapes, prefix: str, width: int, embed: int) -> dict[str, object]:
    block = re.compile(re.escape(prefix) + r"\.resblocks\.(\d+)\.")
    layers = {int(match[1]) for name in shapes if (match := block.match(name))}
    hidden = shapes.get(f"{prefix}.resblocks.0.mlp.c_fc.weight", ())
    return {
        "hidden_size": width,
        "intermediate_size": hidden[0] if hidden and hidden[0] else 4 * width,
        "num_hidden_layers": max(layers, default=0) + 1,
        "num_attention_heads": width // HEAD_WIDTH,
        "projection_dim": embed,
        "hidden_act": "quick_gelu",
    }


def _third(name: str) -> int | None:
    """Which third of OpenAI's `in_proj` a tensor is: 0 query, 1 key, 2 value."""
    match = re.search(r"\.self_attn\.([qkv])_proj\.", name)
    return "qkv".index(match[1]) if match else None


def _is_projection(name: str) -> bool:
    """Whether OpenAI multiplies by the matrix from the right."""
    return name in ("text_projection.weight", "visual_projection.weight")


def _openai_shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    shape = tuple(tensor.shape)
    if _is_projection(name):
        return shape[::-1]
    return (3 * shape[0], *shape[1:]) if _third(name) is not None else shape


def _ours(name: str, theirs: Tensor) -> Tensor:
    third = _third(name)
    part = theirs.chunk(3)[third] if third is not None else theirs
    return (part.T if _is_projection(name) else part).float()
