"""What CheXzero is asked for each finding."""

import pytest

from diffchest.baselines.prompts import prompts_of
from diffchest.errors import DataError
from diffchest.params.whole import Params


def test_prompts_say_which_are_the_users(root):
    table = Params.load(root / "params.yaml").baselines.chexzero.prompts
    prompts = prompts_of(["NSG tube", "normal", "No Finding"], table).set_index("finding")
    assert prompts.loc["NSG tube"].tolist() == ["NSG tube", "no NSG tube", True]
    assert prompts.loc["normal"].tolist() == ["no normal", "normal", False]
    assert prompts.loc["No Finding"].tolist() == ["no No Finding", "No Finding", False]


def test_a_finding_without_a_prompt_is_named():
    for name in ("", "23"):
        with pytest.raises(DataError, match=rf"finding '{name}': .* to baselines\.chexzero\.prompts in params\.yaml"):
            prompts_of(["edema", name], {})
    assert prompts_of(["23"], {"23": ["edema", "no edema"]})["positive"].tolist() == ["edema"]
