"""From labels to a radiograph: anatomy, findings, exposure."""

import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np

from diffchest.phantom.anatomy import FrozenAnatomy, draw_anatomy, frozen, position, sample_anatomy, thawed
from diffchest.phantom.canvas import Canvas, Image, Positioning
from diffchest.phantom.registry import PAINTS, SHAPES, SITE, shown

AIR_CONTRAST = np.float32(0.37)


def stream(seed: int, *names: str) -> np.random.Generator:
    """A random generator that depends on `seed` and `names` alone, on every machine and in every process."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def draw(
    findings: Iterable[str],
    *,
    patient: str,
    image: str,
    view: str = "PA",
    sex: str = "",
    age: float = float("nan"),
    size: int = 64,
    seed: int = 0,
    placements: Mapping[str, int] | None = None,
) -> Image:
    """Draw one frontal radiograph [size, size], float32 in [0, 1], bones white.

    Anatomy, severity and the place of devices follow from `patient`; positioning, exposure and noise from `image`.
    `view` is PadChest's (`PA`, `AP`, `AP_horizontal`); `sex` other than M or F is drawn male; an unknown age counts
    as 60. Labels outside `vocabulary.DRAWN` change nothing. `placements`: by finding, which draw of its side, place and
    size is taken; 0, as where a finding is not named, is that of the stored radiographs.
    """
    age = 60.0 if np.isnan(age) else float(age)
    names, elsewhere = shown(set(findings)), placements or {}

    def chance(name: str) -> np.random.Generator:
        other = elsewhere.get(name, 0)
        return stream(seed, patient, SITE.get(name, name), *([f"placement {other}"] if other else []))

    take = stream(seed, patient, image)
    anatomy = sample_anatomy(stream(seed, patient), sex=sex, age=age)
    position(anatomy, take, view=view)
    for name in names:
        if name in SHAPES:
            SHAPES[name](anatomy, chance(name))
    canvas = _chest(size, _positioning(take, view), frozen(anatomy)).copy()
    for name in names:
        if name in PAINTS:
            PAINTS[name](canvas, anatomy, chance(name))
    return _expose(canvas, take)


@lru_cache(maxsize=2)
def _chest(size: int, positioning: Positioning, anatomy: FrozenAnatomy) -> Canvas:
    """The chest without any paint: of twins of one exposure it is the same, and most of the work."""
    canvas = Canvas(size, positioning)
    draw_anatomy(canvas, thawed(anatomy))
    return canvas


def _positioning(rng: np.random.Generator, view: str) -> Positioning:
    spread = 1.6 if view.startswith("AP") else 1.0  # bedside radiographs are less well centred
    return Positioning(
        shift=(rng.normal(0, 0.018 * spread), rng.normal(-0.04, 0.02 * spread)),
        zoom=float(np.clip(rng.normal(1.06, 0.025), 0.95, 1.15)),
        rotation=rng.normal(0, 0.012 * spread),
    )


def _expose(canvas: Canvas, rng: np.random.Generator) -> Image:
    """Attenuation to gray value: exposure, quantum noise (more of it behind dense tissue) and the S-shaped curve."""
    air = np.clip(canvas.air, 0, 1.6)
    attenuation = canvas.body + canvas.dense + air * (canvas.markings - AIR_CONTRAST)
    np.clip(attenuation, 0, 1.6, out=attenuation)
    gain, offset = rng.normal(1.0, 0.04), rng.normal(0.0, 0.02)
    noise = rng.standard_normal(attenuation.shape, dtype=np.float32)
    attenuation += np.float32(0.010) * noise * (0.6 + attenuation)
    curve = 1 / (1 + np.exp(np.float32(-4.0) * (np.float32(gain) * attenuation + np.float32(offset - 0.53))))
    return np.clip((curve - np.float32(0.09)) * np.float32(1 / 0.87), 0, 1).astype(np.float32)
