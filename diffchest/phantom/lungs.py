"""Findings of the lungs. Shapes change the anatomy before it is drawn, paints add to the layers afterwards."""

import numpy as np
from numpy.random import Generator
from scipy.ndimage import gaussian_filter, map_coordinates

from diffchest.phantom.anatomy import Anatomy
from diffchest.phantom.canvas import LEFT, RIGHT, Canvas, Image, sign

# patient's side, centre (distance from the midline, height) and half axes of the lobes' share of a frontal view
LOBES = (
    (RIGHT, (0.38, -0.45), (0.26, 0.24)),
    (RIGHT, (0.38, 0.10), (0.26, 0.17)),
    (RIGHT, (0.42, 0.32), (0.28, 0.20)),
    (LEFT, (0.40, -0.45), (0.26, 0.24)),
    (LEFT, (0.48, 0.25), (0.24, 0.24)),
)


def copd_signs(anatomy: Anatomy, rng: Generator) -> None:
    """Hyperinflation: low flat diaphragms, lucent lungs, a narrow heart and few peripheral vessels."""
    degree = rng.uniform(0.75, 1.25)
    anatomy.dome = [value + 0.085 * degree for value in anatomy.dome]
    anatomy.dome_drop = [value * (1 - 0.50 * degree) for value in anatomy.dome_drop]
    anatomy.heart_bottom += 0.06 * degree
    anatomy.heart = [value * (1 - 0.10 * degree) for value in anatomy.heart]
    anatomy.aeration *= 1 + 0.13 * degree
    anatomy.vessels *= 1 - 0.3 * degree


def alveolar_pattern(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """Patchy, ill-defined consolidation in one or two lobes."""
    for lobe in rng.choice(len(LOBES), size=rng.choice([1, 2], p=[0.6, 0.4]), replace=False):
        side, (x, y), (width, height) = LOBES[lobe]
        extent = rng.uniform(0.75, 1.0)
        centre = (sign(side) * x + rng.normal(0, 0.03), y + rng.normal(0, 0.03))
        patch = canvas.ellipse(centre, (width * extent, height * extent), softness=0.16)
        clouds = 0.85 + 0.35 * texture(canvas, rng, 0.06)
        canvas.air *= 1 - np.clip(np.float32(rng.uniform(0.60, 0.85)) * patch * clouds, 0, 0.95)


def interstitial_pattern(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A net of fine lines over both lungs, densest at the bases, with loss of lucency."""
    degree = np.float32(rng.uniform(0.8, 1.2))
    base = np.clip(0.65 + 0.6 * canvas.y, 0.35, 1.0)
    net = np.abs(texture(canvas, rng, 0.026))
    canvas.markings += degree * base * (np.float32(0.05) + np.float32(0.10) * net)


def laminar_atelectasis(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """One or two plate-like bands above the diaphragm."""
    sides = [RIGHT, LEFT] if rng.random() < 0.4 else [int(rng.integers(2))]
    for side in sides:
        height = anatomy.dome[side] - rng.uniform(0.06, 0.14)
        tilt, s = rng.normal(0.0, 0.06), sign(side)
        inner = 0.26 if side == RIGHT else 0.36
        band = [(s * inner, height), (s * (inner + 0.33), height + tilt)]
        canvas.stroke(canvas.dense, band, 0.05, rng.uniform(0.28, 0.38))


def lobar_atelectasis(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A collapsed lobe: the airless right upper lobe, or the left lower lobe's triangle behind the heart."""
    if rng.random() < 0.5:
        right = -canvas.x
        fissure = -0.30 - np.float32(0.28) * np.clip(right, 0, 1) - canvas.y
        collapsed = canvas.ramp(np.minimum(fissure, right), 0.04)
    else:
        outer = np.float32(0.22) + np.float32(0.80) * np.clip(canvas.y + np.float32(0.02), 0, 1) - canvas.x
        collapsed = canvas.ramp(np.minimum(outer, canvas.x - np.float32(0.06)), 0.04)
        collapsed *= np.clip((canvas.y + np.float32(0.05)) * 6, 0, 1)
        canvas.dense += np.float32(0.14) * collapsed * np.clip((anatomy.dome[LEFT] + 0.10 - canvas.y) * 8, 0, 1)
    canvas.air *= 1 - np.float32(0.9) * collapsed


def pulmonary_mass(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A dense round lesion of 4 to 7 cm."""
    radius = rng.uniform(0.10, 0.16)
    centre = (sign(int(rng.integers(2))) * rng.uniform(0.36, 0.50), rng.uniform(-0.45, 0.12))
    lesion = canvas.ellipse(centre, (radius, radius * rng.uniform(0.85, 1.15)), softness=0.035)
    canvas.air *= 1 - lesion
    canvas.body += np.float32(0.07) * lesion


def calcified_granuloma(canvas: Canvas, anatomy: Anatomy, rng: Generator) -> None:
    """A small, very dense nodule, most often in an upper lobe."""
    x = sign(int(rng.integers(2))) * rng.uniform(0.38, 0.50)
    y = rng.choice([-0.42, 0.12], p=[0.7, 0.3]) + rng.normal(0, 0.05)
    canvas.dense += np.float32(0.45) * canvas.ellipse((x, y), (0.042, 0.042), softness=0.03)


def texture(canvas: Canvas, rng: Generator, scale: float) -> Image:
    """Smooth random texture [size, size] of unit variance whose grains are `scale` body units."""
    grains = int(np.ceil(2.4 / scale))
    noise = gaussian_filter(rng.standard_normal((grains, grains), dtype=np.float32), 0.7, mode="wrap") / np.float32(
        0.40
    )
    position = np.stack([canvas.y, canvas.x]) * np.float32(grains / 2.4) + np.float32(grains / 2)
    return np.asarray(map_coordinates(noise, position, order=1, mode="grid-wrap"), np.float32)
