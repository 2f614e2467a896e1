"""A radiograph as layers of attenuation, drawn in body coordinates with soft edges instead of supersampling.

Body coordinates: x from -1 (image left, the patient's right) to 1, y from -1 (neck) to 1 (abdomen).
"""

from copy import copy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Image = NDArray[np.float32]

RIGHT, LEFT = 0, 1  # the patient's sides, as indices; `sign` gives their direction on the image


def sign(side: int) -> int:
    """-1 for the patient's right side, which lies on the image's left, and 1 for the left."""
    return 1 if side == LEFT else -1


@dataclass(frozen=True)
class Positioning:
    """How the body lies on the detector: pixels -> body is a similarity transform."""

    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    rotation: float = 0.0


@dataclass
class Canvas:
    """Layers of one radiograph, each [size, size] float32.

    `body`: attenuation of soft tissue; `air`: aerated fraction of the lung (1: normal); `markings`: attenuation seen
    only in aerated lung (vessels, interstitium); `dense`: bones, calcifications and devices.
    """

    size: int
    positioning: Positioning = field(default_factory=Positioning)

    def __post_init__(self) -> None:
        axis = (np.arange(self.size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / self.size) - np.float32(1)
        cos, sin = np.cos(self.positioning.rotation), np.sin(self.positioning.rotation)
        self._matrix = np.array([[cos, sin], [-sin, cos]]) / self.positioning.zoom
        self._inverse = np.linalg.inv(self._matrix)
        a = self._matrix.astype(np.float32)
        dx, dy = (np.float32(value) for value in self.positioning.shift)
        column, row = axis[None, :], axis[:, None]
        self.x: Image = a[0, 0] * column + a[0, 1] * row - dx
        self.y: Image = a[1, 0] * column + a[1, 1] * row - dy
        self.pixel = 2 / (self.size * self.positioning.zoom)
        self.body, self.air, self.markings, self.dense = np.zeros((4, self.size, self.size), np.float32)

    def copy(self) -> "Canvas":
        """Another one with the same layers, to draw on."""
        other = copy(self)  # where pixels lie is shared
        for layer in ("body", "air", "markings", "dense"):
            setattr(other, layer, getattr(self, layer).copy())
        return other

    def ramp(self, distance: NDArray[np.floating], softness: float = 0.0) -> Image:
        """Map a signed distance in body units to coverage: 0 outside, 1 inside, an edge at least one pixel wide."""
        coverage = (distance * np.float32(1 / max(softness, self.pixel))).astype(np.float32, copy=False)
        coverage += np.float32(0.5)
        np.maximum(coverage, 0, out=coverage)
        return np.minimum(coverage, 1, out=coverage)

    def ellipse(
        self, centre: tuple[float, float], axes: tuple[float, float], *, softness: float = 0.0, tilt: float = 0.0
    ) -> Image:
        """Coverage [size, size] of an ellipse; `tilt` in radians turns its first axis towards positive y."""
        u, v = self.x - np.float32(centre[0]), self.y - np.float32(centre[1])
        if tilt:
            cos, sin = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
            u, v = cos * u + sin * v, cos * v - sin * u
        u *= np.float32(1 / axes[0])
        v *= np.float32(1 / axes[1])
        u *= u
        v *= v
        u += v
        return self.ramp((1 - np.sqrt(u, out=u)) * np.float32(min(axes)), softness)

    def stroke(self, layer: Image, path: ArrayLike, width: float, strength: float | NDArray[np.floating]) -> None:
        """Add a line of Gaussian profile to `layer`.

        `path` is [k, 2] in body coordinates (one line) or [n, k, 2] (n lines); `width` is the full width at half
        maximum, at least one pixel; `strength` is the attenuation at the centre, per line or per point.
        """
        lines = np.asarray(path, np.float64)
        lines = lines[None] if lines.ndim == 2 else lines
        strengths = np.broadcast_to(np.asarray(strength, np.float64), lines.shape[:2])
        pixels = (lines + self.positioning.shift) @ self._inverse.T
        pixels = (pixels + 1) * (self.size / 2) - 0.5
        points, weights = _resample(pixels, strengths)
        sigma = max(width / self.pixel, 1.0) / 2.355
        _deposit(layer, points, weights / (sigma * np.sqrt(2 * np.pi)), sigma)


def smooth(points: ArrayLike, rounds: int = 3) -> NDArray[np.float64]:
    """Chaikin's corner cutting: a smooth path [m, 2] from few control points [k, 2], ends kept."""
    path = np.asarray(points, np.float64)
    for _ in range(rounds):
        cut = np.stack([0.75 * path[:-1] + 0.25 * path[1:], 0.25 * path[:-1] + 0.75 * path[1:]], axis=1)
        path = np.concatenate([path[:1], cut.reshape(-1, 2), path[-1:]])
    return path


def _resample(lines: NDArray, strengths: NDArray) -> tuple[NDArray, NDArray]:
    """Points at about half a pixel along each line [n, k, 2], with strength times the length each stands for."""
    start, step = lines[:, :-1], np.diff(lines, axis=1)
    length = np.hypot(step[..., 0], step[..., 1])
    count = np.maximum(np.ceil(length * 2).astype(int), 1).ravel()
    segment = np.repeat(np.arange(count.size), count)
    first = np.cumsum(count) - count
    along = (np.arange(segment.size) - first[segment] + 0.5) / count[segment]
    points = start.reshape(-1, 2)[segment] + along[:, None] * step.reshape(-1, 2)[segment]
    left, right = strengths[:, :-1].ravel()[segment], strengths[:, 1:].ravel()[segment]
    return points, (left + along * (right - left)) * (length.ravel() / count)[segment]


def _deposit(layer: Image, points: NDArray, weights: NDArray, sigma: float) -> None:
    """Add a Gaussian of standard deviation `sigma` pixels and height `weights` at each point (x, y) of `layer`."""
    size, reach = layer.shape[0], int(np.ceil(2.5 * sigma))
    inside = np.all((points > -reach) & (points < size - 1 + reach), axis=1)
    points, weights = points[inside].astype(np.float32), weights[inside].astype(np.float32)
    corner = np.floor(points).astype(np.int32)
    offset = np.arange(-reach, reach + 2, dtype=np.int32)
    distance = (offset - (points - corner.astype(np.float32))[..., None]) * np.float32(1 / sigma)
    profile = np.exp(np.float32(-0.5) * distance * distance)
    stamp = weights[:, None, None] * profile[:, 1, :, None] * profile[:, 0, None, :]
    width, margin = size + 4 * reach + 4, 2 * reach + 1
    rows = (corner[:, 1, None] + offset + margin) * width
    index = rows[:, :, None] + (corner[:, 0, None] + offset + margin)[:, None, :]
    total = np.bincount(index.ravel(), stamp.ravel(), minlength=width * width)
    layer += total.reshape(width, width)[margin : margin + size, margin : margin + size].astype(np.float32)
