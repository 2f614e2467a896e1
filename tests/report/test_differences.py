import pytest

from diffchest.report.differences import compare_metrics, compare_tables
from diffchest.report.tolerances import Table, Tolerance

LOSSES = Table("losses", ("finding",), (Tolerance("loss", relative=0.1),))
EXACT = Table("counts", ("finding",))
TABLE = "finding,n,loss\nnodule,30,0.05\nmass,40,0.04\ngoiter,50,0.00001\n"


def said(committed, found, table=LOSSES):
    return [str(difference) for difference in compare_tables("losses.csv", committed, found, table).differences]


def test_equal_tables_have_no_differences_and_their_values_are_counted():
    comparison = compare_tables("losses.csv", TABLE, TABLE, EXACT)
    assert (comparison.name, comparison.values, comparison.differences) == ("losses.csv", 9, [])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("0.05", "0", "nodule: loss: 0.05 -> 0  (off by 0.05, allowed 0.005 (± 10%))"),
        ("0.05", "0.052", None),
        ("0.05", "", "nodule: loss: 0.05 -> (empty)"),
        ("0.05", "nan", "nodule: loss: 0.05 -> nan"),
        ("0.00001", "0.002", None),  # the column is of the size of 0.04
        ("0.00001", "0.0045", "goiter: loss: 0.00001 -> 0.0045  (off by 0.00449, allowed 0.004 (± 10%))"),
        ("40", "41", "mass: n: 40 -> 41  (off by 1, allowed 0 (equal))"),
        ("40", "40.0", None),
        ("40", "many", "mass: n: 40 -> many"),
        ("mass,40,0.04\n", "", "mass: there -> absent"),
        ("mass,40,0.04\n", "mass,40,0.04\nhernia,1,1\n", "hernia: absent -> there"),
        ("mass,40,0.04\n", "mass,40,0.04\nmass,41,0.04\n", "mass (occurrence 2): absent -> there"),
    ],
)
def test_a_cell_or_row_that_is_off_is_named_with_both_values_and_how_far(old, new, expected):
    changed = TABLE.replace(old, new, 1)
    assert said(TABLE, changed) == ([] if expected is None else [expected])


def test_missing_and_new_columns_and_files_are_named():
    assert said("finding,a\nnodule,1\n", "finding,b\nnodule,1\n") == [
        "column a: there -> absent",
        "column b: absent -> there",
    ]
    assert said(TABLE, None) == ["file: there -> absent"]
    assert said(None, TABLE) == ["file: absent -> there"]


def test_order_counts_only_where_every_column_must_be_equal():
    head, first, second, third = TABLE.splitlines(keepends=True)
    turned = head + third + first + second
    assert said(TABLE, turned) == []  # sorted by what the network gives
    assert [text.split(":")[0] for text in said(TABLE, turned, EXACT)] == ["order"]


def test_rows_without_a_key_are_compared_by_number():
    assert said("a\n1\n2\n", "a\n1\n3\n", Table("other", ())) == ["row 2: a: 2 -> 3  (off by 1, allowed 0 (equal))"]


def test_metrics_on_one_side_null_and_texts_are_differences():
    committed = {"pretrain": {"train_loss": 0.05, "images": {"train": 3}}, "a": None, "b": "pca", "c": 1.0, "d": None}
    found = {"pretrain": {"train_loss": 0.0, "images": {"train": 3}}, "a": 0.0, "b": "chexzero", "d": None, "e": True}
    comparison = compare_metrics("metrics.json", committed, found)
    assert comparison.values == 7
    assert [str(difference) for difference in comparison.differences] == [
        "a: null -> 0.0",
        "b: pca -> chexzero",
        "c: 1.0 -> absent",
        "e: absent -> True",
        "pretrain.train_loss: 0.05 -> 0.0  (off by 0.05, allowed 0.001 (± 2%))",
    ]
