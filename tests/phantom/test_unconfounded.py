"""Made-up patients: findings dealt independently, labels that say what is shown."""

import numpy as np
import pytest

from diffchest.findings.vocabulary import DRAWN
from diffchest.phantom.registry import ONLY_IN, SPECIFIC
from diffchest.phantom.unconfounded import PREVALENCE, draw_unconfounded, made_up, shows

PATIENTS = [made_up(number, seed=0) for number in range(3000)]


def test_findings_are_dealt_independently():
    dealt = np.array([[name in patient.findings for name in DRAWN if name not in ONLY_IN] for patient in PATIENTS])
    error = np.sqrt(PREVALENCE * (1 - PREVALENCE) / len(dealt))
    assert np.abs(dealt.mean(axis=0) - PREVALENCE).max() < 4 * error
    correlation = np.corrcoef(dealt, rowvar=False) - np.eye(dealt.shape[1])
    assert np.abs(correlation).max() < 5 / np.sqrt(len(dealt))


def test_nobody_has_what_the_sex_does_not():
    for finding, sex in ONLY_IN.items():
        assert {patient.sex for patient in PATIENTS if finding in patient.findings} == {sex}
    assert {patient.view for patient in PATIENTS} == {"PA", "AP", "AP_horizontal"}


def test_a_generic_label_is_there_where_a_specific_one_is():
    for generic, specific in SPECIFIC.items():
        assert shows((specific[0],), generic)
        assert not shows((generic,), specific[0])
    assert not shows(("goiter",), "pacemaker")


def test_pictures_follow_the_patients_whatever_the_number_of_processes():
    drawn = [draw_unconfounded(130, size=32, stored=16, seed=1, workers=workers) for workers in (1, 2)]
    assert np.array_equal(drawn[0][0], drawn[1][0])
    pictures, labels, findings = drawn[0]
    assert pictures.shape == (130, 16, 16)
    assert pictures.dtype == np.uint8
    assert labels.shape == (130, len(findings))
    assert labels.mean() == pytest.approx(0.11, abs=0.02)
    assert len({picture.tobytes() for picture in pictures}) == 130
