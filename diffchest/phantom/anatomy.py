"""A patient's chest: numbers that findings may change before it is drawn, and the drawing of it."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from diffchest.phantom.canvas import LEFT, RIGHT, Canvas, Image, sign, smooth

CARINA = -0.22


@dataclass
class Anatomy:
    """Sizes in body units (the picture is 2 wide); pairs are (patient's right, patient's left)."""

    lung_width: list[float]  # midline to lateral chest wall
    apex: float
    dome: list[float]  # height of the diaphragm's top
    dome_drop: list[float]  # from the top to the costophrenic angle
    eventration: float  # height of a bulge of the right dome
    aeration: float
    heart: list[float]  # midline to the heart's right and left border
    heart_top: float
    heart_bottom: float
    knob: float  # radius of the aortic knob
    unfolding: float  # how far the ascending and descending aorta bulge out
    mediastinum: float  # half width above the aorta
    trachea: float  # displacement to the patient's left at the thoracic inlet
    hila: float
    vessels: float
    spine_bend: float  # amplitude of the spinal curve
    spine_phase: float
    rib_phase: float
    rib_spacing: float
    bone: float
    clavicle: float  # height of the lateral clavicle
    scapula: float  # distance of the medial border from the midline
    wall: float  # soft tissue outside the ribs
    breasts: list[float]
    breast_height: float
    stomach: float  # size of the gastric bubble
    stroke_seed: int  # varies the course of the vessels


FrozenAnatomy = tuple[float | tuple[float, ...], ...]  # the values of an `Anatomy`, hashable


def frozen(anatomy: Anatomy) -> FrozenAnatomy:
    """All values of `anatomy` as they are now."""
    return tuple(tuple(value) if isinstance(value, list) else value for value in vars(anatomy).values())


def thawed(values: FrozenAnatomy) -> Anatomy:
    """The anatomy that was `frozen`."""
    return Anatomy(*(list(value) if isinstance(value, tuple) else value for value in values))  # pyright: ignore[reportArgumentType]


def sample_anatomy(rng: Generator, *, sex: str, age: float) -> Anatomy:
    """Draw one patient's anatomy; the same generator state, sex and age give the same chest."""
    bulk = rng.normal(0, 1)  # body habitus: broad patients have wide hearts, high diaphragms and thick walls
    older = np.clip((age - 45) / 40, -0.6, 1.2)
    female = sex == "F"
    width = rng.normal(0.70 if female else 0.725, 0.02)
    dome = rng.normal(0.36 - 0.025 * bulk, 0.035)
    breast = abs(rng.normal(0.13, 0.03)) * (age > 13) if female else 0.0
    return Anatomy(
        lung_width=[width + rng.normal(0, 0.008), width + rng.normal(0, 0.008)],
        apex=rng.normal(-0.76, 0.025),
        dome=[dome, dome + rng.normal(0.06, 0.012)],
        dome_drop=[rng.normal(0.27, 0.02), rng.normal(0.27, 0.02)],
        eventration=0.0,
        aeration=rng.normal(1.0, 0.05),
        heart=[rng.normal(0.18 + 0.01 * bulk, 0.018), rng.normal(0.41 + 0.015 * bulk, 0.02)],
        heart_top=rng.normal(-0.08, 0.02),
        heart_bottom=dome + rng.normal(0.16, 0.02),
        knob=rng.normal(0.085 + 0.012 * older, 0.006),
        unfolding=max(rng.normal(0.01 + 0.015 * older, 0.007), 0),
        mediastinum=rng.normal(0.135 + 0.008 * bulk, 0.01),
        trachea=rng.normal(0, 0.01),
        hila=rng.normal(1.0, 0.10),
        vessels=rng.normal(1.0, 0.12),
        spine_bend=rng.normal(0, 0.010),
        spine_phase=rng.normal(0, 0.25),
        rib_phase=rng.uniform(-0.05, 0.05),
        rib_spacing=rng.normal(0.168, 0.006),
        bone=rng.normal(1.0 - 0.12 * max(older, 0), 0.08),
        clavicle=rng.normal(-0.74, 0.025),
        scapula=rng.normal(0.80, 0.02),
        wall=rng.normal(0.14 + 0.022 * bulk, 0.008),
        breasts=[breast * rng.normal(1, 0.08), breast * rng.normal(1, 0.08)],
        breast_height=rng.normal(0.10 + 0.05 * older, 0.03),
        stomach=max(rng.normal(0.10, 0.025), 0.03),
        stroke_seed=int(rng.integers(2**31)),
    )


