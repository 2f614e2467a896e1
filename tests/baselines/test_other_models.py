"""Files of other models: features with image ids, and scores of a part of the test images."""

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from sklearn.metrics import roc_auc_score

from diffchest.baselines.features import read_features
from diffchest.baselines.models import BaselineParams, Task, score
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.scores import match_images, read_scores, write_scores
from diffchest.errors import DataError
from diffchest.evaluation.auc import auc_table
from diffchest.evaluation.calibration import calibration_tables
from diffchest.evaluation.comparison import comparison_table
from diffchest.evaluation.subgroups import subgroup_tables
from diffchest.evaluation.test_set import TestSet
from diffchest.params.baselines import ScoredModels
from tests.evaluation.test_auc import BOOTSTRAP, TESTS
from tests.evaluation.test_subgroups import PARAMS as GROUPS

N = 200
IDS = [f"set/{number}" for number in range(N)]


@pytest.fixture
def raw(root):
    """The committed parameters, to be changed."""
    return YAML(typ="safe").load(root / "params.yaml")


@pytest.fixture(scope="module")
def test_set():
    y = np.random.default_rng(0).random((N, 2)) < 0.4
    labels = pd.DataFrame(y * 1.0, columns=["edema", "mass"], index=pd.Index(IDS, name="image_id"))
    return TestSet.choose(labels, np.arange(N) // 2, positives_above=20)


@pytest.fixture(scope="module")
def scores(test_set):
    """Of two models: one of all images, one of 150 in another order."""
    rng = np.random.default_rng(1)
    ours, theirs = (1 / (1 + np.exp(-test_set.labels - rng.normal(size=(N, 2)))) for _ in range(2))
    return ours, theirs.iloc[rng.permutation(N)[:150]]


def part_of(test_set, theirs):
    """The test set cut to the images of a model by hand, and their places."""
    rows = [row for row, image_id in enumerate(IDS) if image_id in set(theirs.index)]
    return TestSet(test_set.labels.iloc[rows], test_set.patients[rows]), rows


def test_a_model_is_evaluated_on_the_images_it_scores(test_set, scores):
    _, theirs = scores
    table, metrics = auc_table(test_set, theirs, model="theirs", drawn=(), params=BOOTSTRAP)
    assert metrics["unscored_images"] == 50
    for row in table.itertuples():
        assert row.n == 150
        y = test_set.labels.loc[theirs.index, row.finding]
        assert row.auc == pytest.approx(roc_auc_score(y, theirs[row.finding]))
        assert row.positives == y.sum()


def test_two_models_are_compared_on_the_images_both_score(test_set, scores):
    ours, theirs = scores
    part, rows = part_of(test_set, theirs)
    found = comparison_table(test_set, ours, theirs, **TESTS)
    expected = comparison_table(part, ours.iloc[rows], theirs.loc[part.labels.index], **TESTS)
    pd.testing.assert_frame_equal(found, expected)
    assert set(found["n"]) == {150}
    first = found.iloc[0]
    y = test_set.labels.loc[theirs.index, first["finding"]]
    assert first["auc"] == pytest.approx(roc_auc_score(y, ours.loc[theirs.index, first["finding"]]))


def test_groups_and_calibration_take_the_same_part(test_set, scores):
    _, theirs = scores
    part, rows = part_of(test_set, theirs)
    about = pd.DataFrame({"sex": np.where(np.arange(N) % 3, "F", "M"), "age": np.linspace(20, 90, N), "view": "PA"})
    options = {"model": "theirs", "params": GROUPS, "bootstrap": BOOTSTRAP}
    ordered = theirs.loc[part.labels.index]
    found = subgroup_tables(test_set, theirs, about, **options)
    for table, expected in zip(found, subgroup_tables(part, ordered, about.iloc[rows], **options), strict=True):
        pd.testing.assert_frame_equal(table, expected)
    found = calibration_tables(test_set, theirs, model="theirs", params=BOOTSTRAP)
    for table, expected in zip(found, calibration_tables(part, ordered, model="theirs", params=BOOTSTRAP), strict=True):
        pd.testing.assert_frame_equal(table, expected)


def test_findings_that_become_too_rare_are_left_out_and_no_image_is_an_error(test_set, scores):
    positives = test_set.labels["edema"] == 1
    few = pd.concat([scores[0][~positives], scores[0][positives].head(5)])
    assert list(test_set.scored_by(few).labels.columns) == ["mass"]
    with pytest.raises(DataError, match="none of the 200 test radiographs is scored by all models"):
        test_set.scored_by(scores[0].head(20), scores[0].tail(20))


def test_unscored_images_are_counted_and_too_few_scores_refused(tmp_path, scores, capsys):
    path = tmp_path / "theirs.csv"
    scores[1].to_csv(path)
    assert read_scores(path, IDS, min_scored=0.75).index.tolist() == [name for name in IDS if name in scores[1].index]
    assert "theirs.csv: no scores for 50 of 200 test images, such as 'set/" in capsys.readouterr().err
    message = r"theirs\.csv: no row for 50 of 200 images.* expected 80% .* lower evaluation\.min_scored"
    with pytest.raises(DataError, match=message):
        read_scores(path, IDS, min_scored=0.8)
    with pytest.raises(DataError, match=r"no row for 2 of 2 images, such as 'x', 'y', the file has 150 others"):
        match_images(scores[1].index, ["y", "x"], source=path, least=0.0)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_damaged_table_is_named(tmp_path, suffix):
    path = tmp_path / f"scores.{suffix}"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=rf"scores\.{suffix}: not a whole \.{suffix} table"):
        read_scores(path, IDS)


