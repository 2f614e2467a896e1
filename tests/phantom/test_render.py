"""Phantoms show what their labels say, where it belongs, and nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffchest.findings.vocabulary import DRAWN, KIND
from diffchest.phantom import registry, render
from diffchest.phantom.anatomy import diaphragm, draw_anatomy, heart, position, sample_anatomy
from diffchest.phantom.canvas import LEFT, RIGHT, Canvas, sign, smooth
from diffchest.phantom.render import draw, stream

FEMALE = {"mastectomy", "mammary prosthesis"}
PATIENTS = [f"patient {number}" for number in range(4)]
NOISE_AT_48 = 0.0055  # mean |difference| at 48 px of two exposures that differ in quantum noise alone


def picture(findings, patient="a", image="1", view="PA", sex="M", age=60.0, size=64):
    return draw(findings, patient=patient, image=image, view=view, sex=sex, age=age, size=size, seed=0)


def reduced(image, size=48):
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def test_registry_and_vocabulary_agree():
    assert {*registry.SHAPES, *registry.PAINTS} == set(DRAWN) == set(KIND)
    assert len(DRAWN) >= 25
    assert set(KIND.values()) == {"treatment", "physiology"}
    assert set(registry.SITE) <= set(DRAWN)
    assert {*registry.SPECIFIC} | {name for names in registry.SPECIFIC.values() for name in names} <= set(DRAWN)


def test_vocabulary_loads_nothing_heavy(root):
    code = "import sys, diffchest.findings.vocabulary; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "scipy", "pandas", "joblib", "torch"} & set(loaded.split())


def test_pictures_are_gray_values_of_the_size_asked_for():
    for size in (48, 64, 130):
        image = picture([], size=size)
        assert image.shape == (size, size)
        assert image.dtype == np.float32
        assert 0 <= image.min() < 0.1
        assert 0.8 < image.max() <= 1


def test_same_arguments_same_picture_in_another_process(root):
    code = (
        "import zlib; from diffchest.phantom.render import draw; "
        "print(zlib.crc32(draw({'pacemaker', 'pneumothorax', 'sternotomy'}, patient='a', image='1', sex='F', age=40).tobytes()))"
    )
    command, seeds = [sys.executable, "-c", code], ("0", "1")
    printed = [
        subprocess.run(command, cwd=root, env={"PYTHONHASHSEED": s}, capture_output=True, text=True, check=True).stdout
        for s in seeds
    ]
    assert printed[0] == printed[1] != ""


def test_a_chest_drawn_before_is_none_of_the_next_pictures_findings():
    """The chest is kept for twins: what is painted on one of them must not be left on it."""
    for name in DRAWN:
        twins = [draw(shown, patient="p", image="i", sex="F") for shown in ({name}, (), {name})]
        alone = []
        for shown in ({name}, ()):
            render._chest.cache_clear()
            alone.append(draw(shown, patient="p", image="i", sex="F"))
        for twin, drawn in zip(twins, (alone[0], alone[1], alone[0]), strict=True):
            np.testing.assert_array_equal(twin, drawn)


def test_undrawn_labels_change_nothing():
    others = ["normal", "unchanged", "kyphosis", "suture material", "heart insufficiency", "exclude", ""]
    assert np.array_equal(picture([]), picture(others))
    assert np.array_equal(picture(["cardiomegaly"]), picture([*others, "cardiomegaly"]))


def test_order_and_repetition_of_labels_change_nothing():
    names = ["pacemaker", "cardiomegaly", "pleural effusion"]
    assert np.array_equal(picture(names), picture([*reversed(names), "pacemaker"]))


@pytest.mark.parametrize("name", DRAWN)
def test_every_drawn_finding_is_visible_at_48_pixels(name):
    """Same patient and noise with and without: some region of 4 x 4 pixels changes well above the noise."""
    sex = "F" if name in FEMALE else "M"
    for patient in PATIENTS:
        without, with_it = (reduced(picture(names, patient=patient, sex=sex)) for names in ([], [name]))
        change = np.abs(with_it - without).reshape(12, 4, 12, 4).mean(axis=(1, 3))
        assert change.max() > 6 * NOISE_AT_48, patient


# where a device or disease must show: rows and columns of the picture as fractions
REGIONS = {
    "pleural effusion": ((0.40, 0.95), (0.0, 1.0)),
    "costophrenic angle blunting": ((0.55, 0.95), (0.0, 1.0)),
    "apical pleural thickening": ((0.05, 0.30), (0.1, 0.9)),
    "goiter": ((0.0, 0.35), (0.25, 0.75)),
    "hiatal hernia": ((0.50, 0.85), (0.40, 0.75)),
    "aortic elongation": ((0.15, 0.75), (0.30, 0.72)),
    "aortic atheromatosis": ((0.20, 0.45), (0.45, 0.68)),
    "sternotomy": ((0.15, 0.75), (0.40, 0.60)),
    "artificial mitral heart valve": ((0.45, 0.75), (0.45, 0.72)),
    "artificial aortic heart valve": ((0.40, 0.68), (0.40, 0.65)),
    "endotracheal tube": ((0.0, 0.45), (0.38, 0.60)),
    "tracheostomy tube": ((0.0, 0.40), (0.35, 0.65)),
    "NSG tube": ((0.0, 0.90), (0.40, 0.80)),
    "diaphragmatic eventration": ((0.45, 0.80), (0.1, 0.55)),
    "mammary prosthesis": ((0.35, 0.90), (0.05, 0.95)),
    "gynecomastia": ((0.40, 0.85), (0.05, 0.95)),
    "laminar atelectasis": ((0.45, 0.85), (0.05, 0.95)),
}


@pytest.mark.parametrize("name", REGIONS)
def test_findings_show_where_they_belong(name):
    (top, bottom), (left, right) = REGIONS[name]
    sex = "F" if name in FEMALE else "M"
    for patient in PATIENTS:
        change = np.abs(picture([name], patient=patient, sex=sex) - picture([], patient=patient, sex=sex))
        inside = change[int(top * 64) : int(bottom * 64) + 1, int(left * 64) : int(right * 64) + 1]
        assert inside.sum() > 0.9 * change.sum(), patient


def cardiothoracic_ratio(findings, patient, view="PA"):
    """Widest extent of the heart over the widest extent of the lungs, measured on the drawn shapes."""
    anatomy = sample_anatomy(stream(0, patient), sex="M", age=60.0)
    position(anatomy, stream(0, patient, "1"), view=view)
    for name in findings:
        registry.SHAPES[name](anatomy, stream(0, patient, name))
    canvas = Canvas(256)
    columns = np.flatnonzero((heart(canvas, anatomy) > 0.5).any(axis=0))
    return (columns[-1] - columns[0] + 1) * 2 / 256 / sum(anatomy.lung_width)


def test_cardiomegaly_is_a_heart_wider_than_half_the_chest():
    normal = np.array([cardiothoracic_ratio([], patient) for patient in PATIENTS])
    large = np.array([cardiothoracic_ratio(["cardiomegaly"], patient) for patient in PATIENTS])
    assert normal.max() < 0.5 < large.min()


def test_hearts_look_wider_on_ap_views():
    for patient in PATIENTS:
        assert cardiothoracic_ratio([], patient, "AP") > cardiothoracic_ratio([], patient, "PA")


def test_effusion_whitens_a_costophrenic_angle():
    for patient in PATIENTS:
        before, after = picture([], patient=patient), picture(["pleural effusion"], patient=patient)
        angles = [(after - before)[38:52, columns].mean() for columns in (slice(6, 22), slice(42, 58))]
        assert max(angles) > 0.08


def test_pneumothorax_is_darker_than_lung_and_without_vessels():
    for patient in PATIENTS:
        change = picture(["pneumothorax"], patient=patient) - picture([], patient=patient)
        assert change[6:30].min() < -0.08


def test_copd_flattens_the_diaphragms():
    anatomy = sample_anatomy(stream(0, "a"), sex="M", age=60.0)
    canvas = Canvas(64)
    lateral = np.float32(0.6) + 0 * canvas.x
    crest, side = diaphragm(anatomy, RIGHT, lateral * 0 + 0.3)[0, 0], diaphragm(anatomy, RIGHT, lateral)[0, 0]
    registry.SHAPES["COPD signs"](anatomy, stream(0, "a", "COPD signs"))
    flat_crest, flat_side = diaphragm(anatomy, RIGHT, lateral * 0 + 0.3)[0, 0], diaphragm(anatomy, RIGHT, lateral)[0, 0]
    assert flat_crest > crest
    assert flat_side - flat_crest < side - crest


def test_pictures_of_one_patient_resemble_each_other():
    first = [reduced(picture([], patient=patient, image="1"), 24) for patient in map(str, range(20))]
    second = [reduced(picture([], patient=patient, image="2"), 24) for patient in map(str, range(20))]
    distance = np.array([[np.abs(a - b).mean() for b in second] for a in first])
    assert np.diag(distance).mean() < 0.85 * distance[~np.eye(20, dtype=bool)].mean()
    assert np.diag(distance).min() > 0


def test_devices_of_one_patient_keep_their_side():
    for patient in map(str, range(6)):
        changes = [picture(["pacemaker"], patient, i) - picture([], patient, i) for i in ("1", "2")]
        sides = [change[12:28, :26].sum() > change[12:28, 38:].sum() for change in changes]
        assert sides[0] == sides[1]


def test_a_specific_device_replaces_its_generic_label():
    assert np.array_equal(picture(["pacemaker", "dual chamber device"]), picture(["dual chamber device"]))


def test_another_placement_moves_that_finding_alone():
    """A drain elsewhere leaves the pneumothorax, which shares its site, and everything else as it was."""

    def placed(names, **placements):
        return draw(names, patient="a", image="1", sex="M", age=60.0, placements=placements)

    names = ["pneumothorax", "chest drain tube"]
    assert np.array_equal(placed(names), picture(names))
    assert np.array_equal(placed(names, **{"chest drain tube": 0, "pacemaker": 3}), picture(names))
    moved = [placed(names, **{"chest drain tube": place}) for place in (1, 2)]
    assert np.array_equal(placed(names[:1], **{"chest drain tube": 1}), picture(names[:1]))
    assert np.abs(moved[0] - picture(names)).max() > 0.02
    assert np.abs(moved[0] - moved[1]).max() > 0.02


def test_a_stroke_has_its_width_and_strength():
    """Across a straight line the profile is the Gaussian asked for."""
    canvas = Canvas(200)
    canvas.stroke(canvas.dense, [(0.005, -2.0), (0.005, 2.0)], 0.08, 0.5)
    row = canvas.dense[100]
    x = canvas.x[100]
    expected = 0.5 * np.exp(-0.5 * ((x - 0.005) / (0.08 / 2.355)) ** 2)
    assert np.abs(row - expected).max() < 0.02
    assert row.max() == pytest.approx(0.5, rel=0.02)


def test_strokes_outside_the_picture_leave_no_trace():
    canvas = Canvas(32)
    canvas.stroke(canvas.dense, [(3.0, 3.0), (4.0, 5.0)], 0.05, 1.0)
    assert not canvas.dense.any()


def test_an_ellipse_covers_its_area():
    canvas = Canvas(256)
    area = canvas.ellipse((0.1, -0.2), (0.3, 0.5), tilt=0.4).sum() * canvas.pixel**2
    assert area == pytest.approx(np.pi * 0.3 * 0.5, rel=0.02)


def test_smooth_keeps_the_ends():
    path = smooth([(0, 0), (1, 0), (1, 1)])
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [1, 1]
    assert len(path) > 10


def test_sides_are_mirrored():
    assert (sign(RIGHT), sign(LEFT)) == (-1, 1)
    canvas = Canvas(64)
    draw_anatomy(canvas, sample_anatomy(stream(0, "a"), sex="M", age=60.0))
    heart_left = canvas.air[30:44, 32:52].sum()
    assert heart_left < canvas.air[30:44, 12:32].sum()


def test_no_drawing_module_uses_hash_or_global_random_state(root):
    for path in Path(root / "diffchest" / "phantom").rglob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "hash"], path
