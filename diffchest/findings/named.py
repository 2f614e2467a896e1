"""Findings that `params.yaml` names, against those that the labels have: every misspelt one, and the near names."""

from collections.abc import Mapping, Sequence

import pandas as pd

from diffchest.errors import DataError
from diffchest.findings.disease_free import NORMAL
from diffchest.near_names import did_you_mean


def unknown_names(named: Mapping[str, Sequence[str]], known: Sequence[str], *, dataset: str) -> list[str]:
    """A line for each name that is not among `known`, the findings of `dataset`. named: names by their key."""
    return [
        f"{key}: {dataset} has no finding {name!r}; {did_you_mean(name, known)}"
        for key, names in named.items()
        for name in dict.fromkeys(names)
        if name not in known
    ]


def unused_prompts(prompts: Mapping[str, Sequence[str]], known: Sequence[str]) -> list[str]:
    """Findings with prompts that the labels lack in any case; "nothing abnormal" has another name in each dataset."""
    asked = {name.casefold() for name in [*known, *NORMAL]}
    return [name for name in prompts if name.casefold() not in asked]


def check_known(unknown: Sequence[str]) -> None:
    """Raise one `DataError` for all that `unknown_names` gave."""
    if unknown:
        lines = "".join(f"\n  {line}" for line in unknown)
        raise DataError(f"params.yaml names {len(unknown)} finding(s) that no label is called:{lines}")


def not_to_fit(targets: Sequence[str], labels: pd.DataFrame) -> dict[str, str]:
    """Those of `targets` without both classes among the fine-tuning radiographs, with their counts in words.

    labels: of the fine-tuning radiographs, 1, 0, NaN (not assessed), a column per finding.
    """
    counts = {name: (int((labels[name] == 1).sum()), int((labels[name] == 0).sum())) for name in targets}
    return {
        name: f"{positives:,} with it, {negatives:,} without"
        for name, (positives, negatives) in counts.items()
        if not positives or not negatives
    }
