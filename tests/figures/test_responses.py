import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.errors import DataError
from diffchest.figures import responses
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import NothingToDrawError
from diffchest.files.tables import write_metrics
from diffchest.params.base import OURS
from diffchest.params.whole import Params
from tests.helpers.report_inputs.audit import write_audit

NAMES = [OURS, "small_cnn"]


@pytest.fixture(scope="module")
def params(root):
    return FigureParams.load(root / "params.yaml")


@pytest.fixture
def audits(root, tmp_path, monkeypatch):
    """The working directory with made-up audits, and these."""
    monkeypatch.chdir(tmp_path)
    paths.DATA.mkdir()
    write_audit(Params.load(root / "params.yaml"), np.random.default_rng(0))
    return {name: pd.read_csv(paths.audit(name)).fillna({"responds": ""}) for name in NAMES}


def change_audit(name, **columns):
    pd.read_csv(paths.audit(name)).assign(**columns).to_csv(paths.audit(name), index=False)


def change_metrics(name, **found):
    path = paths.stage_metrics("confounders")
    metrics = json.loads(path.read_text())
    (metrics if name == OURS else metrics[name])["cace"] |= found
    write_metrics(path, metrics)


def matrices(figure: Figure):
    return [axes for axes in figure.axes if axes.get_images()]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_every_cell_is_the_response_of_its_row_to_its_column(params, audits):
    figure = responses.draw(params)
    columns = [label.get_text() for label in matrices(figure)[-1].get_xticklabels()]
    for axes, pairs in zip(matrices(figure), audits.values(), strict=True):
        expected = pairs.set_index(["target", "confounder"])["response"]
        rows = [label.get_text() for label in axes.get_yticklabels()]
        cells = np.ma.filled(axes.get_images()[0].get_array(), np.nan)
        assert cells.shape == (len(rows), len(columns))
        for row, target in enumerate(rows):
            for column, finding in enumerate(columns):
                value = expected.get((target, finding), np.nan)
                assert cells[row, column] == pytest.approx(value, nan_ok=True), (target, finding)


def test_flagged_pairs_that_are_in_the_matrix_have_a_mark_on_their_cell(params, audits):
    figure = responses.draw(params)
    columns = [label.get_text() for label in matrices(figure)[-1].get_xticklabels()]
    for axes, pairs in zip(matrices(figure), audits.values(), strict=True):
        rows = [label.get_text() for label in axes.get_yticklabels()]
        flagged = pairs[pairs["flagged"] & pairs["confounder"].isin(columns) & pairs["target"].isin(rows)]
        against = flagged["contradicted_by_labels"]
        for marks, kept in zip(axes.collections[:2], (flagged[~against], flagged[against]), strict=True):
            marked = {(rows[int(y)], columns[int(x)]) for x, y in marks.get_offsets()}
            assert marked == set(zip(kept["target"], kept["confounder"], strict=True))
        assert len(flagged)


def test_treatments_come_first_and_of_each_kind_what_scores_respond_to_most():
    pairs = pd.DataFrame(
        {
            "target": ["a", "a", "a", "b", "a", "a", "a"],
            "confounder": ["goiter", "pacemaker", "NSG tube", "goiter", "kyphosis", "scoliosis", "sternotomy"],
            "response": [-1.0, 0.2, -0.4, 0.0, 3.0, 0.6, np.nan],
        }
    )
    assert responses.by_kind(pairs) == ["NSG tube", "pacemaker", "scoliosis", "goiter", "kyphosis"]
    many = pd.DataFrame({"target": "a", "confounder": [f"f{n}" for n in range(60)], "response": np.arange(60.0)})
    assert responses.by_kind(many) == [f"f{n}" for n in range(59, 59 - responses.LARGEST, -1)]