def position(anatomy: Anatomy, rng: Generator, *, view: str) -> None:
    """Change a chest as one exposure shows it: depth of breath, and for AP views a wide heart and high diaphragms."""
    breath = rng.normal(0, 0.018)
    anatomy.dome = [value + breath for value in anatomy.dome]
    anatomy.heart_bottom += 0.6 * breath
    anatomy.scapula += rng.normal(0, 0.015)
    anatomy.clavicle += rng.normal(0, 0.012)
    if not view.startswith("AP"):
        return
    anatomy.dome = [value - 0.07 for value in anatomy.dome]
    anatomy.heart_bottom -= 0.04
    anatomy.heart = [value * 1.12 for value in anatomy.heart]
    anatomy.mediastinum *= 1.15
    anatomy.scapula -= 0.16
    anatomy.clavicle -= 0.04
    anatomy.aeration *= 0.93
    if view == "AP_horizontal":
        anatomy.stomach *= 0.6
        anatomy.vessels *= 1.1


def spine(anatomy: Anatomy, y: NDArray[np.floating]) -> NDArray[np.floating]:
    """Where the spine's midline lies at height y."""
    return anatomy.spine_bend * np.cos(2.6 * (y - anatomy.spine_phase))


def diaphragm(anatomy: Anatomy, side: int, lateral: Image) -> Image:
    """Height [size, size] of one hemidiaphragm at distance `lateral` from the midline."""
    crest = np.float32(0.30)
    outer = np.clip(lateral - crest, 0, None) * np.float32(1 / (anatomy.lung_width[side] - crest))
    inner = np.clip(crest - lateral, 0, None)
    surface = anatomy.dome[side] + np.float32(anatomy.dome_drop[side]) * outer * outer + np.float32(0.5) * inner * inner
    if side == RIGHT and anatomy.eventration:
        bulge = np.float32(anatomy.eventration) * np.exp(-(((lateral - np.float32(0.27)) / np.float32(0.15)) ** 2))
        surface = surface - bulge
    return surface.astype(np.float32)


def lung(canvas: Canvas, anatomy: Anatomy, side: int) -> Image:
    """Coverage [size, size] of one lung, heart and mediastinum not yet taken away."""
    lateral = sign(side) * canvas.x
    width = anatomy.lung_width[side]
    up = np.clip((0.10 - canvas.y) * np.float32(1 / (0.10 - anatomy.apex)), 0, 1)
    half = np.float32(width * 0.54 - 0.03) * np.sqrt(1 - up**3.2)
    edge = half - np.abs(lateral - np.float32(0.05 + width * 0.46)) - np.clip(anatomy.apex - canvas.y, 0, None)
    return canvas.ramp(np.minimum(edge, diaphragm(anatomy, side, lateral) - canvas.y), 0.025)


def heart(canvas: Canvas, anatomy: Anatomy) -> Image:
    """Coverage [size, size] of the heart's shadow."""
    right, left = anatomy.heart
    height = anatomy.heart_bottom - anatomy.heart_top
    middle = anatomy.heart_top + 0.55 * height
    main = canvas.ellipse(
        ((left - right) / 2 + 0.02, middle + 0.04), ((left + right) / 2, 0.40 * height), softness=0.04, tilt=0.42
    )
    atrium = canvas.ellipse((0.02 - right * 0.35, middle), (right * 0.68, 0.5 * height), softness=0.04)
    base = canvas.ellipse((0.07, anatomy.heart_top + 0.05), (0.16, 0.22), softness=0.05)
    return np.maximum(np.maximum(main, atrium), base)


def draw_anatomy(canvas: Canvas, anatomy: Anatomy) -> None:
    """Draw the chest without any device or lung disease onto the empty layers of `canvas`."""
    _soft_tissue(canvas, anatomy)
    lungs = np.maximum(lung(canvas, anatomy, RIGHT), lung(canvas, anatomy, LEFT))
    heart_shadow = heart(canvas, anatomy)
    shadow = np.maximum(_mediastinum(canvas, anatomy), heart_shadow)
    canvas.air += lungs * (1 - shadow) * np.float32(anatomy.aeration)
    canvas.body += np.float32(0.13) * heart_shadow + np.float32(0.06) * shadow
    _abdomen(canvas, anatomy)
    _airways(canvas, anatomy)
    _hila_and_vessels(canvas, anatomy)
    _spine(canvas, anatomy)
    _ribs(canvas, anatomy)
    _shoulders(canvas, anatomy)


