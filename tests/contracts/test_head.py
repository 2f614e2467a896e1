"""The file of a head; what the head knows: rows by name, fitted and evaluated findings, and errors that say who asked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from diffchest.contracts.head import Head, evaluated_findings
from diffchest.errors import DataError
from tests.helpers.toy_autoencoder import toy_head

TARGETS = ["finding 3", "finding 0"]


@pytest.fixture
def partly() -> Head:
    """Finding 3 was never fitted."""
    head = toy_head()
    head.weight[3] = np.nan
    return head


def test_rows_are_those_of_the_names():
    assert toy_head().rows(TARGETS).tolist() == [3, 0]
    assert toy_head().rows([]).dtype == np.int64


def test_unknown_and_unfitted_findings_are_errors(partly):
    with pytest.raises(DataError, match="the head has no finding 'findin 3'; did you mean 'finding 3'"):
        toy_head().rows(["findin 3"])
    with pytest.raises(DataError, match="there are 'finding 0', 'finding 1'"):
        toy_head().rows(["XQ"])
    with pytest.raises(DataError, match="could not be fitted for 'finding 3'"):
        partly.rows(TARGETS)


def test_what_could_not_be_fitted_is_left_out_and_the_error_says_who_asked(partly):
    assert partly.fitted == ["finding 0", "finding 1", "finding 2", "finding 4"]
    assert partly.choose_fitted(TARGETS, key="explain.targets") == ["finding 0"]
    with pytest.raises(DataError, match=r"^explain\.targets: the head could be fitted for none of \['finding 3'\]"):
        partly.choose_fitted(["finding 3"], key="explain.targets")
    with pytest.raises(
        DataError, match=r"^explain\.targets: the head has no finding 'findin 0'; did you mean 'finding 0'"
    ):
        partly.choose_fitted([*TARGETS, "findin 0"], key="explain.targets")


def test_evaluated_findings_have_enough_radiographs_and_a_fitted_head(capsys):
    head = replace(toy_head(3), findings=["normal", "goiter", "dai"])
    head.weight[2] = np.nan
    columns = {"normal": [1, 1, 1, 0, 0], "goiter": [1, 1, 0, 0, np.nan], "dai": [1, 1, 1, 0, 0]}
    labels = pd.DataFrame(columns, dtype=float)
    assert evaluated_findings(labels, head, positives_above=1) == ["goiter"]
    assert evaluated_findings(labels, head, positives_above=2) == []
    assert "none of 3 findings is judged" in capsys.readouterr().err


def test_head_survives_the_round_trip_in_equal_bytes(tmp_path):
    rng = np.random.default_rng(0)
    weight, bias, mean, sd, z = (rng.normal(size=size).astype(np.float32) for size in ((2, 3), 2, 3, 3, (9, 3)))
    seen = np.array([[90, 40], [90, 0]])
    head = Head(["common", "never"], weight, bias, mean, sd, model_sha256="abc", fitted_on=seen)
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in paths:
        head.save(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = Head.load(paths[0])
    assert again.seen is not None
    assert again.seen.loc["common"].to_dict() == {"n": 90, "positives": 40}
    assert (again.findings, again.model_sha256) == (["common", "never"], "abc")
    np.testing.assert_array_equal(again.logits(z), head.logits(z))


def test_missing_or_foreign_head_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.safetensors.*dvc repro fit_head"):
        Head.load(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("no head at all, but long enough to be read as one")
    with pytest.raises(DataError, match="not a head"):
        Head.load(tmp_path / "text")
