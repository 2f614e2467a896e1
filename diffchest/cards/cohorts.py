"""What a datasheet says of each cohort that takes part: who publishes it, and what the run counted."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from diffchest import paths
from diffchest.cards.settings import CardParams
from diffchest.contracts.study_flow import EXCLUDED, ROLES
from diffchest.errors import DataError
from diffchest.files.yaml import parse_yaml

SOURCES = parse_yaml(
    files("diffchest.cards").joinpath("sources.yaml").read_text(encoding="utf-8"), source="sources.yaml"
)
CELLS = "cells"  # what `ingest` calls those that are blank or not understood
MOST_FINDINGS = 10  # of a cohort that are named, by role


@dataclass(frozen=True)
class Role:
    """What a role holds of one cohort after decoding, and its most frequent findings with their positives."""

    name: str
    images: int
    patients: int
    findings: int
    most: list[tuple[str, int]]


@dataclass(frozen=True)
class Cohort:
    """One cohort: `source` is its entry of `sources.yaml`, `flow` the study flow, (step, images, patients) in order.

    `pixels`: its row of `decoded.csv`; `unread`: of cells that are blank or not understood (what, how many, all rows).
    """

    name: str
    drawn: bool
    evaluated: bool
    source: dict[str, Any]
    flow: list[tuple[str, int, int]]
    roles: list[Role]
    pixels: dict[str, float]
    unread: list[tuple[str, int, int]]

    @property
    def title(self) -> str:
        """Its name, and what it is."""
        return f"{self.name}, {'phantoms' if self.drawn else self.source['name']}"

    @property
    def images(self) -> int:
        """How many images take part."""
        return sum(role.images for role in self.roles)

    @property
    def excluded(self) -> list[tuple[str, int, int]]:
        """What was left out: (reason, images, patients), without what left out nothing."""
        left_out = [row for row in self.flow if row[0].startswith(EXCLUDED) and row[1]]
        return [(step.removeprefix(EXCLUDED), images, patients) for step, images, patients in left_out]


def read_cohorts(params: CardParams) -> list[Cohort]:
    """Every cohort of `cohorts.datasets`. Raises `DataError` where a stage before has not written its table."""
    flow, decoding, decoded, positives, understood = (
        read(name, stage)
        for name, stage in (
            ("study_flow", "split"),
            ("decoding_flow", "build_lmdb"),
            ("decoded", "build_lmdb"),
            ("positives", "split"),
            ("understood", "split"),
        )
    )
    return [
        Cohort(
            name,
            name in params.phantoms,
            name == params.dataset,
            SOURCES[params.cohorts[name].format],
            _steps(flow, name) + [step for step in _steps(decoding, name) if step[0].startswith(EXCLUDED)],
            _roles(name, decoding, positives),
            _first_row(decoded, name),
            [
                (str(row["what"]), int(row["number"]), int(row["of"]))
                for _, row in understood[(understood["dataset"] == name) & (understood["about"] == CELLS)].iterrows()
            ],
        )
        for name in params.cohorts.datasets
    ]


def read(name: str, stage: str) -> pd.DataFrame:
    """A table of the run; `DataError` where it is missing."""
    path = paths.table(name)
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `dvc repro {stage}`")
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _steps(flow: pd.DataFrame, name: str) -> list[tuple[str, int, int]]:
    rows = flow[flow["dataset"] == name]
    return [
        (str(step), int(i), int(p)) for step, i, p in zip(rows["step"], rows["images"], rows["patients"], strict=True)
    ]


def _roles(name: str, decoding: pd.DataFrame, positives: pd.DataFrame) -> list[Role]:
    counted = {step: (images, patients) for step, images, patients in _steps(decoding, name)}
    roles = []
    for role in (role for role in ROLES if role in counted):
        found = positives[(positives["dataset"] == name) & (positives["role"] == role) & (positives["positives"] > 0)]
        most = found.sort_values(["positives", "finding"], ascending=[False, True]).head(MOST_FINDINGS)
        names = [(str(f), int(n)) for f, n in zip(most["finding"], most["positives"], strict=True)]
        roles.append(Role(role, *counted[role], len(found), names))
    return roles


def _first_row(decoded: pd.DataFrame, name: str) -> dict[str, float]:
    rows = decoded[decoded["dataset"] == name].drop(columns="dataset")
    return {str(column): float(rows[column].iloc[0]) for column in rows} if len(rows) else {}