def test_targets_stand_in_the_order_of_the_columns_and_then_others():
    pairs = pd.DataFrame({"target": ["z", "b", "a"], "confounder": ["a", "a", "b"], "response": [1.0, 2.0, 3.0]})
    matrix = responses.matrix_of(pairs, ["b", "a", "c"])
    assert list(matrix.index) == ["b", "a", "z"]
    assert list(matrix.columns) == ["b", "a", "c"]
    assert matrix.loc["a", "b"] == 3.0


def test_the_truth_of_each_classifier_is_drawn_with_the_numbers_of_its_metrics(params, audits):
    change_metrics("small_cnn", spearman=0.11, average_precision=0.22, falls_average_precision=None)
    figure = responses.draw(params)
    panels = [axes for axes in figure.axes if "CaCE" in axes.get_ylabel()]
    for axes, pairs in zip(panels, audits.values(), strict=True):
        points = np.concatenate([dots.get_offsets() for dots in axes.collections])
        expected = pairs[["response", "cace"]].to_numpy()
        np.testing.assert_allclose(points[np.argsort(points[:, 0])], expected[np.argsort(expected[:, 0])])
        low, high = axes.get_xlim()
        assert axes.get_ylim() == (low, high)
        assert low < points.min() < points.max() < high
        falls = axes.collections[1].get_offsets()
        assert len(falls) == (pairs["responds"] == "falls").sum() > 0
    said = [axes.texts[0].get_text() for axes in panels]
    assert said[0] == "Spearman 0.93\naverage precision of rises 0.91\n… of falls 0.87"
    assert said[1] == "Spearman 0.11\naverage precision of rises 0.22"


def test_rivals_stand_in_the_order_of_their_average_precision_and_unknown_ones_are_left_out(params, audits):
    rivals = {
        "lift": {"average_precision": 0.95},
        "picture": {"average_precision": None},
        "new": {"average_precision": 0},
    }
    change_metrics(OURS, rivals=rivals)
    figure = responses.draw(params)
    panel = next(axes for axes in figure.axes if "ranked by" in axes.get_title(loc="left"))
    names = [text.get_text() for text in panel.texts]
    assert names == ["lift of A and B in the labels  0.95", "response, of this audit  0.91", "new  0.00"]
    assert [bar.get_width() for bar in panel.patches] == [0.95, 0.91, 0]


def test_without_truth_there_are_matrices_alone_and_they_take_its_place(params, audits):
    before = matrices(responses.draw(params))[0].get_position().width
    for name in NAMES:
        change_audit(name, cace=np.nan, cace_low=np.nan, cace_high=np.nan)
        change_metrics(name, pairs=0, average_precision=None, rivals={})
    figure = responses.draw(params.model_copy(update={"phantoms": []}))
    assert len(figure.axes) == 3  # the colour bar is the third
    assert matrices(figure)[0].get_position().width > 1.5 * before
    assert not any(word in text for text in texts(figure) for word in ("CaCE", "average precision", "falls"))


def test_a_classifier_of_which_nothing_could_be_audited_is_named_and_not_drawn(params, audits):
    audits["small_cnn"].head(0).to_csv(paths.audit("small_cnn"), index=False)
    figure = responses.draw(params)
    assert len(matrices(figure)) == 1
    assert any("passed all gates: small_cnn" in text.replace("\n", " ") for text in texts(figure))
    audits[OURS].head(0).to_csv(paths.audit(OURS), index=False)
    with pytest.raises(NothingToDrawError, match="no output of diffchest, small_cnn passed"):
        responses.draw(params)


def test_a_missing_audit_names_the_stage_to_run(params, audits):
    paths.audit("small_cnn").unlink()
    with pytest.raises(DataError, match=r"small_cnn\.csv: no such file; run `dvc repro confounders`"):
        responses.draw(params)


@pytest.mark.parametrize("truth", [True, False])
def test_nothing_leaves_the_page(truth, params, audits):
    for name in NAMES if not truth else ():
        change_audit(name, cace=np.nan)
        change_metrics(name, pairs=0)
    figure = responses.draw(params)
    drawn = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height
