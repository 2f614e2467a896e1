"""What a finding adds while the others are held, against statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from diffchest.counterfactuals.regression import Regression, covariates


def cohort(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    patient = rng.integers(0, n // 3, n)
    rows = pd.DataFrame({"view": rng.choice(["PA", "AP"], n), "sex": "F", "age": rng.uniform(20, 90, n)})
    effusion = rng.random(n) < 0.3
    tube = rng.random(n) < np.where(effusion, 0.6, 0.1)
    present = pd.DataFrame({"effusion": effusion, "tube": tube}).astype(float)
    noise = rng.normal(size=(n // 3, 2))[patient] + rng.normal(size=(n, 2)) * (1 + 2 * effusion[:, None])
    y = present.to_numpy() @ np.array([[1.0, 0.0], [0.5, -2.0]]) + (rows["view"] == "AP").to_numpy()[:, None] + noise
    return y, present, rows, patient


def test_effects_and_clustered_errors_are_those_of_statsmodels():
    y, present, rows, patient = cohort()
    held = covariates(rows)
    fitted = Regression.fit(y, present, held)
    design = sm.add_constant(pd.concat([present, held.drop(columns=["view_AP", "sex_F"])], axis=1).to_numpy())
    groups = {"groups": patient, "use_correction": True}
    for output in range(2):
        theirs = sm.OLS(y[:, output], design).fit(cov_type="cluster", cov_kwds=groups)
        for column, finding in enumerate(present.columns, start=1):
            assert fitted.added(finding)[output] == pytest.approx(theirs.params[column], abs=0.01)
            assert fitted.standard_error(finding, patient)[output] == pytest.approx(theirs.bse[column], rel=0.01)
    assert fitted.columns == design.shape[1]
    assert fitted.freedom == len(y) - design.shape[1]
    alone = fitted.standard_error("effusion", np.arange(len(y)))
    assert (alone < fitted.standard_error("effusion", patient)).all()  # radiographs of a patient are alike


def test_a_kind_is_added_with_what_it_is_a_kind_of():
    rng = np.random.default_rng(1)
    device = rng.random(4000) < 0.3
    dual = device & (rng.random(4000) < 0.5)
    present = pd.DataFrame({"pacemaker": device, "dual chamber device": dual}).astype(float)
    y = (2.0 * device + 0.5 * dual)[:, None] + 0.1 * rng.normal(size=(4000, 1))
    fitted = Regression.fit(y, present, pd.DataFrame(index=present.index))
    assert fitted.added("pacemaker") == pytest.approx([2.0], abs=0.02)
    assert fitted.added("dual chamber device") == pytest.approx([2.5], abs=0.02)
    coefficient = sm.OLS(y[:, 0], sm.add_constant(present.to_numpy())).fit(cov_type="HC0")
    contrast = np.array([0.0, 1.0, 1.0])
    expected = np.sqrt(contrast @ coefficient.cov_params() @ contrast)
    assert fitted.standard_error("dual chamber device", np.arange(4000)) == pytest.approx([expected], rel=0.02)


def test_unknown_ages_are_the_mean_and_views_have_their_column():
    rows = pd.DataFrame(
        {"view": ["PA", "AP", "PA"], "sex": ["F", "", "M"], "age": [40.0, np.nan, 60.0]}, index=[7, 8, 9]
    )
    held = covariates(rows)
    assert held["age"].tolist() == [2.0, 2.5, 3.0]
    assert held["view_AP"].tolist() == [0.0, 1.0, 0.0]
    assert held["age_squared"].tolist() == [4.0, 6.25, 9.0]
    assert np.isfinite(covariates(rows.assign(age=np.nan)).to_numpy()).all()
