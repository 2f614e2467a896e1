"""Findings of the pleura, the diaphragm and the chest wall."""

import numpy as np
from numpy.random import Generator

from diffchest.phantom.anatomy import Anatomy, lung
from diffchest.phantom.canvas import LEFT, RIGHT, Canvas, Image, sign


def pleural_effusion(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """Fluid with a meniscus that rises towards the chest wall, on one side or both."""
    sides = [RIGHT, LEFT] if rng.random() < 0.35 else [int(rng.integers(2))]
    for side in sides:
        _fluid(canvas, anatomy, side, rng.uniform(0.10, 0.30), 0.22)


def costophrenic_angle_blunting(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A shallow filling of one or both costophrenic angles."""
    sides = [RIGHT, LEFT] if rng.random() < 0.35 else [int(rng.integers(2))]
    for side in sides:
        _fluid(canvas, anatomy, side, rng.uniform(-0.10, -0.06), 0.20)


def _fluid(canvas: Canvas, anatomy: Anatomy, side: int, depth: float, rise: float) -> None:
    """Replace air by fluid up to `depth` above the diaphragm's top, and by `rise` more at the side."""
    lateral = np.clip(sign(side) * canvas.x, 0, None)
    meniscus = np.float32(rise) * np.clip((lateral - 0.40) * np.float32(1 / 0.32), 0, 1.2) ** 2
    fluid = canvas.ramp(canvas.y - np.float32(anatomy.dome[side] - depth) + meniscus, 0.05) * _side(canvas, side)
    canvas.body += np.float32(0.16) * fluid * np.clip(canvas.air, 0, 1)
    canvas.air *= 1 - np.float32(0.96) * fluid


def pneumothorax(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """Air without vessels around a lung that has come off the apex and the side, bounded by a thin white line."""
    side, gap = int(rng.integers(2)), rng.uniform(0.13, 0.20)
    whole = lung(canvas, anatomy, side)
    s, width = sign(side), anatomy.lung_width[side]
    middle = 0.05 + width * 0.46
    angle = np.linspace(-np.pi * 0.80, 0.30 * np.pi, 24)
    radius_x, radius_y = width * 0.54 - gap, 0.10 - anatomy.apex - 1.5 * gap
    edge = np.stack([s * (middle - 0.5 * gap + radius_x * np.cos(angle)), 0.08 + radius_y * np.sin(angle)], axis=-1)
    lateral = s * canvas.x - np.float32(middle - 0.5 * gap)
    radius = np.sqrt((lateral * np.float32(1 / radius_x)) ** 2 + ((canvas.y - 0.08) * np.float32(1 / radius_y)) ** 2)
    outside = canvas.ramp((radius - 1) * np.float32(radius_x), 0.02) * whole
    outside *= np.clip((lateral + 0.15 - canvas.y) * 5, 0, 1)
    canvas.markings *= 1 - outside
    canvas.air += outside * np.float32(0.38) - np.float32(0.12) * whole * (1 - outside)
    canvas.stroke(canvas.dense, edge, 0.024, 0.09)


def apical_pleural_thickening(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """Caps of soft tissue over both apices."""
    cap = rng.uniform(0.09, 0.14)
    depth = np.float32(anatomy.apex + cap) - canvas.y + np.float32(0.12) * (np.abs(canvas.x) - np.float32(0.4))
    canvas.air *= 1 - np.float32(0.8) * canvas.ramp(depth, 0.05)


def pleural_thickening(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A band of soft tissue along the side wall of one hemithorax."""
    side, thickness = int(rng.integers(2)), rng.uniform(0.07, 0.11)
    lateral = sign(side) * canvas.x
    band = canvas.ramp(lateral - np.float32(anatomy.lung_width[side] - thickness), 0.04)
    canvas.air *= 1 - np.float32(0.85) * band * np.clip((canvas.y + 0.35) * 5, 0, 1)


def hemidiaphragm_elevation(anatomy: Anatomy, rng: Generator) -> None:
    """One hemidiaphragm, more often the right, well above its place."""
    side = RIGHT if rng.random() < 0.7 else LEFT
    rise = rng.uniform(0.16, 0.26)
    anatomy.dome[side] -= rise
    anatomy.dome_drop[side] += 0.7 * rise


def diaphragmatic_eventration(anatomy: Anatomy, rng: Generator) -> None:
    """A smooth bulge of the inner right hemidiaphragm."""
    anatomy.eventration = rng.uniform(0.13, 0.19)


def subcutaneous_emphysema(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """Dark streaks of air in the soft tissue of the chest wall and neck."""
    side = int(rng.integers(2))
    for offset in (0.05, 0.10, 0.15):
        x = sign(side) * (anatomy.lung_width[side] + offset)
        y = np.linspace(-0.55, rng.uniform(0.0, 0.3), 9)
        canvas.stroke(canvas.body, np.stack([x + rng.normal(0, 0.012, 9), y], axis=-1), 0.035, -0.30)
    neck = [(sign(side) * 0.20, -0.98), (sign(side) * 0.24, -0.82), (sign(side) * 0.5, -0.78)]
    canvas.stroke(canvas.body, neck, 0.05, -0.30)


def _side(canvas: Canvas, side: int) -> Image:
    return canvas.ramp(sign(side) * canvas.x)
