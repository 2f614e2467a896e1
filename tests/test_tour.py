"""The tour runs what `dvc.yaml` says, in an order in which every stage finds what it reads."""

from pathlib import Path

import pytest

from diffchest.files.yaml import read_mapping
from diffchest.params.whole import Params
from diffchest.tour import commands, set_up_folder
from tests.helpers.repository import ROOT, outputs, pipeline_stages


@pytest.fixture
def planned(monkeypatch):
    monkeypatch.chdir(ROOT)
    return list(commands(read_mapping(ROOT / "dvc.yaml"), read_mapping(ROOT / "params.yaml")))


def test_every_stage_runs_once_for_every_item(planned):
    names = [name for name, _ in planned]
    assert {name.split("@")[0] for name in names} == set(pipeline_stages())
    assert len(names) == len(set(names))
    by_name = dict(planned)
    assert by_name["ingest@chexpert"] == ["stages/ingest.py", "chexpert"]
    assert by_name["baseline@pca"] == ["stages/baseline.py", "pca"]
    assert by_name["draw_audit@diffchest"] == ["stages/draw_audit.py", "diffchest"]
    assert by_name["pretrain"] == ["stages/pretrain.py"]


def test_a_stage_stands_after_those_whose_outputs_it_reads():
    """Of `dvc.yaml` as it is written: the tour takes the stages in the file's order."""
    written = {}
    stages = pipeline_stages()
    for name in stages:
        written |= dict.fromkeys(outputs(stages[name]), name)
    order = list(stages)
    for name, stage in stages.items():
        for dep in stage["deps"]:
            makers = {made for path, made in written.items() if overlap(dep, path)} - {name}
            late = [maker for maker in makers if order.index(maker) > order.index(name)]
            assert not late, f"{name} reads {dep} of {late}"


def overlap(dep, path):
    """Whether one is the other, or lies in it."""
    return Path(dep) in (Path(path), *Path(path).parents) or Path(path) in Path(dep).parents


def test_its_folder_is_of_phantoms_says_that_it_is_a_tour_and_begins_anew(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder = tmp_path / "tour"
    folder.mkdir()
    (folder / "left.txt").write_text("of a tour before", encoding="utf-8")
    set_up_folder(folder)
    assert not (folder / "left.txt").exists()
    raw = read_mapping(folder / "params.yaml")
    params = Params.parse(raw, source="tour")
    assert params.reports.tour
    assert params.pretrain.images_shown == read_mapping(ROOT / "profiles" / "smoke.yaml")["pretrain"]["images_shown"]
    assert set(params.cohorts.datasets) == set(params.phantom.datasets)
