"""Passes by stage, counted by hand; GPUs by closed form."""

import pytest

from diffchest.cost.devices import CALL_SECONDS, GPUS, seconds
from diffchest.cost.radiographs import radiographs
from diffchest.cost.stages import passes
from diffchest.params.whole import Params
from diffchest.profiles import with_profiles
from tests.helpers.repository import ROOT

DEFAULT = Params.load(ROOT / "params.yaml")


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_paper_has_the_radiographs_that_it_says():
    assert radiographs(with_profiles(["paper"])).pretrain == 497_215


def test_phantoms_are_counted_as_they_are_drawn():
    found = radiographs(DEFAULT)
    assert found.pretrain == 22_000
    assert found.stored == 22_000 + 26_432 + DEFAULT.phantom.chexpert_test_studies


def test_radiographs_of_ones_own_are_supposed_or_said():
    open_cxr = with_profiles(["open_cxr"])
    assert "--radiographs" in radiographs(open_cxr).assumed
    assert radiographs(open_cxr, 1000).stored == 3000
    assert not radiographs(open_cxr, 1000).assumed


def test_the_audit_of_the_paper_by_hand():
    paper = with_profiles(["paper"])
    done = {one.stage: one for one in passes(paper, radiographs(paper), 74)}
    # 100 radiographs encoded in 50 steps; each itself, towards 74 findings and 8 at random decoded in 50
    assert done["draw_audit diffchest"].denoised == 100 * 50 + 100 * (1 + 74 + 8) * 50
    assert done["draw_audit diffchest"].encoded == 100 * 83
    assert done["extract_latents"].encoded == radiographs(paper).stored


def test_time_is_arithmetic_or_the_start_of_operations():
    gpu = GPUS[0]
    assert seconds(gpu, 312e12, 1, "bf16", 0.5) == pytest.approx(2.0)
    assert seconds(gpu, 312e12, 1, "fp32", 0.5) == pytest.approx(4.0)
    assert seconds(gpu, 1.0, 1000, "bf16", 0.5) == pytest.approx(1000 * CALL_SECONDS)
