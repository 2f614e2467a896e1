"""Findings of the bones and of the breast as they show on a frontal chest radiograph."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from diffchest.phantom.anatomy import Anatomy
from diffchest.phantom.canvas import Canvas, sign, smooth


def scoliosis(anatomy: Anatomy, rng: Generator) -> None:
    """A spine that curves to one side."""
    anatomy.spine_bend = rng.choice([-1, 1], p=[0.6, 0.4]) * rng.uniform(0.075, 0.13)


def osteosynthesis_material(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A plate with screws on a clavicle or rods along the thoracic spine."""
    if rng.random() < 0.5:
        s = sign(int(rng.integers(2)))
        plate = smooth([(s * 0.32, -0.62), (s * 0.5, anatomy.clavicle + 0.03), (s * 0.74, anatomy.clavicle)])
        canvas.stroke(canvas.dense, plate, 0.05, 0.75)
        screws = plate[4::4]
        canvas.stroke(canvas.dense, _bars(screws, (0, 0.045)), 0.02, 0.4)
        return
    top, bottom = rng.uniform(-0.45, -0.2), rng.uniform(0.35, 0.6)
    heights = np.linspace(top, bottom, 6)
    for x in (-0.055, 0.055):
        canvas.stroke(canvas.dense, [(x, top), (x, bottom)], 0.03, 0.7)
        screws = np.stack([np.full(6, x), heights], axis=-1)
        canvas.stroke(canvas.dense, _bars(screws, (0.035, 0)), 0.03, 0.35)


def gynecomastia(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """Discs of glandular tissue behind both nipples of a man."""
    size, height = rng.uniform(0.13, 0.17), 0.20 + rng.normal(0, 0.02)
    for s in (-1, 1):
        disc = canvas.ellipse((s * 0.47, height), (size, size * 0.85), softness=0.06)
        canvas.body += np.float32(0.16) * disc


def mastectomy(anatomy: Anatomy, rng: Generator) -> None:
    """One breast missing; the remaining one stands out."""
    side = int(rng.integers(2))
    anatomy.breasts[side] = 0.0
    anatomy.breasts[1 - side] = max(anatomy.breasts[1 - side], 0.13) * 1.7


def mammary_prosthesis(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """Round implants over the lower lungs with a dense capsule."""
    size, height = rng.uniform(0.20, 0.24), anatomy.breast_height + 0.12
    for s in (-1, 1):
        centre = (s * 0.46, height)
        implant = canvas.ellipse(centre, (size, size * 0.95), softness=0.03)
        core = canvas.ellipse(centre, (size * 0.86, size * 0.81), softness=0.08)
        canvas.dense += np.float32(0.24) * implant - np.float32(0.06) * core


def _bars(centres: NDArray[np.float64], half: tuple[float, float]) -> NDArray[np.float64]:
    """Short straight lines [n, 2, 2] through `centres` [n, 2]."""
    return np.stack([np.subtract(centres, half), np.add(centres, half)], axis=1)
