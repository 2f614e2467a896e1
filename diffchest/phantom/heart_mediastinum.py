"""Findings of the heart, the great vessels, the hila and the mediastinum."""

import numpy as np
from numpy.random import Generator

from diffchest.phantom.anatomy import Anatomy
from diffchest.phantom.canvas import Canvas


def cardiomegaly(anatomy: Anatomy, rng: Generator) -> None:
    """A heart wider than half the chest."""
    degree = rng.uniform(0.8, 1.3)
    anatomy.heart = [anatomy.heart[0] * (1 + 0.22 * degree), anatomy.heart[1] * (1 + 0.28 * degree)]
    anatomy.heart_top -= 0.03 * degree
    anatomy.heart_bottom += 0.02 * degree


def aortic_elongation(anatomy: Anatomy, rng: Generator) -> None:
    """An unfolded aorta: large knob, convex ascending and descending aorta."""
    degree = rng.uniform(0.8, 1.3)
    anatomy.unfolding += 0.055 * degree
    anatomy.knob += 0.022 * degree


def aortic_atheromatosis(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A crescent of calcium along the aortic knob."""
    angle = np.linspace(-1.7, 0.9, 14)
    radius = anatomy.knob * 0.92
    centre = (0.115 + anatomy.unfolding * 0.6, -0.33)
    arc = np.stack([centre[0] + radius * np.cos(angle), centre[1] + 1.15 * radius * np.sin(angle)], axis=-1)
    canvas.stroke(canvas.dense, arc, 0.026, rng.uniform(0.22, 0.32))


def vascular_hilar_enlargement(anatomy: Anatomy, rng: Generator) -> None:
    """Large hila with strong central vessels."""
    degree = rng.uniform(0.8, 1.2)
    anatomy.hila *= 1 + 0.55 * degree
    anatomy.vessels *= 1 + 0.25 * degree


def superior_mediastinal_enlargement(anatomy: Anatomy, rng: Generator) -> None:
    """A wide mediastinum above the aortic arch."""
    anatomy.mediastinum += rng.uniform(0.07, 0.11)


def goiter(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A thyroid that reaches into the chest; `displace_trachea` moves the windpipe to the other side."""
    size = rng.uniform(0.13, 0.17)
    side = 1 if rng.random() < 0.5 else -1
    mass = canvas.ellipse((side * 0.11, -0.72), (size, 0.20), softness=0.04)
    canvas.air *= 1 - mass
    canvas.body += np.float32(0.12) * mass


def displace_trachea(anatomy: Anatomy, rng: Generator) -> None:
    """Push the trachea away from a goiter; draws the side as `goiter` does."""
    rng.uniform(0.13, 0.17)
    anatomy.trachea -= 0.085 if rng.random() < 0.5 else -0.085


def hiatal_hernia(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A part of the stomach behind the heart: a round shadow with air above a fluid level."""
    x, y, size = rng.uniform(0.08, 0.16), anatomy.dome[1] - rng.uniform(0.0, 0.05), rng.uniform(0.14, 0.18)
    sac = canvas.ellipse((x, y), (size * 1.15, size), softness=0.03)
    air = canvas.ellipse((x, y), (size * 0.92, size * 0.8), softness=0.04) * canvas.ramp(np.float32(y) - canvas.y, 0.02)
    canvas.air *= 1 - sac
    canvas.body += np.float32(0.08) * sac - np.float32(0.36) * air
