"""Pacemakers, defibrillators, heart valves and sternal wires."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from diffchest.phantom.anatomy import Anatomy
from diffchest.phantom.canvas import LEFT, RIGHT, Canvas, sign, smooth

MITRAL, AORTIC = (0.17, 0.22), (0.07, 0.10)


def pacemaker(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A pacemaker whose type the report does not name: one or two leads."""
    side = _generator(canvas, rng, 0.085)
    _ventricular_lead(canvas, anatomy, side)
    if rng.random() < 0.5:
        _atrial_lead(canvas, side)


def dual_chamber_device(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A generator with leads in the right atrium and the right ventricle."""
    side = _generator(canvas, rng, 0.085)
    _ventricular_lead(canvas, anatomy, side)
    _atrial_lead(canvas, side)


def single_chamber_device(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A generator with one lead in the right ventricle."""
    _ventricular_lead(canvas, anatomy, _generator(canvas, rng, 0.085))


def defibrillator(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """An implantable defibrillator (`dai`): a large generator and a lead with thick shock coils."""
    side = _generator(canvas, rng, 0.115)
    lead = _ventricular_lead(canvas, anatomy, side)
    canvas.stroke(canvas.dense, lead[-14:], 0.055, 0.45)
    canvas.stroke(canvas.dense, [(-0.11, -0.36), (-0.12, -0.12)], 0.05, 0.35)


def sternotomy(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """Six wire cerclages down the sternum."""
    angle = np.linspace(0, 2 * np.pi, 11)
    loop = np.stack([0.036 * np.cos(angle), 0.020 * np.sin(angle)], axis=-1)
    heights = np.linspace(-0.50, 0.32, 6) + rng.normal(0, 0.012, 6)
    centres = np.stack([rng.normal(0.0, 0.01, 6), heights], axis=-1)
    canvas.stroke(canvas.dense, loop + centres[:, None], 0.024, 0.42)


def heart_valve(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A prosthetic valve whose position the report does not name."""
    _ring(canvas, MITRAL if rng.random() < 0.5 else AORTIC, rng)


def mitral_valve(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A prosthetic mitral valve: a ring left of and below the aortic valve."""
    _ring(canvas, MITRAL, rng)


def aortic_valve(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A prosthetic aortic valve: a ring near the midline."""
    _ring(canvas, AORTIC, rng)


def _ring(canvas: Canvas, centre: tuple[float, float], rng: Generator) -> None:
    """A tilted metal ring."""
    angle, tilt = np.linspace(0, 2 * np.pi, 17), rng.normal(0.6, 0.2)
    u, v = 0.075 * np.cos(angle), 0.05 * np.sin(angle)
    ring = np.stack([u * np.cos(tilt) - v * np.sin(tilt), u * np.sin(tilt) + v * np.cos(tilt)], axis=-1)
    canvas.stroke(canvas.dense, ring + centre + rng.normal(0, 0.012, 2), 0.032, 0.55)


def _generator(canvas: Canvas, rng: Generator, size: float) -> int:
    """The metal box under the skin, four times in five on the left; returns its side."""
    side = LEFT if rng.random() < 0.8 else RIGHT
    centre = (sign(side) * 0.56, -0.42 + rng.normal(0, 0.02))
    canvas.dense += np.float32(0.65) * canvas.ellipse(centre, (size, size * 0.85), softness=0.02)
    return side


def _ventricular_lead(canvas: Canvas, anatomy: Anatomy, side: int) -> NDArray[np.float64]:
    """The lead to the apex of the right ventricle; returns its path [m, 2]."""
    tip = (0.55 * anatomy.heart[LEFT], anatomy.heart_bottom - 0.10)
    path = smooth([*_through_the_vein(side), (-0.13, 0.02), (-0.09, 0.22), (0.04, anatomy.heart_bottom - 0.08), tip])
    canvas.stroke(canvas.dense, path, 0.030, 0.42)
    return path


def _atrial_lead(canvas: Canvas, side: int) -> None:
    """The lead that ends in a hook in the right atrial appendage."""
    path = smooth([*_through_the_vein(side), (-0.15, 0.0), (-0.14, 0.14), (-0.07, 0.16), (-0.05, 0.03)])
    canvas.stroke(canvas.dense, path, 0.030, 0.42)


def _through_the_vein(side: int) -> list[tuple[float, float]]:
    """From the generator along the subclavian vein into the superior vena cava."""
    s = sign(side)
    course = [(s * 0.54, -0.44), (s * 0.42, -0.60), (s * 0.20, -0.58)]
    return [*course, (0.02, -0.50), (-0.11, -0.36)] if side == LEFT else [*course, (-0.12, -0.36)]