@pytest.mark.parametrize("suffix", ["npz", "parquet", "csv"])
def test_features_are_read_from_arrays_and_tables(tmp_path, suffix):
    features, path = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32), tmp_path / f"encoder.{suffix}"
    table = pd.DataFrame(features, columns=["a", "b", "c"], index=pd.Index(IDS, name="image_id")).reset_index()
    if suffix == "npz":
        np.savez(path, image_id=np.array(IDS), features=features)
    else:
        table.to_parquet(path) if suffix == "parquet" else table.to_csv(path, index=False)
    found = read_features(path)
    assert found.index.tolist() == IDS
    np.testing.assert_allclose(found.to_numpy(), features, rtol=1e-6)
    assert found.to_numpy().dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"ids": IDS, "features": np.zeros((N, 2))}, "expected the arrays `image_id` and `features`"),
        ({"image_id": IDS, "features": np.zeros((N, 2, 2))}, r"features \(200, 2, 2\) of float64; expected \[N\]"),
        ({"image_id": IDS[1:], "features": np.zeros((N, 2))}, r"image_id is \(199,\), features \(200, 2\)"),
        ({"image_id": IDS, "features": np.full((N, 2), "a")}, "of <U1; expected"),
        ({"image_id": ["a", "b", "a"], "features": np.zeros((3, 2))}, "1 duplicated image ids, such as 'a'"),
        ({"image_id": ["a", "b"], "features": np.array([[0, np.nan]] * 2)}, "2 values are NaN or infinite"),
        ({"image_id": ["a"], "features": np.array([[1e300]])}, "1 values are NaN or infinite"),
        ({"image_id": ["a"], "features": np.zeros((1, 0))}, "1 rows of 0 numbers"),
        ({"image_id": np.array([b"\xff"]), "features": np.zeros((1, 2))}, "not a whole npz file"),
        ({"image_id": np.array([{}, {}]), "features": np.zeros((2, 2))}, "not a whole npz file of plain arrays"),
    ],
)
def test_features_that_do_not_fit_are_named(tmp_path, arrays, message):
    path = tmp_path / "encoder.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message) as caught:
        read_features(path)
    assert str(path) in str(caught.value)


