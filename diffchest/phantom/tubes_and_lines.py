"""Tubes, catheters and drains. Widths are generous, so that a line survives reduction to 48 pixels."""

import numpy as np
from numpy.random import Generator

from diffchest.phantom.anatomy import CARINA, Anatomy
from diffchest.phantom.canvas import LEFT, RIGHT, Canvas, sign, smooth


def endotracheal_tube(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A tube in the trachea that ends a few centimetres above the carina."""
    tip = CARINA - rng.uniform(0.06, 0.16)
    course = [(anatomy.trachea - 0.005, -1.1), (anatomy.trachea * 1.2, -0.7), (-0.012, tip)]
    canvas.stroke(canvas.dense, smooth(course), 0.042, 0.40)


def tracheostomy_tube(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A short curved tube that enters at the neck under a wide flange."""
    x, y = anatomy.trachea, -0.86 + rng.normal(0, 0.015)
    canvas.stroke(canvas.dense, smooth([(x + 0.01, y), (x + 0.015, y + 0.09), (x - 0.01, y + 0.25)]), 0.065, 0.50)
    canvas.stroke(canvas.dense, [(x - 0.12, y), (x + 0.12, y)], 0.045, 0.42)


def nsg_tube(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A nasogastric tube down the oesophagus, across the midline into the stomach."""
    x = 0.035 + rng.normal(0, 0.008)
    stomach = anatomy.dome[LEFT] + 0.16
    tip = (0.38, stomach + 0.06) if rng.random() < 0.5 else (0.16, stomach + 0.14)
    course = [(x, -1.1), (x, -0.5), (x + 0.01, 0.1), (x + 0.06, stomach - 0.14), (0.26, stomach), tip]
    canvas.stroke(canvas.dense, smooth(course), 0.034, 0.34)


def jugular_catheter(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A catheter from the neck straight down to the superior vena cava."""
    side = RIGHT if rng.random() < 0.75 else LEFT
    s, end = sign(side), _superior_vena_cava(anatomy, rng)
    course = [(s * 0.25, -1.1), (s * 0.21, -0.80), (s * 0.14, -0.58)]
    canvas.stroke(canvas.dense, smooth([*course, *_to_cava(side, end)]), 0.032, 0.36)


def subclavian_catheter(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A catheter from below the clavicle, along it, then down to the superior vena cava."""
    side = int(rng.integers(2))
    s, end = sign(side), _superior_vena_cava(anatomy, rng)
    course = [(s * 0.70, -0.52), (s * 0.45, -0.64), (s * 0.24, -0.62), (s * 0.14, -0.54)]
    canvas.stroke(canvas.dense, smooth([*course, *_to_cava(side, end)]), 0.032, 0.36)


def reservoir_catheter(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A port under the skin of the upper chest with its catheter to the superior vena cava."""
    side = RIGHT if rng.random() < 0.7 else LEFT
    s, end = sign(side), _superior_vena_cava(anatomy, rng)
    x, y = s * rng.uniform(0.46, 0.54), rng.uniform(-0.36, -0.28)
    port = canvas.ellipse((x, y), (0.075, 0.065), softness=0.02)
    canvas.dense += np.float32(0.42) * port
    course = [(x, y), (s * 0.44, -0.56), (s * 0.28, -0.70), (s * 0.15, -0.56)]
    canvas.stroke(canvas.dense, smooth([*course, *_to_cava(side, end)]), 0.030, 0.34)


def chest_drain_tube(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A thick drain through the side wall that runs up to the apex or along the diaphragm."""
    side = int(rng.integers(2))
    s = sign(side)
    entry = (s * 1.0, rng.uniform(0.28, 0.40))
    if rng.random() < 0.7:
        course = [entry, (s * 0.74, 0.18), (s * 0.56, -0.10), (s * 0.44, rng.uniform(-0.60, -0.45))]
    else:
        course = [entry, (s * 0.70, 0.22), (s * 0.45, 0.24), (s * 0.25, rng.uniform(0.16, 0.24))]
    canvas.stroke(canvas.dense, smooth(course), 0.05, 0.42)


def _superior_vena_cava(anatomy: Anatomy, rng: Generator) -> tuple[float, float]:
    """Where a central catheter's tip lies."""
    return -anatomy.mediastinum * 0.75, rng.uniform(-0.20, 0.0)


def _to_cava(side: int, end: tuple[float, float]) -> list[tuple[float, float]]:
    """The last part of a central catheter; from the left it crosses the midline."""
    crossing = [(0.02, -0.48)] if side == LEFT else []
    return [*crossing, (end[0], -0.40), end]
