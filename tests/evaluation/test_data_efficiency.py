"""Heads on fractions of the training patients: AUCs and curves against scikit-learn, readers against counting."""

from fractions import Fraction
from itertools import pairwise, product

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.stats import norm, t
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import auc as area
from sklearn.metrics import confusion_matrix, roc_auc_score

from diffchest.cohorts.chexpert import read_readers
from diffchest.errors import DataError
from diffchest.evaluation.data_efficiency import (
    AUC_COLUMNS,
    COUNT_COLUMNS,
    CURVE_COLUMNS,
    READER_COLUMNS,
    Sample,
    count_readers,
    efficiency_metrics,
    mean_auc,
    measure,
    operating_points,
)
from diffchest.evaluation.roc import roc_points, thin
from diffchest.figures.data_efficiency import curve_label, draw_roc, name_readers
from diffchest.figures.style import RC
from diffchest.params.evaluation import BootstrapParams, DataEfficiencyParams
from diffchest.params.probe import ProbeParams
from diffchest.probe.fit import subsample_patients

FINDINGS = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]
FRACTIONS = [1.0, 0.3]
PROBE = ProbeParams(fraction=1.0, recipe="optimum", l2=1.0, l2_grid=[1.0], folds=2, seed=0)
BOOTSTRAP = BootstrapParams(unit="patient", resamples=50, confidence=0.95, interval="score", seed=0)
KINDS = ["finding"] * 3


def settings(redraws: int, fractions: list[float] = FRACTIONS) -> DataEfficiencyParams:
    return DataEfficiencyParams(
        dataset="chexpert", fractions=fractions, redraws=redraws, findings=FINDINGS, positives_above=30, seed=7
    )