def test_missing_and_damaged_features_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        read_features(tmp_path / "none.npz")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    np.savez_compressed(
        tmp_path / "flipped.npz", image_id=np.array(IDS), features=np.random.default_rng(0).random((N, 9))
    )
    damaged = bytearray((tmp_path / "flipped.npz").read_bytes())
    damaged[-6000:-5000] = bytes(1000)
    (tmp_path / "flipped.npz").write_bytes(damaged)
    for name in ("cut", "array", "flipped"):
        with pytest.raises(DataError, match=rf"{name}\.npz: (not a whole npz file|expected the arrays)"):
            read_features(tmp_path / f"{name}.npz")


def test_columns_that_are_no_finding_are_left_out_whatever_they_hold(tmp_path, capsys):
    path = tmp_path / "theirs.csv"
    pd.DataFrame({"image_id": IDS, "edema": 0.5, "patient": "x", "age": np.nan}).to_csv(path, index=False)
    assert read_scores(path, IDS, findings=["edema", "mass"]).columns.tolist() == ["edema"]
    assert "2 columns that are no finding of the labels, such as 'patient'" in capsys.readouterr().err
    with pytest.raises(
        DataError, match=r"theirs\.csv: none of its columns, .* is a finding of the labels, such as \['Edema'"
    ):
        read_scores(path, IDS, findings=["Edema"])


def test_scores_keep_their_precision(tmp_path):
    close = 1 - 10.0 ** -np.arange(5, 15)
    write_scores(tmp_path / "a.parquet", close[:, None], model="a", image_ids=IDS[:10], findings=["edema"])
    assert read_scores(tmp_path / "a.parquet", IDS[:10])["edema"].nunique() == 10


def test_only_users_files_may_lack_test_images(raw):
    raw["baselines"]["own"] = {"scores": "own.csv"}
    params = ScoredModels.parse(raw)
    assert [params.least_scored(model) for model in ("diffchest", "pca", "own")] == [1.0, 1.0, 0.5]


class GivenLabels(Task):
    """A task whose labels need no files: `edema` follows the first feature."""

    def labels(self, image_ids):
        known = pd.DataFrame({"edema": np.arange(N) % 2 * 1.0, "mass": np.arange(N) % 3 == 0}, index=IDS)
        return known.loc[list(image_ids)].astype(np.float64)


@pytest.fixture
def task(raw, tmp_path):
    raw["baselines"] |= {"own": {"scores": str(tmp_path / "own.csv")}, "encoder": {"features": str(tmp_path / "e.npz")}}
    manifest = pd.DataFrame({"image_id": IDS, "patient_id": [f"p{row // 2}" for row in range(N)]})

    def make(model):
        return GivenLabels(BaselineParams.parse(raw, key=model), Dataset("padchest", manifest), IDS[:120], IDS[120:])

    return make


def test_features_are_matched_to_labels_and_images_by_id(task, tmp_path):
    """The file's rows are in another order; the second feature is the label, so a mistaken order would not find it."""
    order = np.random.default_rng(0).permutation(N)
    features = np.stack([np.random.default_rng(1).normal(size=N), np.arange(N) % 2 * 2.0 - 1], axis=1)
    np.savez(tmp_path / "e.npz", image_id=np.array(IDS)[order], features=features[order])
    scored = score(task("encoder"))
    assert scored.image_ids == IDS[120:]
    np.testing.assert_array_equal(scored.scores["edema"] > 0.5, np.arange(120, N) % 2 == 1)


def test_a_score_file_is_taken_by_id(task, tmp_path):
    table = pd.DataFrame({"image_id": IDS[120:190], "mass": np.arange(70.0)}).iloc[::-1]
    table.to_csv(tmp_path / "own.csv", index=False)
    scored = score(task("own"))
    assert scored.image_ids == IDS[120:190]
    assert scored.scores["mass"].tolist() == list(range(70))
    assert scored.table["scored"].tolist() == [False, True]
