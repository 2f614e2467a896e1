"""Which outputs are findings of ours; where none is, what each is called most like."""

import pytest

from diffchest.contracts.classifier import known_outputs
from diffchest.errors import DataError

FINDINGS = ["pleural effusion", "pneumothorax", "cardiomegaly", "NSG tube", "Lungenödem"]


def test_known_outputs_keep_their_order():
    assert known_outputs(["cardiomegaly", "age", "pneumothorax"], FINDINGS, source="x") == [
        "cardiomegaly",
        "pneumothorax",
    ]


def test_near_names_are_listed():
    with pytest.raises(DataError) as error:
        known_outputs(
            ["Effusion", "Pneumothorax", "nsg tubes", "XQ", "lungenödem".upper(), "TUBE_tip"],
            FINDINGS,
            source="classifiers.theirs",
        )
    text = str(error.value)
    assert text.startswith("classifiers.theirs: none of its 6 outputs has the name of a finding of ours (5 findings")
    assert "  Effusion: pleural effusion\n  Pneumothorax: pneumothorax\n  nsg tubes: NSG tube\n  XQ: none\n" in text
    assert text.endswith("  LUNGENÖDEM: Lungenödem\n  TUBE_tip: NSG tube")
