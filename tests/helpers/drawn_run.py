"""A working folder as the drawing stages leave it: what they kept, and what judging reads beside it; no network."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from diffchest import paths
from diffchest.contracts.explained import Axioms, Explained, Reconstructions
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.labels import write_labels
from diffchest.contracts.latents import Latents
from diffchest.contracts.manifest import write_manifest
from diffchest.contracts.twin_scores import TwinScores
from diffchest.contracts.twins import Twins
from diffchest.contracts.witness import Witness
from diffchest.params.base import OURS
from tests.helpers.repository import ROOT
from tests.helpers.toy_autoencoder import DIMENSIONS, toy_head, toy_moves
from tests.helpers.toy_drawings import SIDE, toy_classified, toy_explained, toy_responses

FINDINGS = ["cardiomegaly", "pacemaker", "sternotomy", "pneumothorax", "kyphosis"]  # no picture shows the last
TARGETS = ["pacemaker", "cardiomegaly"]
IMAGES, TEST = 90, 30  # the first 30 are for testing


def write_drawn_run() -> None:
    """Write it to the working directory."""
    rng = np.random.default_rng(0)
    ids = [f"padchest/{number:02}" for number in range(IMAGES)]
    labels = pd.DataFrame((rng.random((IMAGES, len(FINDINGS))) < 0.4) * 1.0, index=ids, columns=FINDINGS)
    labels["sternotomy"] = labels["pacemaker"]
    write_labels(paths.labels("padchest"), labels.astype("float32"), blank_is_negative=False, uncertain="zeros")
    rows = {"image_id": ids, "dataset": "padchest", "patient_id": ids, "study_id": "", "source": "x", "view": "PA"}
    roles = ["test"] * TEST + ["finetune"] * (IMAGES - TEST)
    manifest = pd.DataFrame(rows).assign(sex="F", age=60.0, role=roles, bits_stored=0, inverted=False)
    write_manifest(paths.STORED_MANIFEST, manifest)
    replace(toy_head(), findings=FINDINGS).save(paths.HEAD)
    Latents(np.array(ids), rng.normal(size=(IMAGES, DIMENSIONS)).astype(np.float32), "toy").save(paths.LATENTS)

    head = replace(toy_head(), findings=FINDINGS)
    toy_moves(head).save(paths.MOVES)
    measured = toy_explained(TARGETS, ids[:20], FINDINGS)
    Explained.save_all(paths.MEASURED, [measured])
    Explained.save_all(paths.OTHER_WAY, [toy_explained(TARGETS, ids[20:30], FINDINGS)])
    few = measured.sample(4, seed=0)
    unmoved = np.repeat(few.original[:, None], 10, axis=1)
    Axioms.save_all(paths.AXIOMS, [Axioms(few.image_id, TARGETS, few.original, few.counterfactual, unmoved)])
    write_twins(ids, rng)
    pictures = rng.integers(0, 256, (3, 12, 8, 8), dtype=np.uint8)
    Reconstructions(ids[:12], *pictures, np.zeros((12, 8, 8), np.float16)).save(paths.RECONSTRUCTIONS)
    before, random = rng.normal(size=(16, 5)), rng.normal(size=(16, 4, 5))
    rise = np.zeros((4, 5))
    rise[[0, 2], [2, 0]] = 6.0  # cardiomegaly and sternotomy
    rise[1, 3] = 3.0
    after = before[:, None] + rise + 0.3 * rng.normal(size=(16, 4, 5))
    write_audit(ids, labels, (before, after, random), rng)
    change_params()


def write_audit(ids: list[str], labels: pd.DataFrame, logits: tuple[np.ndarray, ...], rng: np.random.Generator) -> None:
    """Our head alone, whose scores of cardiomegaly and sternotomy respond to each other; so do their twins."""
    drawn = FINDINGS[:4]
    before, after, random = (part[..., :4] for part in logits)
    toy_responses(drawn, drawn, before, after, random).save(paths.responses(OURS))
    known = labels.iloc[TEST:]
    scores = rng.normal(size=(len(known), 4))
    scores[:, 0] += 3 * known["sternotomy"]
    scores[:, 2] += 3 * known["cardiomegaly"]
    shape = (4, 4)
    black = np.zeros((*shape, SIDE, SIDE), dtype=np.uint8)
    present = labels.iloc[:4][drawn].to_numpy() == 1
    Interventions(ids[:4], drawn, present, black[:, 0], black[:, 0], black, black[:, :2]).save(paths.INTERVENTIONS)
    twin = [f"{image_id}|{finding}|0" for image_id in ids[:4] for finding in drawn]
    change = np.zeros((*shape, 4))
    change[:, 2, 0], change[:, 0, 2] = np.where(present[:, [2, 0]], -2.0, 2.0).T
    toy_classified(
        drawn,
        scores,
        finetune_id=ids[TEST:],
        logits_base=np.zeros(shape),
        logits_picture=change / 2,
        logits_random=np.zeros((4, 2, 4)),
        weight=np.eye(4, DIMENSIONS),
    ).save(paths.classified(OURS))
    scored = TwinScores(drawn, ids[:4], drawn, present, np.zeros(shape), twin, change.reshape(-1, 4))
    scored.save(paths.twin_scores(OURS))


def write_twins(ids: list[str], rng: np.random.Generator) -> None:
    """Two placements of each target in the first 20 radiographs, its absence in ten others, and a witness of both."""
    named = [(image_id, target, place, True) for image_id in ids[:20] for target in TARGETS for place in (0, 1)]
    named += [(image_id, target, 0, False) for image_id in ids[20:30] for target in TARGETS]
    images, findings, places, added = (list(part) for part in zip(*named, strict=True))
    pictures = rng.integers(0, 256, (len(named), SIDE, SIDE), dtype=np.uint8)
    twins = Twins(images, findings, np.array(added), np.array(places), pictures, pictures > 99)
    twins.save(paths.TWINS)
    z = rng.normal(size=(len(named), DIMENSIONS)).astype(np.float32)
    Latents(np.array(twins.ids), z, "toy").save(paths.TWIN_LATENTS)
    weight = rng.normal(size=(2, SIDE**2)).astype(np.float32)
    Witness(TARGETS, weight, np.zeros(2, np.float32), *np.float32([[0] * SIDE**2, [1] * SIDE**2])).save(paths.WITNESS)


def change_params(**changes: object) -> None:
    """Write `params.yaml`: the default with `changes`, `__` for the dots of a key."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    for key, value in {"evaluation__positives_above": 3, "classifiers": {OURS: {"kind": "own"}}, **changes}.items():
        *sections, last = key.split("__")
        section = params
        for name in sections:
            section = section[name]
        section[last] = value
    yaml.dump(params, Path("params.yaml"))


def judge(stage: str) -> str:
    """Run a stage without DVC, and see that it loads no network; what it printed."""
    code = (
        f"import runpy, sys; runpy.run_path({str(ROOT / 'stages' / f'{stage}.py')!r}, run_name='__main__'); "
        "assert not [name for name in sys.modules if name == 'torch' or name.startswith('diffchest.model')]"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def kept() -> dict[Path, tuple[bytes, int]]:
    """Everything that was drawn: content and time."""
    files = [*paths.EXPLANATIONS.glob("*"), *paths.INTERVENTIONS.parent.glob("*")]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
