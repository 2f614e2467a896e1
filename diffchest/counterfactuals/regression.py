"""What each finding adds to something while all other findings, view, sex and age are held: one linear regression."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from diffchest.findings.hierarchy import generic

RIDGE = 1.0  # in radiographs: as if each finding were seen once more and added nothing


@dataclass(frozen=True, eq=False)
class Regression:
    """A regression of y [N, K] on findings [N, F] and what else is held, all centred.

    * present: 1, 0 or a probability for each radiograph and finding, `completed`
    * design [N, p]: findings first; inverse [p, p]: of its cross product with `RIDGE`; effects [p, K]
    * rest [N, K]: what it leaves of y
    """

    present: pd.DataFrame
    design: np.ndarray
    inverse: np.ndarray
    effects: np.ndarray
    rest: np.ndarray
    kinds: Mapping[str, Sequence[str]]

    @classmethod
    def fit(
        cls,
        y: np.ndarray,
        present: pd.DataFrame,
        held: pd.DataFrame,
        kinds: Mapping[str, Sequence[str]] | None = None,
    ) -> Self:
        """Fit it; held: see `covariates`; kinds: besides those of `findings.hierarchy`."""
        kinds = kinds or {}
        full = completed(present, kinds)
        design = np.column_stack([full.to_numpy(np.float64), held.to_numpy(np.float64)])
        design -= design.mean(axis=0)
        centred = y - y.mean(axis=0)
        inverse = np.linalg.inv(design.T @ design + RIDGE * np.eye(design.shape[1]))
        effects = inverse @ (design.T @ centred)
        return cls(full, design, inverse, effects, centred - design @ effects, kinds)

    def added(self, finding: str) -> np.ndarray:
        """What `finding` adds to y: [K]."""
        return self._contrast(finding) @ self.effects

    @property
    def columns(self) -> int:
        """How many numbers are fitted: independent columns, and the mean."""
        return int(np.linalg.matrix_rank(self.design.T @ self.design, hermitian=True)) + 1

    @property
    def freedom(self) -> int:
        """Radiographs less `columns`, at least 1."""
        return max(len(self.design) - self.columns, 1)

    def standard_error(self, finding: str, groups: np.ndarray) -> np.ndarray:
        """Of `added`, [K], whatever the variance of the rest and however alike it is within groups (ids [N]).

        Liang and Zeger 1986, with the usual correction for few groups and for what was fitted.
        """
        weight = self.design @ (self.inverse @ self._contrast(finding))
        codes = np.unique(groups, return_inverse=True)[1]
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        square = np.square(np.add.reduceat((weight[:, None] * self.rest)[order], starts)).sum(axis=0)
        number = len(starts)
        return np.sqrt(square * number / max(number - 1, 1) * (len(groups) - 1) / self.freedom)

    def _contrast(self, finding: str) -> np.ndarray:
        """The coefficient of a kind is what it adds to what it is a kind of, which comes along."""
        names = [finding, *_above(self.present, finding, self.kinds)]
        chosen = np.zeros(self.design.shape[1])
        chosen[: self.present.shape[1]] = self.present.columns.isin(names)
        return chosen


def covariates(rows: pd.DataFrame) -> pd.DataFrame:
    """What is held besides the findings, of manifest rows: one column per view and sex, age and its square.

    Ages in units of 20 years; unknown ones are the mean.
    """
    held = pd.get_dummies(rows[["view", "sex"]].astype(str)).astype(float)
    age = rows["age"].astype(float) / 20.0
    age = age.fillna(age.mean() if age.notna().any() else 0.0)
    return held.assign(age=age, age_squared=age**2).reset_index(drop=True)


def completed(present: pd.DataFrame, kinds: Mapping[str, Sequence[str]] | None = None) -> pd.DataFrame:
    """`present` where who has a kind of a finding has the finding: a dual chamber device is a pacemaker.

    Not every radiograph is given both labels.
    """
    full = present.copy()
    for finding in present.columns:
        for above in _above(present, finding, kinds):
            full[above] = np.maximum(full[above], present[finding])
    return full


def _above(present: pd.DataFrame, finding: str, kinds: Mapping[str, Sequence[str]] | None) -> list[str]:
    return [name for name in generic(finding, kinds) if name in present.columns]
