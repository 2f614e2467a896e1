"""What a finding adds alone, where it is known what was added."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from diffchest.counterfactuals.alone import fit_alone, ways
from diffchest.counterfactuals.regression import completed, covariates

DIMENSIONS = 8


def world(n=4000, seed=0):
    """Tubes go with bedside views and with effusions; z is what each adds, and noise."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "view": rng.choice(["PA", "AP"], n, p=[0.7, 0.3]),
            "sex": rng.choice(["F", "M"], n),
            "age": rng.uniform(20, 90, n),
        }
    )
    rows.loc[::50, "age"] = np.nan
    bedside = (rows["view"] == "AP").to_numpy()
    effusion = rng.random(n) < 0.1 + 0.2 * bedside
    tube = rng.random(n) < 0.02 + 0.2 * bedside + 0.2 * effusion
    present = pd.DataFrame({"effusion": effusion, "tube": tube}).astype(float)
    adds = {name: rng.standard_normal(DIMENSIONS) for name in ("effusion", "tube", "view")}
    z = 0.5 * rng.standard_normal((n, DIMENSIONS)) + bedside[:, None] * 2 * adds["view"]
    z += present["effusion"].to_numpy()[:, None] * adds["effusion"] + present["tube"].to_numpy()[:, None] * adds["tube"]
    return z, present, rows, adds


def test_alone_is_the_coefficient_of_a_multiple_regression():
    z, present, rows, adds = world()
    held = covariates(rows)
    alone, share = fit_alone(z, present, held, ["tube", "effusion"])
    design = sm.add_constant(pd.concat([present, held.drop(columns=["view_AP", "sex_F"])], axis=1).to_numpy())
    theirs = np.array([sm.OLS(z[:, column], design).fit().params for column in range(DIMENSIONS)])
    assert alone[:, 0] == pytest.approx(theirs[:, [2, 1]].T, abs=0.01)
    assert alone[0, 0] == pytest.approx(adds["tube"], abs=0.1)
    assert share.tolist() == [[1.0], [1.0]]
    has = present["tube"] == 1
    apart = np.linalg.norm(z[has].mean(axis=0) - z[~has].mean(axis=0) - adds["tube"])
    assert apart > 5 * np.linalg.norm(alone[0, 0] - adds["tube"])  # a difference of means brings the view along


def test_a_finding_without_label_has_no_move():
    z, present, rows, _ = world(400)
    alone, share = fit_alone(z, present, covariates(rows), ["normal", "tube"])
    assert np.isnan(alone[0]).all()
    assert np.isfinite(alone[1, 0]).all()
    assert share[:, 0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("given", [1.0, 0.5])
def test_a_kind_of_device_brings_the_device_along(given):
    """Also where the label of the device is given along with that of its kind in some radiographs only."""
    rng = np.random.default_rng(1)
    n = 8000
    device, goiter = rng.random(n) < 0.2, rng.random(n) < 0.1
    dual = device & (rng.random(n) < 0.4)
    labelled = device & (~dual | (rng.random(n) < given))
    present = pd.DataFrame({"device": labelled, "dual": dual, "goiter": goiter}).astype(float)
    kinds = {"device": ["dual"]}
    assert completed(present, kinds)["device"].tolist() == device.tolist()
    assert completed(present, kinds)[["dual", "goiter"]].equals(present[["dual", "goiter"]])
    box, lead = rng.standard_normal((2, DIMENSIONS))
    z = device[:, None] * box + dual[:, None] * lead + 0.1 * rng.standard_normal((n, DIMENSIONS))
    alone, _ = fit_alone(z, present, pd.DataFrame(index=present.index), ["dual", "device"], kinds)
    assert alone[0, 0] == pytest.approx(box + lead, abs=0.05)
    assert alone[1, 0] == pytest.approx(box, abs=0.05)


def test_what_goes_with_a_finding_is_not_brought_along_however_often():
    """Of 100 valves 95 came with a sternotomy: neither is a kind of the other."""
    rng = np.random.default_rng(3)
    valve = rng.random(4000) < 0.05
    sternotomy = np.where(valve, rng.random(4000) < 0.95, rng.random(4000) < 0.05)
    present = pd.DataFrame({"artificial heart valve": valve, "sternotomy": sternotomy}).astype(float)
    assert sternotomy[valve].mean() > 0.9
    ring, wires = rng.standard_normal((2, DIMENSIONS))
    z = valve[:, None] * ring + sternotomy[:, None] * wires + 0.1 * rng.standard_normal((4000, DIMENSIONS))
    alone, _ = fit_alone(z, present, pd.DataFrame(index=present.index), ["artificial heart valve", "sternotomy"])
    assert alone[0, 0] == pytest.approx(ring, abs=0.1)
    assert alone[1, 0] == pytest.approx(wires, abs=0.1)


def test_ways_are_found_where_there_are_some_and_only_there():
    rng = np.random.default_rng(2)
    white = np.eye(DIMENSIONS)
    assert ways(rng.standard_normal((500, DIMENSIONS)), white) == [(1.0, pytest.approx(np.zeros(DIMENSIONS)))]
    assert len(ways(rng.standard_t(3, (500, DIMENSIONS)), white)) == 1  # long tails are no sides
    side = np.where(rng.random(500) < 0.7, 1.0, -1.0)[:, None] * 4 * np.eye(DIMENSIONS)[2]
    found = ways(side + rng.standard_normal((500, DIMENSIONS)), white)
    assert [share for share, _ in found] == pytest.approx([0.7, 0.3], abs=0.06)
    assert found[0][1] == pytest.approx(4 * np.eye(DIMENSIONS)[2], abs=0.3)
    assert found[1][1] == pytest.approx(-4 * np.eye(DIMENSIONS)[2], abs=0.3)
    assert len(ways((side + rng.standard_normal((500, DIMENSIONS)))[:40], white)) == 1  # too few to tell
