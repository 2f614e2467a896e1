"""What drawings keep, made up: for tests of what reads it."""

from typing import Any

import numpy as np

from diffchest.contracts.classified import Classified
from diffchest.contracts.explained import Explained
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.responses import Responses

SIDE = 8  # px
TOY_FINDINGS = ["drain", "pneumothorax", "goiter"]


def toy_explained(targets: list[str], image_ids: list[str], findings: list[str] | None = None, **own: Any) -> Explained:
    """Random pictures and logits; `own` gives arrays of any field, and of `logit_...` [P, T] as the class has them."""
    rng, findings = np.random.default_rng(0), findings or targets
    images, columns = len(image_ids), [findings.index(target) for target in targets]
    pictures = rng.integers(0, 256, (images, 1 + len(targets), SIDE, SIDE), dtype=np.uint8)
    fields: dict[str, Any] = {
        "image_id": image_ids, "targets": targets, "findings": findings, "original": pictures[:, 0],
        "reconstruction": pictures[:, 0], "counterfactual": pictures[:, 1:], "step": np.ones((images, len(targets))),
        "scale": np.ones((images, len(targets))),
        "x_T": rng.normal(size=(images, SIDE, SIDE)).astype(np.float16),
    }  # fmt: skip
    for name in ("z", "before"):
        fields[f"logits_{name}"] = rng.normal(size=(images, len(findings))).astype(np.float32)
    for name in ("wanted", "after"):
        fields[f"logits_{name}"] = rng.normal(size=(images, len(targets), len(findings))).astype(np.float32)
    for name in ("z", "before"):
        if f"logit_{name}" in own:
            fields[f"logits_{name}"][:, columns] = own.pop(f"logit_{name}")
    for name in ("wanted", "after"):
        if f"logit_{name}" in own:
            fields[f"logits_{name}"][:, range(len(targets)), columns] = own.pop(f"logit_{name}")
    return Explained(**fields | own)


def toy_responses(
    targets: list[str], findings: list[str], before: np.ndarray, after: np.ndarray, random: np.ndarray
) -> Responses:
    """Black pictures with these logits [P, F], [P, T, F] and [P, R, F]; moves of which z says nothing."""
    black = np.zeros((len(before), 1 + len(targets), SIDE, SIDE), dtype=np.uint8)
    ids = [f"cohort/{number}" for number in range(len(before))]
    return Responses(ids, targets, findings, before, after, random, 0 * after, black[:, 0], black[:, 1:])


def toy_classified(outputs: list[str], finetune: np.ndarray, **own: Any) -> Classified:
    """A classifier that gave the fine-tuning radiographs these logits [N, K]; of all else, only what `own` says."""
    number, none = len(outputs), np.empty((0, 0, len(outputs)))
    fields: dict[str, Any] = {
        "threshold": np.full(number, np.nan), "finetune_id": [f"cohort/{row}" for row in range(len(finetune))],
        "logits_base": np.empty((0, number)), "logits_picture": none,
        "logits_random": none, "weight": np.eye(number),
        "bias": np.zeros(number), "r2": np.ones(number), "auc": np.ones(number), "auc_low": np.full(number, 0.9),
        "classifier_sha256": ["toy"],
    }  # fmt: skip
    return Classified(outputs=outputs, logits_finetune=finetune, **(fields | own))


def toy_interventions(present: np.ndarray, directions: int = 2) -> Interventions:
    """Black pictures in which `TOY_FINDINGS` were put in, or where `present` [P, F] taken out."""
    number, findings = present.shape
    black = np.zeros((number, 8, 8), dtype=np.uint8)
    return Interventions(
        image_id=[f"cohort/{row}" for row in range(number)],
        findings=TOY_FINDINGS[:findings],
        present=present,
        original=black,
        base=black.copy(),
        picture=np.repeat(black[:, None], findings, axis=1),
        random=np.repeat(black[:, None], directions, axis=1),
    )
