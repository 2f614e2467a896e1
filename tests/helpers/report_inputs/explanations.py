"""Made-up counterfactuals, their true twins, and how good they are."""

import itertools

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.contracts.explained import MACRO, Explained, Failures, Reconstructions, Sweep
from diffchest.contracts.twins import Twins
from diffchest.counterfactuals.quality import JUDGE, MEASURES
from diffchest.counterfactuals.twin_quality import ADDED, REMOVED, TWIN_MEASURES
from diffchest.files.tables import write_metrics
from diffchest.params.whole import Params
from tests.helpers.report_head import write_head
from tests.helpers.report_inputs.made_up import phantom, write_csv


def _blurred(pixels: np.ndarray) -> np.ndarray:
    return ((pixels.astype(int) + np.roll(pixels, 1, axis=-1)) // 2).astype(np.uint8)


def write_explanations(params: Params) -> None:
    """Write what `draw_explanations`, `draw_twins` and `explain` leave."""
    targets, patients = params.explain.targets, range(params.explain.patients)
    original = np.stack([phantom([], number) for number in patients])
    moved = np.stack([[_blurred(phantom([target], number)) for target in targets] for number in patients])
    shape = (len(patients), len(targets))
    before = np.linspace(-4, -2, len(patients) * len(targets)).reshape(shape)
    explained = Explained(
        image_id=[f"padchest/{number}.png" for number in patients],
        targets=targets,
        findings=targets,
        original=original,
        reconstruction=_blurred(original),
        counterfactual=moved,
        x_T=np.random.default_rng(1).normal(size=original.shape).astype(np.float16),
        step=np.full(shape, params.explain.step),
        scale=np.ones(shape),
        logits_z=before,
        logits_wanted=before[:, None] + 6 * np.eye(len(targets)),
        logits_before=before,
        logits_after=before[:, None] + 5 * np.eye(len(targets)),
    )
    for path in (paths.SHOWN, paths.EVERY_FINDING):
        explained.save(path)
    Explained.save_all(paths.MEASURED, [explained])
    shown = np.repeat(original[:1], len(targets), axis=0)
    Failures(
        image_id=explained.image_id[:1] * len(targets),
        targets=targets,
        original=shown,
        reconstruction=_blurred(shown),
        counterfactual=moved[0],
        step=explained.step[0],
        logit_wanted=explained.logit_wanted[0],
        logit_before=explained.logit_before[0],
        logit_after=explained.logit_after[0],
        reached=np.linspace(-0.2, 0.6, len(targets)),
        number=np.full(len(targets), 100),
    ).save(paths.FAILURES)
    noise = explained.x_T
    Reconstructions(explained.image_id, original, explained.reconstruction, original[::-1], noise).save(
        paths.RECONSTRUCTIONS
    )
    scale = np.array([0, 0.5, 1, 2])
    steps, length = np.repeat(moved[0][:, None], len(scale), axis=1), np.tile(scale, (len(targets), 1))
    step = params.explain.step * length
    Sweep(["padchest/0.png"], targets, steps, scale, step, step - 4).save(paths.STEP_SWEEP)
    _write_twins(explained)
    _write_quality(targets)
    write_head(targets)


def _write_twins(explained: Explained) -> None:
    """Two placements of each target but the last radiograph's last, which has no twin."""
    pairs = [(row, target) for row in range(len(explained.image_id)) for target in explained.targets][:-1]
    rows = [(*pair, placement) for pair in pairs for placement in (0, 1)]
    picture = np.stack([np.roll(phantom([target], row), -placement, axis=1) for row, target, placement in rows])
    Twins(
        image_id=[explained.image_id[row] for row, _, _ in rows],
        finding=[target for _, target, _ in rows],
        added=np.ones(len(rows), dtype=bool),
        placement=np.array([placement for _, _, placement in rows]),
        picture=picture,
        mask=picture > 0,
    ).save(paths.TWINS)
    counts = {"direction": "added", "radiographs": 4, "twins": 8, "no_op": 0, "implausible": 0}
    write_csv("twins", finding=explained.targets, **counts)
    write_csv("witness", finding=explained.targets, positives=100, negatives=1100, auc=0.98)


def _write_quality(targets: list[str]) -> None:
    """Tables and metrics of the stage `explain`."""
    write_csv("reconstruction", image_id=["a", "b"], mae=[0.012, 0.014], psnr=[34.0, 33.1], ssim=[0.95, 0.94],
              mae_new_x_T=[0.06, 0.07], ssim_new_x_T=[0.6, 0.5])  # fmt: skip
    write_csv("counterfactuals", image_id=["a"], target=["pacemaker"], step=[0.6], probability_before=[0.02])
    judges = [(JUDGE, measure) for measure in MEASURES] + list(itertools.product((ADDED, REMOVED), TWIN_MEASURES))
    rows = [(*said, target) for said in judges for target in (*targets, MACRO)]
    quality = pd.DataFrame(rows, columns=["judge", "measure", "target"]).assign(n=100)
    quality["value"] = 0.2 + 0.6 * (quality["target"].map(len) % 5) / 5
    quality = quality.assign(low=quality["value"] - 0.05, high=quality["value"] + 0.05)
    write_csv("counterfactual_quality", **quality[["target", "measure", "n", "value", "low", "high", "judge"]])
    metrics = {"reconstruction": {"mae": 0.013, "psnr": 33.5, "ssim": 0.945, "images": 2, "mae_new_x_T": 0.065}}
    metrics["counterfactuals"] = {"flipped": 0.9, "validity": 0.6, "reached": 0.7, "l1": 0.04, "ssim": 0.8}
    metrics["counterfactuals"] |= {"radiographs": 100, "targets": 32}
    write_metrics(paths.stage_metrics("explain"), metrics)