def _soft_tissue(canvas: Canvas, anatomy: Anatomy) -> None:
    """The body's outline with neck, shoulders and chest wall, and the breasts."""
    distance = np.abs(canvas.x)
    slope = np.clip((distance - np.float32(0.20)) * np.float32(1 / 0.8), 0, 1)
    shoulder = np.float32(-1.25) + np.float32(0.62) * np.sqrt(slope)
    wall = max(anatomy.lung_width) + np.float32(anatomy.wall)
    flank = wall + np.float32(0.6) * np.clip(-0.25 - canvas.y, 0, None) - distance
    outline = canvas.ramp(np.minimum(canvas.y - shoulder, flank), 0.05)
    thickness = 0.60 + 0.10 * np.clip(distance - 0.6, 0, None) + 0.5 * (anatomy.wall - 0.14)
    canvas.body += outline * thickness.astype(np.float32)
    for side, size in enumerate(anatomy.breasts):
        if size > 0.02:
            centre = (sign(side) * 0.47, anatomy.breast_height + 0.5 * size)
            shape = canvas.ellipse(centre, (0.19 + size, 0.16 + size), softness=0.09)
            canvas.body += np.float32(0.95 * size) * shape * np.clip((canvas.y + 0.15) * 2.5, 0, 1) * outline


def _mediastinum(canvas: Canvas, anatomy: Anatomy) -> Image:
    """Coverage of vessels and spine between the lungs: great vessels, aortic knob, ascending and descending aorta."""
    offset = canvas.x - np.float32(0.5) * spine(anatomy, canvas.y)
    half = np.float32(anatomy.mediastinum) - np.float32(0.04) * np.clip(canvas.y + 0.3, -0.4, 0.4)
    band = canvas.ramp(half - np.abs(offset), 0.03)
    knob = canvas.ellipse((0.115 + anatomy.unfolding * 0.6, -0.33), (anatomy.knob, anatomy.knob * 1.15), softness=0.02)
    ascending = canvas.ellipse((-0.04 - anatomy.unfolding, -0.16), (0.125, 0.22), softness=0.03)
    descending = canvas.ellipse((0.08 + anatomy.unfolding * 1.2, 0.02), (0.10, 0.45), softness=0.03)
    return np.maximum.reduce([band, knob, ascending, descending])


def _abdomen(canvas: Canvas, anatomy: Anatomy) -> None:
    """Liver and spleen below the diaphragm, with the stomach's air."""
    towards_left = np.clip(canvas.x * 4 + 0.5, 0, 1)
    right, left = diaphragm(anatomy, RIGHT, -canvas.x), diaphragm(anatomy, LEFT, canvas.x)
    depth = canvas.y - right - towards_left * (left - right)
    inside = canvas.ramp(max(anatomy.lung_width) + np.float32(0.02) - np.abs(canvas.x), 0.05)
    canvas.body += np.float32(0.20) * canvas.ramp(depth, 0.03) * inside
    size = anatomy.stomach
    bubble = canvas.ellipse((0.33, anatomy.dome[LEFT] + 0.06 + size), (1.25 * size, size), softness=0.04)
    canvas.body -= np.float32(0.24) * bubble


def _airways(canvas: Canvas, anatomy: Anatomy) -> None:
    """Trachea and main bronchi as dark lines."""
    trachea = smooth([(anatomy.trachea, -1.1), (anatomy.trachea * 1.2, -0.7), (-0.015, -0.4), (-0.015, CARINA)])
    canvas.stroke(canvas.body, trachea, 0.075, -0.17)
    canvas.stroke(canvas.body, [(-0.015, CARINA), (-0.17, -0.06)], 0.055, -0.10)
    canvas.stroke(canvas.body, [(-0.015, CARINA), (0.19, -0.07)], 0.05, -0.10)


def _hila_and_vessels(canvas: Canvas, anatomy: Anatomy) -> None:
    """Hilar shadows, and vessels that fan out, fork and fade towards the periphery."""
    for side, height in ((RIGHT, 0.02), (LEFT, -0.03)):
        axes = (0.06 * anatomy.hila, 0.13 * anatomy.hila)
        hilum = canvas.ellipse((sign(side) * 0.215, height), axes, softness=0.09, tilt=-0.25 * sign(side))
        canvas.markings += np.float32(0.20 * anatomy.hila) * hilum
    rng = np.random.default_rng(anatomy.stroke_seed)
    count, t = 15, np.linspace(0, 1, 7)
    angle = np.linspace(-1.3, 1.35, count) + rng.normal(0, 0.10, (2, count))
    heading = angle[..., None] + rng.normal(0, 0.35, (2, count, 1)) * t
    along = 0.05 + rng.uniform(0.28, 0.5, (2, count, 1)) * t
    x = np.array([-1, 1])[:, None, None] * (0.16 + along * np.cos(heading))
    y = np.array([0.02, -0.03])[:, None, None] + (0.05 + along) * np.sin(heading) * 1.25
    lines = np.stack([x, y], axis=-1).reshape(2 * count, t.size, 2)
    strength = rng.uniform(0.10, 0.2, (2 * count, 1)) * anatomy.vessels * np.minimum(0.5 + t, 1 - t)
    canvas.stroke(canvas.markings, lines, 0.024, strength)


