import pandas as pd
import pytest

from diffchest.contracts.doubtful_heads import DoubtfulHeads
from diffchest.errors import DataError


def table(path):
    """`auc.csv` of four findings: one that is seen, one that may be chance, one worse than chance, one not judged."""
    rows = [
        ("diffchest", "seen", 0.8, 0.6, 0.9),
        ("diffchest", "may be chance", 0.54, 0.40, 0.67),
        ("diffchest", "reaches it", 0.7, 0.5, 0.8),
        ("diffchest", "worse", 0.3, 0.1, 0.45),
        ("diffchest", "few", None, None, None),
        ("pca", "seen", 0.5, 0.3, 0.7),
        ("pca", "few", 0.9, 0.8, 1.0),
    ]
    pd.DataFrame(rows, columns=["model", "finding", "auc", "low", "high"]).to_csv(path, index=False)
    return path


def test_heads_at_chance_and_those_not_judged_are_doubtful_by_our_own_rows(tmp_path):
    findings = ["few", "seen", "worse", "may be chance", "reaches it", "not in the table"]
    doubtful = DoubtfulHeads.among(findings, table(tmp_path / "auc.csv"))
    assert doubtful.chance == {
        "worse": (0.3, 0.1, 0.45),
        "may be chance": (0.54, 0.40, 0.67),
        "reaches it": (0.7, 0.5, 0.8),
    }
    assert doubtful.unjudged == ["few", "not in the table"]
    assert len(doubtful) == 5


def test_doubts_are_said_with_the_aucs(tmp_path):
    said = DoubtfulHeads.among(["may be chance", "few"], table(tmp_path / "auc.csv")).said
    assert said == (
        "the head may see no better than chance: may be chance (AUC 0.54, 0.40 to 0.67); "
        "too few radiographs to judge how well the head sees: few"
    )
    assert DoubtfulHeads.among(["seen"], table(tmp_path / "auc.csv")).said == ""


def test_without_the_table_the_stage_that_writes_it_is_named(tmp_path):
    with pytest.raises(DataError, match="dvc repro evaluate"):
        DoubtfulHeads.among(["seen"], tmp_path / "auc.csv")
