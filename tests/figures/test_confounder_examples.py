import numpy as np
import pandas as pd
import pytest

from diffchest import paths
from diffchest.contracts.responses import Responses
from diffchest.figures import confounder_examples
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import NothingToDrawError
from diffchest.params.base import OURS
from diffchest.params.whole import Params
from tests.helpers.report_inputs.audit import write_audit

PAIRS = pd.DataFrame(
    [("a", "x", 1.0, True), ("a", "y", 3.0, True), ("b", "x", 9.0, False), ("c", "x", 5.0, True)],
    columns=["target", "confounder", "effect", "flagged"],
)


def test_of_each_target_the_strongest_flagged_pair_is_shown():
    shown = confounder_examples.strongest(PAIRS)
    assert list(zip(shown["target"], shown["confounder"], strict=True)) == [("c", "x"), ("a", "y")]
    many = pd.DataFrame({"target": list("abcdefgh"), "confounder": "x", "effect": range(8), "flagged": True})
    assert list(confounder_examples.strongest(many)["target"]) == list("hgfed")


def test_pictures_are_those_of_our_head_and_both_answers_are_told(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.DATA.mkdir()
    write_audit(Params.load(root / "params.yaml"), np.random.default_rng(0))
    params = FigureParams.load(root / "params.yaml")
    pairs, kept = pd.read_csv(paths.audit(OURS)), Responses.load(paths.responses(OURS))
    best = confounder_examples.strongest(pairs).iloc[0]
    figure = confounder_examples.draw(params)
    names, picture, moved = figure.axes[:3]
    said = " ".join(text.get_text().replace("\n", " ") for text in names.texts)
    assert f"+{best['effect']:.1f} SD; labelled with it in 42%" in said
    assert f"alone it raises the score by {best['response']:.1f} SD" in said
    np.testing.assert_array_equal(picture.get_images()[0].get_array(), kept.reconstruction[0])
    target = kept.targets.index(best["target"])
    np.testing.assert_array_equal(moved.get_images()[0].get_array(), kept.counterfactual[0, target])
    pairs.assign(flagged=False).to_csv(paths.audit(OURS), index=False)
    with pytest.raises(NothingToDrawError, match="flags no pair"):
        confounder_examples.draw(params)
