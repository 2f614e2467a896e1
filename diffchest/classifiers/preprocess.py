"""Pictures to what a classifier is fed: scaled, cut, turned round, in its own range."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from diffchest.errors import DataError
from diffchest.params.classifiers import Fit, Layout, Polarity, Resize

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True)
class Picture:
    """How a picture is scaled: to `size` (height, width), or not at all; the middle `crop` is then cut out."""

    polarity: Polarity
    size: tuple[int, int] | None = None
    resize: Resize = "bilinear"
    fit: Fit = "squeeze"
    crop: tuple[int, int] | None = None

    @property
    def final(self) -> tuple[int, int] | None:
        """Height and width of what comes out, where they are fixed."""
        return self.crop or self.size


@dataclass(frozen=True)
class Pixels:
    """What a network's pixels are: black and white as `low` and `high`, `mean` taken off, divided by `sd`."""

    range: tuple[float, float]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    channels: int
    layout: Layout


def check_pictures(pictures: np.ndarray) -> None:
    """Raise `DataError` unless these are pictures uint8 [N, H, W]."""
    if pictures.dtype != np.uint8 or pictures.ndim != 3:
        raise DataError(
            f"pictures must be uint8 [N, H, W], found {pictures.dtype} {list(pictures.shape)}; give gray levels 0..255"
        )


def scaled(pictures: np.ndarray, how: Picture) -> np.ndarray:
    """Float32 [N, h, w] in 0..255 of pictures uint8 [N, H, W].

    By Pillow in float: all filters but `nearest` smooth before they make smaller, and what overshoots black or white
    is cut. Pictures that have the size already are not touched. `fit` (for a size of another shape): squeeze scales
    both sides, pad scales to the shorter and fills with black, crop scales to the longer and cuts the rest off.
    """
    found = pictures.shape[1:]
    target = how.size or found
    if target == found:
        out = pictures.astype(np.float32)
    else:
        out = np.stack([_fitted(picture, target, how) for picture in pictures]) if len(pictures) else None
        out = np.empty((0, *target), np.float32) if out is None else out
    if how.polarity == "dark_bone":
        out = 255.0 - out
    return _middle(out, how.crop) if how.crop else out


def as_uint8(pictures: np.ndarray, how: Picture) -> np.ndarray:
    """Uint8 [N, h, w], for those that scale and normalise themselves."""
    return np.rint(scaled(pictures, how)).astype(np.uint8)


def network_input(pictures: np.ndarray, how: Picture, pixels: Pixels) -> np.ndarray:
    """Float32 [N, C, h, w] or [N, h, w, C]; a gray picture is repeated to all channels, normalised each."""
    low, high = pixels.range
    gray = scaled(pictures, how) * np.float32((high - low) / 255.0) + np.float32(low)
    values = (np.array(value, np.float32) for value in (pixels.mean, pixels.sd))
    mean, sd = (np.broadcast_to(value, pixels.channels)[:, None, None] for value in values)
    x = (gray[:, None] - mean) / sd
    return np.ascontiguousarray(x if pixels.layout == "NCHW" else np.moveaxis(x, 1, 3), dtype=np.float32)


def _fitted(picture: np.ndarray, target: tuple[int, ...], how: Picture) -> np.ndarray:
    """One picture [H, W] at the target's height and width."""
    height, width = picture.shape
    if how.fit == "squeeze":
        return _resized(picture, target, how.resize)
    choose = min if how.fit == "pad" else max
    scale = choose(target[0] / height, target[1] / width)
    resized = _resized(picture, (max(1, round(height * scale)), max(1, round(width * scale))), how.resize)
    if how.fit == "crop":
        return _middle(resized[None], target)[0]
    out = np.zeros(target, np.float32)
    top, left = ((out.shape[side] - resized.shape[side]) // 2 for side in (0, 1))
    out[top : top + resized.shape[0], left : left + resized.shape[1]] = resized
    return out


def _resized(picture: np.ndarray, target: tuple[int, ...], resize: Resize) -> np.ndarray:
    image: Any = Image.fromarray(picture.astype(np.float32))
    return np.clip(np.asarray(image.resize((target[1], target[0]), FILTERS[resize])), 0.0, 255.0)


def _middle(pictures: np.ndarray, crop: tuple[int, ...]) -> np.ndarray:
    height, width = pictures.shape[1:]
    if crop[0] > height or crop[1] > width:
        raise DataError(f"crop {list(crop)} is larger than the picture [{height}, {width}]; lower crop or raise size")
    top, left = (height - crop[0]) // 2, (width - crop[1]) // 2
    return pictures[:, top : top + crop[0], left : left + crop[1]]
