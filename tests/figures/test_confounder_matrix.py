import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.figures import confounder_matrix
from diffchest.figures.settings import FigureParams
from diffchest.params.base import OURS
from diffchest.params.whole import Params
from tests.helpers.report_inputs.audit import write_audit


def test_what_appears_and_what_is_flagged_have_marks_of_their_own(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.DATA.mkdir()
    write_audit(Params.load(root / "params.yaml"), np.random.default_rng(0))
    pairs = pd.read_csv(paths.audit(OURS))
    axes = confounder_matrix.draw(FigureParams.load(root / "params.yaml")).axes[0]
    rows, columns = (
        [label.get_text() for label in labels] for labels in (axes.get_yticklabels(), axes.get_xticklabels())
    )
    shown = pairs[pairs["target"].isin(rows) & pairs["confounder"].isin(columns)]
    against = shown["contradicted_by_labels"]
    assert set(against[shown["flagged"]]) == {True, False}
    expected = [shown[shown["appears"] & ~shown["flagged"]], shown[shown["flagged"] & ~against], shown[against]]
    for marks, kept in zip(axes.collections[:3], expected, strict=True):
        at = {(rows[int(y)], columns[int(x)]) for x, y in marks.get_offsets()}
        assert at == set(zip(kept["target"], kept["confounder"], strict=True))
        assert at