def _spine(canvas: Canvas, anatomy: Anatomy) -> None:
    """Vertebral bodies with disc spaces and a row of spinous processes."""
    offset = canvas.x - spine(anatomy, canvas.y)
    column = canvas.ramp(np.float32(0.088) - np.abs(offset), 0.02)
    discs = 0.5 + 0.5 * np.cos(canvas.y * np.float32(2 * np.pi / 0.15))
    canvas.dense += np.float32(0.10 * anatomy.bone) * column * (1 - np.float32(0.45) * discs**4)
    heights = np.arange(-0.95, 0.9, 0.15)
    process = np.stack([spine(anatomy, heights), heights], axis=-1)
    canvas.stroke(canvas.dense, np.stack([process, np.add(process, (0, 0.05))], axis=1), 0.03, 0.06 * anatomy.bone)


def _ribs(canvas: Canvas, anatomy: Anatomy) -> None:
    """Posterior ribs falling and fainter anterior ribs rising towards the side."""
    lateral = np.abs(canvas.x - np.float32(0.5) * spine(anatomy, canvas.y))
    width = np.float32(max(anatomy.lung_width) + 0.03)
    up = np.clip((0.1 - canvas.y) * np.float32(1 / (0.13 - anatomy.apex)), 0, 1)
    cage = width * np.sqrt(np.clip(1 - up**2.6, 0, None))
    inside = canvas.ramp(cage - lateral, 0.03) * np.clip((0.78 - canvas.y) * 4, 0, 1)
    height = canvas.y - np.float32(anatomy.rib_phase)
    outward = lateral * np.float32(1 / 0.72)
    posterior = _band(canvas, height - 0.20 * outward**2 + 0.10 * outward, anatomy.rib_spacing, 0.30)
    anterior = _band(canvas, height + 0.30 * outward - 0.10, anatomy.rib_spacing * 1.08, 0.36)
    rim = 1 + 0.9 * np.clip(outward - 0.75, 0, None)
    canvas.dense += np.float32(0.10 * anatomy.bone) * posterior * inside * rim.astype(np.float32)
    front = np.clip((lateral - 0.28) * 5, 0, 1) * np.clip((canvas.y + 0.65) * 4, 0, 1)
    canvas.dense += np.float32(0.055 * anatomy.bone) * anterior * inside * front


def _band(canvas: Canvas, height: NDArray[np.floating], spacing: float, share: float) -> Image:
    """Periodic stripes: coverage of the `share` of each `spacing` that is bone."""
    phase = height * np.float32(1 / spacing)
    phase = phase - np.floor(phase)
    return canvas.ramp((np.float32(share / 2) - np.abs(phase - np.float32(0.5))) * np.float32(spacing), 0.02)


def _shoulders(canvas: Canvas, anatomy: Anatomy) -> None:
    """Clavicles, scapulae and humeral heads."""
    for side in (RIGHT, LEFT):
        s = sign(side)
        course = [
            (s * 0.10, -0.60),
            (s * 0.28, -0.62),
            (s * 0.5, anatomy.clavicle + 0.02),
            (s * 0.86, anatomy.clavicle),
        ]
        canvas.stroke(canvas.dense, smooth(course), 0.055, 0.17 * anatomy.bone)
        x = s * canvas.x - np.float32(anatomy.scapula)
        blade = np.minimum(x - np.float32(0.20) * np.abs(canvas.y + 0.35), np.float32(0.24) - x)
        blade = np.minimum(blade, np.minimum(canvas.y + 0.72, np.float32(0.02) - canvas.y - 0.4 * x))
        canvas.dense += np.float32(0.09 * anatomy.bone) * canvas.ramp(blade, 0.03)
        head = canvas.ellipse((s * 0.97, -0.60), (0.12, 0.12), softness=0.03)
        canvas.dense += np.float32(0.16 * anatomy.bone) * head
