"""What a zero-shot model is asked for each finding."""

from collections.abc import Mapping, Sequence

import pandas as pd

from diffchest.errors import DataError

TEMPLATES = ("{finding}", "no {finding}")  # of presence and of absence, those of CheXzero (Tiu et al. 2022)


def prompts_of(findings: Sequence[str], table: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The prompts of each finding: columns finding, positive, negative, default (no entry in `table`).

    `table` maps a finding, by its name in the labels in any case, to the prompts of its presence and of its absence;
    others are asked for by `TEMPLATES`. Raises `DataError` for a finding whose name says nothing and that is not there.
    """
    table = {finding.casefold(): prompts for finding, prompts in table.items()}
    nameless = [
        name for name in findings if name.casefold() not in table and not any(letter.isalpha() for letter in name)
    ]
    if nameless:
        raise DataError(
            f"finding {nameless[0]!r}: its name makes no prompt; add `{nameless[0]!r}: [present, absent]`, in words, "
            "to baselines.chexzero.prompts in params.yaml"
        )
    rows = [
        table.get(name.casefold()) or [template.format(finding=name) for template in TEMPLATES] for name in findings
    ]
    positive, negative = ([row[side] for row in rows] for side in (0, 1))
    default = [name.casefold() not in table for name in findings]
    return pd.DataFrame({"finding": findings, "positive": positive, "negative": negative, "default": default})
