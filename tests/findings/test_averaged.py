"""Which findings enter a mean."""

import numpy as np
import pytest

from diffchest.findings.averaged import averaged, kinds, mean_over_findings


@pytest.mark.parametrize("normal", ["normal", "No Finding", "NO FINDING"])
def test_nothing_abnormal_is_no_finding_to_average(normal):
    of = kinds(["edema", normal, "effusion"])
    assert averaged(of).tolist() == [True, False, True]
    assert mean_over_findings(of, [0.5, 0.9, 0.7]) == (pytest.approx(0.6), 2)


def test_indicators_are_no_findings_to_average():
    of = kinds(["edema", "AP view", "effusion", "No Finding"], {"AP view", "site"})
    assert of == ["finding", "indicator", "finding", "normal"]
    assert mean_over_findings(of, [0.5, 0.99, 0.7, 0.9]) == (pytest.approx(0.6), 2)


def test_what_is_undefined_is_left_out_and_not_counted():
    assert mean_over_findings(["finding"] * 3, [0.5, np.nan, 0.9]) == (pytest.approx(0.7), 2)
    mean, number = mean_over_findings(["normal", "finding"], [0.5, np.nan])
    assert np.isnan(mean)
    assert number == 0
