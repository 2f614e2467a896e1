"""Which findings enter a mean."""

import numpy as np
import pytest

from diffchest.findings.averaged import averaged, mean_over_findings


@pytest.mark.parametrize("normal", ["normal", "No Finding", "NO FINDING"])
def test_nothing_abnormal_is_no_finding_to_average(normal):
    findings = ["edema", normal, "effusion"]
    assert averaged(findings).tolist() == [True, False, True]
    assert mean_over_findings(findings, [0.5, 0.9, 0.7]) == (pytest.approx(0.6), 2)


def test_what_is_undefined_is_left_out_and_not_counted():
    assert mean_over_findings(["a", "b", "c"], [0.5, np.nan, 0.9]) == (pytest.approx(0.7), 2)
    mean, number = mean_over_findings(["normal", "b"], [0.5, np.nan])
    assert np.isnan(mean)
    assert number == 0
