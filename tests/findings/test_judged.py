"""Which findings are judged: the cases by hand."""

import pandas as pd

from diffchest.findings.judged import counted, judged, reasons


def column(positives: int, negatives: int, blank: int = 0) -> list[float | None]:
    return [1.0] * positives + [0.0] * negatives + [None] * blank


def labels() -> pd.DataFrame:
    """Of 100 radiographs."""
    columns = {
        "mass": column(2, 98),
        "fibrosis": column(1, 99),
        "effusion": column(11, 89),
        "at the bound": column(10, 90),
        "nearly all": column(90, 10),
        "hardly assessed": column(20, 9, 71),
        "edema": column(40, 60),
        "unlearnt": column(40, 60),
    }
    return pd.DataFrame(columns, dtype=float)


SEEN = pd.DataFrame(
    {
        "mass": (200, 50),
        "fibrosis": (200, 3),
        "effusion": (200, 11),
        "at the bound": (200, 50),
        "nearly all": (200, 150),
        "hardly assessed": (200, 80),
        "edema": (200, 10),
    },
    index=["n", "positives"],
).T


def test_radiographs_of_each_finding_are_counted():
    assert counted(labels()).loc["hardly assessed"].tolist() == [29, 20]


def test_few_positives_or_negatives_in_test_or_fine_tuning_are_reasons():
    assert reasons(counted(labels()), SEEN, positives_above=10).to_dict() == {
        "mass": "2 test positives, more than 10 are needed",
        "fibrosis": "1 test positives, more than 10 are needed; 3 fine-tuning positives, more than 10 are needed",
        "effusion": "",
        "at the bound": "10 test positives, more than 10 are needed",
        "nearly all": "10 test negatives, more than 10 are needed",
        "hardly assessed": "9 test negatives, more than 10 are needed",
        "edema": "10 fine-tuning positives, more than 10 are needed",
        "unlearnt": "0 fine-tuning positives and 0 fine-tuning negatives, more than 10 are needed",
    }
    assert judged(labels(), SEEN, positives_above=10) == ["effusion"]


def test_where_nobody_knows_the_fine_tuning_radiographs_the_test_alone_counts():
    assert judged(labels(), None, positives_above=10) == ["effusion", "edema", "unlearnt"]


def test_that_none_is_judged_is_told_with_the_best_ones_and_what_to_do(capsys):
    assert judged(labels(), SEEN, positives_above=50) == []
    told = capsys.readouterr().err
    assert "none of 8 findings is judged" in told
    assert "edema (40 test positives, more than 50 are needed; 10 fine-tuning positives" in told
    assert "mass" not in told
    assert "lower evaluation.positives_above (50)" in told
