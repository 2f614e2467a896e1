"""Which findings are judged: those with enough radiographs to test on and to learn from. One rule for all stages."""

import pandas as pd

from diffchest.progress import notice

CHANCE = 0.5  # AUC of a score that sees nothing: a head sees when its whole interval lies above
BEST = 3  # findings named where none is judged


def counted(labels: pd.DataFrame) -> pd.DataFrame:
    """How many radiographs of a label table (1, 0, NaN) each finding has: index finding; n (assessed), positives."""
    counts = {"n": labels.notna().sum(), "positives": (labels == 1).sum()}
    return pd.DataFrame(counts).astype("int64")


def reasons(test: pd.DataFrame, seen: pd.DataFrame | None, *, positives_above: int, whose: str = "") -> pd.Series:
    """Why each finding of `test` is not judged, "" where it is.

    A finding is judged with more than `positives_above` positives, and more than as many negatives (few of either are
    as uncertain), among the test radiographs, and as many among those that its head has seen. test, seen: `counted`;
    seen is None where nobody knows what a head has learnt from. A finding that is not in `seen` has no head. whose:
    what is said of counts in `seen`, such as " of our head" beside another model.
    """
    found = [_reason(counts, "test", positives_above) for counts in test[["n", "positives"]].to_numpy().tolist()]
    if seen is not None:
        known = seen.reindex(test.index, fill_value=0)[["n", "positives"]].to_numpy().tolist()
        learnt = [_reason(counts, "fine-tuning", positives_above, whose) for counts in known]
        found = ["; ".join(filter(None, both)) for both in zip(found, learnt, strict=True)]
    return pd.Series(found, index=test.index, dtype=str)


def judged(labels: pd.DataFrame, seen: pd.DataFrame | None, *, positives_above: int) -> list[str]:
    """The findings of the test labels that are judged; none is told, with the counts of the most frequent ones."""
    test = counted(labels)
    why = reasons(test, seen, positives_above=positives_above)
    if (why != "").all():
        first = test.assign(fewer=test["positives"].clip(upper=test["n"] - test["positives"]))
        best = first.nlargest(BEST, "fewer").index
        named = ", ".join(f"{finding} ({why[finding]})" for finding in best)
        notice(
            f"none of {len(test)} findings is judged, and tables and figures of findings are empty: {named}; label "
            f"more radiographs, or lower evaluation.positives_above ({positives_above}) and trust no single number"
        )
    return [str(finding) for finding in test.index[why == ""]]


def _reason(counts: list[int], where: str, positives_above: int, whose: str = "") -> str:
    n, positives = counts
    few = {"positives": positives, "negatives": n - positives}
    told = [f"{number} {where} {what}" for what, number in few.items() if number <= positives_above]
    return f"{' and '.join(told)}{whose}, more than {positives_above} are needed" if told else ""
