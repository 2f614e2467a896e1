"""What a model card says of the network and the head: their files, what they learnt from, and how well they do."""

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open

from diffchest import paths
from diffchest.cards.cohorts import read
from diffchest.cards.settings import CardParams
from diffchest.errors import DataError
from diffchest.findings.averaged import averaged
from diffchest.findings.judged import CHANCE
from diffchest.params.base import OURS


@dataclass(frozen=True)
class Group:
    """The gaps between groups of one attribute in one measure: how many were tested, and how many hold after Holm."""

    measure: str
    attribute: str
    tested: int
    significant: int
    largest: str


@dataclass(frozen=True)
class Model:
    """The files, by the names of the card's rows, and the numbers that stages wrote, as they wrote them.

    config: of the model's file; auc: rows of `auc.csv` of our head, the highest first; calibration: its metrics;
    audits: (classifier, pairs, flagged pairs); flagged: (target, confounder) that the audit of our head flags.
    """

    version: str
    files: dict[str, str]
    config: dict[str, Any]
    metrics: dict[str, Any]
    auc: pd.DataFrame
    groups: list[Group]
    audits: list[tuple[str, int, int]]
    flagged: list[tuple[str, str]]

    @property
    def few(self) -> tuple[int, int]:
        """The fewest and the most test positives of a label that has an AUC."""
        positives = self.auc["positives"]
        return (int(positives.min()), int(positives.max())) if len(positives) else (0, 0)

    @property
    def unclear(self) -> list[str]:
        """Labels whose interval holds an AUC of chance."""
        at_chance = (self.auc["low"] <= CHANCE) & (self.auc["high"] >= CHANCE)
        return self.auc.loc[at_chance, "finding"].tolist()

    @property
    def not_drawn(self) -> list[str]:
        """On phantoms, the findings that no picture shows; none otherwise."""
        drawn = self.auc["drawn"].astype(bool)
        return self.auc.loc[~drawn & averaged(self.auc["kind"]), "finding"].tolist() if drawn.any() else []

    def metric(self, stage: str, *keys: str) -> Any:
        """One number of a stage's metrics, or None."""
        found: Any = self.metrics.get(stage)
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found


def read_model(params: CardParams) -> Model:
    """Read what stages wrote; `DataError` for a file that is missing or is no model of ours."""
    metrics = {
        stage: json.loads(path.read_text(encoding="utf-8"))
        for stage in ("pretrain", "fit_head", "evaluate", "calibration", "confounders")
        if (path := paths.stage_metrics(stage)).is_file()
    }
    auc, gaps = read("auc", "evaluate"), read("subgroup_gaps", "subgroups")
    audits = [(name, *_pairs(metrics.get("confounders", {}), name)) for name in params.classifiers.sections]
    return Model(
        version("diffchest"),
        {path.as_posix(): _sha256(path) for path in (paths.AUTOENCODER, paths.HEAD)},
        _config(paths.AUTOENCODER),
        metrics,
        auc[(auc["model"] == OURS) & auc["auc"].notna()].sort_values("auc", ascending=False),
        _groups(gaps[gaps["model"] == OURS]) if len(gaps) else [],
        audits,
        _flagged(),
    )


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `dvc repro fit_head`")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _config(path: Path) -> dict[str, Any]:
    """What the model's file says of itself: model, diffusion, image_size."""
    try:
        with safe_open(path, "np") as file:
            return json.loads((file.metadata() or {})["diffchest"])
    except (SafetensorError, KeyError) as error:
        raise DataError(f"{path}: not a DiffChest model ({error}); delete it and run `dvc repro pretrain`") from None


def _pairs(confounders: dict[str, Any], name: str) -> tuple[int, int]:
    found = confounders if name == OURS else confounders.get(name, {})
    return int(found.get("pairs") or 0), int(found.get("flagged") or 0)


def _flagged() -> list[tuple[str, str]]:
    path = paths.audit(OURS)
    if not path.is_file():
        return []
    table = pd.read_csv(path)
    rows = table[table["flagged"].astype(bool)] if len(table) else table
    return list(zip(rows["target"], rows["confounder"], strict=True))


def _groups(gaps: pd.DataFrame) -> list[Group]:
    groups = []
    for (measure, attribute), rows in gaps.groupby(["measure", "attribute"], sort=True):
        most = rows.nlargest(1, "gap").iloc[0]
        largest = f"{most['finding']}: {most['lowest']} to {most['highest']}, {most['gap']:.2f}"
        groups.append(Group(str(measure), str(attribute), len(rows), int(np.sum(rows["p_holm"] < 0.05)), largest))
    return groups