def sample(n: int, seed: int) -> Sample:
    """Two findings that z tells, one that nobody has."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 5)).astype(np.float32)
    labels = (z[:, :2] + rng.normal(size=(n, 2)) > 0.5).astype(np.float32)
    columns = {"edema": labels[:, 0], "effusion": labels[:, 1], "never": np.zeros(n, dtype=np.float32)}
    return Sample(
        z, pd.DataFrame(columns), np.array([f"p{row // 2}" for row in range(n)]), np.arange(n).astype(str), KINDS
    )


@pytest.fixture(scope="module")
def measured() -> tuple[Sample, Sample, pd.DataFrame, pd.DataFrame]:
    train, test = sample(400, 0), sample(300, 1)
    return (
        train,
        test,
        *measure(train, test, settings=settings(1), probe=PROBE, bootstrap=BOOTSTRAP),
    )


@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize("finding", ["edema", "effusion"])
def test_auc_is_that_of_a_logistic_regression_on_those_patients(measured, fraction, finding):
    train, test, table, curves = measured
    kept = subsample_patients(train.patient_id, fraction, 7)
    x, x_test = ((z - train.z[kept].mean(axis=0)) / train.z[kept].std(axis=0) for z in (train.z[kept], test.z))
    model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x, train.labels[finding][kept])
    expected = roc_auc_score(test.labels[finding], model.decision_function(x_test))
    row = table[(table["finding"] == finding) & (table["fraction"] == fraction)].iloc[0]
    curve = curves[(curves["finding"] == finding) & (curves["fraction"] == fraction)]
    assert row["auc"] == pytest.approx(expected, abs=1e-3)
    assert area(curve["fpr"], curve["tpr"]) == pytest.approx(row["auc"])
    assert row["low"] < row["auc"] < row["high"]
    assert row["images"] == kept.sum()
    assert row["patients"] == round(fraction * 200)


def test_a_finding_without_positives_has_no_auc_and_no_curve(measured):
    _, _, table, curves = measured
    assert list(table.columns) == AUC_COLUMNS
    assert list(curves.columns) == CURVE_COLUMNS
    assert table.loc[table["finding"] == "never", ["auc", "low", "high"]].isna().all(axis=None)
    assert "never" not in set(curves["finding"])
    never = table[table["finding"] == "never"]
    assert set(never["reason"]) == {"0 test positives, more than 30 are needed"}
    assert set(zip(never["test_n"], never["test_positives"], strict=True)) == {(300, 0)}


def test_rows_that_were_not_assessed_are_left_out(measured):
    train, test, _, _ = measured
    labels = test.labels.copy()
    labels.loc[:99, "edema"] = np.nan
    blank = Sample(test.z, labels, test.patient_id, test.study_id, KINDS)
    cut = Sample(test.z[100:], test.labels[100:], test.patient_id[100:], test.study_id[100:], KINDS)
    results = [measure(train, part, settings=settings(1), probe=PROBE, bootstrap=BOOTSTRAP)[0] for part in (blank, cut)]
    assert results[0]["auc"].iloc[0] == pytest.approx(results[1]["auc"].iloc[0])


def test_thin_keeps_the_ends_and_at_most_that_many_points(measured):
    curves = measured[3]
    thinned = thin(curves, points=20)
    for key, curve in thinned.groupby(["finding", "fraction"]):
        whole = curves[(curves["finding"] == key[0]) & (curves["fraction"] == key[1])]
        assert len(curve) == 20 < len(whole)
        assert curve[["fpr", "tpr"]].iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert list(thin(curves.iloc[:0]).columns) == CURVE_COLUMNS


def test_operating_points_by_counting():
    labels = pd.DataFrame({"edema": [1, 1, 0, 0, np.nan], "effusion": [0, 0, 0, 0, 0]}, dtype=np.float32)
    calls = pd.DataFrame({"effusion": [0, 0, 0, 0, 1], "edema": [1, 0, 1, 0, 1]}, index=list("abcde"))
    points = operating_points({"bc4": calls.iloc[::-1]}, list("abcde"), labels)
    assert points.iloc[0].tolist() == ["edema", "bc4", 0.5, 0.5]
    assert points.iloc[1, 2] == pytest.approx(0.2)
    assert np.isnan(points.iloc[1, 3])
    with pytest.raises(DataError, match=r"bc4.*no row for 1 of 5 test studies.*'a'"):
        operating_points({"bc4": calls.iloc[1:]}, list("abcde"), labels)
    assert list(operating_points({}, [], labels).columns) == READER_COLUMNS


def test_readers_on_each_side_are_counted(measured):
    _, _, table, curves = measured
    readers = pd.DataFrame(
        [("edema", "bc4", 0.0, 1.0), ("edema", "bc6", 0.9, 0.1), ("edema", "bc8", 1.0, 1.0)], columns=READER_COLUMNS
    )
    counted = count_readers(table, curves, readers)
    assert list(counted.columns) == [*AUC_COLUMNS, *COUNT_COLUMNS]
    pd.testing.assert_frame_equal(counted[AUC_COLUMNS], table.reset_index(drop=True))
    assert (counted.loc[counted["finding"] == "edema", COUNT_COLUMNS] == 1).all(axis=None)
    assert counted.loc[counted["finding"] != "edema", COUNT_COLUMNS].isna().all(axis=None)
    metrics = efficiency_metrics(counted)
    assert list(metrics) == ["1", "0.3"]
    assert metrics["1"]["findings"]["edema"] == {
        "auc": table["auc"].iloc[0],
        "readers_above": 1,
        "readers_below": 1,
    }
    assert list(metrics["1"]["findings"]["effusion"]) == ["auc"]
    assert (metrics["0.3"]["macro_auc_findings"], metrics["0.3"]["macro_auc_left_out"]) == (2, 1)
    assert metrics["0.3"]["macro_auc"] == pytest.approx(table.loc[table["fraction"] == 0.3, "auc"].mean())


def test_several_draws_are_averaged(measured):
    train, test, once, _ = measured
    table, curves = measure(train, test, settings=settings(3), probe=PROBE, bootstrap=BOOTSTRAP)
    rows = table.set_index(["fraction", "finding"])
    assert rows["draws"].loc[1.0].eq(1).all()
    assert rows["draws"].loc[0.3].eq(3).all()
    pd.testing.assert_frame_equal(table[table["fraction"] == 1], once[once["fraction"] == 1])
    alone = [
        measure(
            train,
            test,
            settings=settings(1).model_copy(update={"seed": seed}),
            probe=PROBE,
            bootstrap=BOOTSTRAP,
        )[0]
        .set_index(["fraction", "finding"])["auc"]
        .loc[(0.3, "edema")]
        for seed in (7, 8, 9)
    ]
    edema = rows.loc[(0.3, "edema")]
    assert edema["auc"] == pytest.approx(np.mean(alone))
    assert edema["training_sd"] == pytest.approx(np.std(alone, ddof=1))
    assert rows["training_sd"].loc[1.0].isna().all()
    drawn = curves[(curves["finding"] == "edema") & (curves["fraction"] == 0.3)]
    assert area(drawn["fpr"], drawn["tpr"]) == pytest.approx(edema["auc"])
    assert rows.loc[(0.3, "never"), ["auc", "low", "high"]].isna().all()


def simulated_draws(rng, training_sd, draws=5, patients=150):
    """Test labels and the scores of `draws` heads whose own separation varies; the mean AUC over all heads is known."""
    y = (np.arange(patients) < 50).astype(float)
    noise = rng.normal(size=patients)
    separation = 1.0 + training_sd * rng.normal(size=draws)
    return y[:, None], np.stack([(distance * y + noise)[:, None] for distance in separation])


@pytest.mark.parametrize("interval", ["score", "percentile"])
@pytest.mark.parametrize(("training_sd", "least"), [(0.0, 0.91), (0.4, 0.88)])
def test_intervals_hold_both_sources_of_variation(interval, training_sd, least):
    """Binormal: the AUC of a head of separation d is Phi(d / sqrt 2), its mean over heads Phi(1 / sqrt(2 + sd^2))."""
    rng, held = np.random.default_rng(0), []
    truth = norm.cdf(1 / np.sqrt(2 + training_sd**2))
    bootstrap = BOOTSTRAP.model_copy(update={"interval": interval, "resamples": 100})
    for _ in range(200):
        y, scores = simulated_draws(rng, training_sd)
        found = mean_auc(y, scores, np.arange(len(y)), bootstrap)
        held.append(found["low"][0] <= truth <= found["high"][0])
    assert least < np.mean(held) <= 1


def test_the_variance_is_the_sum_of_both_parts():
    """s^2 / draws of the training patients beside that of the test patients: in the middle a symmetric interval."""
    y, scores = simulated_draws(np.random.default_rng(1), 0.0, patients=2000)
    moved = scores + np.linspace(-0.3, 0.3, 5)[:, None, None] * y
    same, apart = (mean_auc(y, each, np.arange(len(y)), BOOTSTRAP) for each in (scores, moved))
    assert same["training_sd"][0] == pytest.approx(0)
    aucs = [roc_auc_score(y[:, 0], score[:, 0]) for score in moved]
    assert apart["training_sd"][0] == pytest.approx(np.std(aucs, ddof=1))
    half = [(each["high"][0] - each["low"][0]) / 2 for each in (same, apart)]
    test, training = (half[0] / norm.ppf(0.975)) ** 2, np.var(aucs, ddof=1) / 5
    freedom = (test + training) ** 2 / (test**2 / 50 + training**2 / 4)
    assert half[1] == pytest.approx(t.ppf(0.975, freedom) * np.sqrt(test + training), rel=0.05)


@pytest.fixture(scope="module")
def chexpert(shared) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """The real test labels of the five findings, the benchmark radiologists' calls and six models' scores, by study."""
    root = shared / "data" / "chexpert_test"
    if not root.is_dir():
        pytest.skip("the CheXpert test labels are not there (a user's clone has none)")

    def read(path) -> pd.DataFrame:
        table = pd.read_csv(path)
        return table.set_index(table["Study"].str.extract(r"(patient\d+/study\d+)$", expand=False))[FINDINGS]

    truth = read(root / "groundtruth.csv").sort_index()
    models = {path.stem: read(path).loc[truth.index] for path in sorted((root / "models").glob("*.csv"))}
    assert len(models) == 6
    return truth, read_readers(root).benchmark, models


def exact_points(truth: np.ndarray, called: np.ndarray) -> list[tuple[Fraction, Fraction]]:
    """(1 - specificity, sensitivity) of each row of `called` (bool [rows, studies]), as fractions."""
    return [
        (
            Fraction(int(row[truth == 0].sum()), int((truth == 0).sum())),
            Fraction(int(row[truth == 1].sum()), int(truth.sum())),
        )
        for row in called
    ]


def exact_side(vertices: list[tuple[Fraction, Fraction]], x: Fraction, y: Fraction) -> int:
    """Whether (x, y) lies above (1), on (0) or below (-1) the line through the points of all thresholds, in order."""
    heights = [tpr for fpr, tpr in vertices if fpr == x]
    if not heights:  # two neighbouring thresholds are mixed
        (x0, y0), (x1, y1) = next((a, b) for a, b in pairwise(vertices) if a[0] < x < b[0])
        heights = [y0 + (y1 - y0) * (x - x0) / (x1 - x0)]
    return int(y > max(heights)) - int(y < min(heights))


def test_real_radiologists_and_models_are_drawn_and_counted_as_by_hand(chexpert, tmp_path):
    """Figure S2's panels from real labels; `figure_s2.png` in the test's folder is there to be looked at."""
    truth, benchmark, models = chexpert
    points = operating_points(benchmark, truth.index.tolist(), truth)
    assert len(points) == 3 * len(FINDINGS)
    for row in points.itertuples():
        matrix = confusion_matrix(truth[row.finding], benchmark[row.reader].loc[truth.index, row.finding])
        assert (row.fpr, row.tpr) == pytest.approx((matrix[0, 1] / matrix[0].sum(), matrix[1, 1] / matrix[1].sum()))

    auc, curves = [], []
    for finding, (name, scores) in product(FINDINGS, models.items()):
        curves.append(roc_points(truth[finding].to_numpy(float), scores[finding].to_numpy()))
        curves[-1] = curves[-1].assign(finding=finding, fraction=name)
        auc.append((finding, name, roc_auc_score(truth[finding], scores[finding])))
    auc, curves = pd.DataFrame(auc, columns=["finding", "fraction", "auc"]), pd.concat(curves)
    counted = count_readers(auc, curves, points)

    with mpl.rc_context(RC):
        _draw_six_models(counted, curves, points).savefig(tmp_path / "figure_s2.png", dpi=150)

    for row in counted.itertuples():
        labels, score = truth[row.finding].to_numpy(), models[row.fraction][row.finding].to_numpy()
        calls = np.stack([table.loc[truth.index, row.finding] == 1 for table in benchmark.values()])
        thresholds = np.array([np.inf, *np.unique(score)[::-1]])
        vertices = exact_points(labels, score >= thresholds[:, None])
        sides = [exact_side(vertices, x, y) for x, y in exact_points(labels, calls)]
        assert (row.readers_above, row.readers_below) == (sides.count(1), sides.count(-1)), row


def _draw_six_models(counted: pd.DataFrame, curves: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """The panels, each checked for three radiologists' points where they belong and a curve for each model."""
    figure = Figure(figsize=(7.1, 5.2), layout="constrained")
    for axes, finding in zip(figure.subplots(2, 3).ravel(), FINDINGS, strict=False):
        of_finding, own = curves[curves["finding"] == finding], points[points["finding"] == finding]
        rows = counted.loc[counted["finding"] == finding, ["fraction", "auc", *COUNT_COLUMNS]]
        draw_roc(
            axes,
            {curve_label(*row): of_finding[of_finding["fraction"] == row[0]] for row in rows.values},
            own,
            title=finding,
        )
        drawn = {tuple(map(float, artist.get_offsets()[0])) for artist in axes.collections}
        assert drawn == set(own[["fpr", "tpr"]].itertuples(index=False, name=None))
        assert len([line for line in axes.lines if not line.get_label().startswith("_")]) == 6
    figure.axes[-1].set_axis_off()
    name_readers(figure, points, what="radiologist")
    return figure
