import json
import re
from html.parser import HTMLParser

import pytest

from diffchest import paths
from diffchest.figures.registry import FIGURES
from diffchest.params.whole import Params
from diffchest.report.build import build_report, collect_metrics, format_cell, key_numbers
from diffchest.report.contents import SECTIONS, ReportParams
from tests.helpers.report_inputs.whole import write_inputs

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Outline(HTMLParser):
    """Checks that elements nest and collects links."""

    def __init__(self):
        super().__init__()
        self.open, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def params(root):
    return ReportParams.load(root / "params.yaml")


@pytest.fixture(scope="module")
def reports(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        paths.DATA.mkdir()
        write_inputs(Params.load(root / "params.yaml"), images=30)
    return folder


def page(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    return build_report(params, collect_metrics())


def test_page_is_well_formed_static_and_deterministic(params, reports, monkeypatch):
    html = page(params, reports, monkeypatch)
    outline = Outline()
    outline.feed(html)
    assert not outline.open
    assert not [link for link in outline.links if "://" in link or link.startswith("//")]
    assert {link for link in outline.links if link.endswith(".png")} == {f"figures/{name}.png" for name in FIGURES}
    assert "<script" not in html
    assert html == build_report(params, collect_metrics())


def test_page_shows_the_figures_that_are_drawn(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    some = params.model_copy(update={"figures": ["teaser"]})
    assert set(re.findall(r"figures/(\w+)\.png", build_report(some, {}))) == {"teaser"}
    off = params.model_copy(update={"efficiency_dataset": None})
    assert "figures/data_efficiency.png" in build_report(params, {})
    assert "figures/data_efficiency.png" not in build_report(off, {})
    readers = {number: build_report(params, {"reader_study": {"readers": number}}) for number in (0, 3)}
    assert ["figures/reader_agreement.png" in html for html in readers.values()] == [False, True]


def test_page_says_phantom_radiographs(params, reports, monkeypatch):
    html = page(params, reports, monkeypatch)
    assert "<h1>DiffChest report: phantom radiographs (embedded default)</h1>" in html
    assert "What is real here and what is drawn" in html
    real = params.model_copy(update={"phantoms": []})
    html = build_report(real, collect_metrics())
    assert "<h1>DiffChest report: padchest</h1>" in html
    assert "phantom" not in html.lower()


def test_sections_with_readers_say_when_they_are_simulated(params, reports, monkeypatch):
    html = page(params, reports, monkeypatch)
    assert "The radiographs are drawn and the radiologists simulated." in html
    assert "These readers are simulated" in html
    given = collect_metrics() | {"reader_study": {"simulated": False}}
    assert "readers are simulated" not in build_report(params, given)
    off = params.model_copy(update={"efficiency_dataset": None})
    assert "radiologists simulated" not in build_report(off, {})


def test_page_has_every_section_and_escapes_names(params, reports, monkeypatch):
    html = page(params, reports, monkeypatch)
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert headings == [section.title for section in SECTIONS]
    assert "160,861" in html
    table = paths.table("published_audit")
    before = table.read_text()
    table.write_text(before + "<script>alert(1)</script>,1,2\n")
    try:
        assert "<script" not in build_report(params, {})
    finally:
        table.write_text(before)


def test_metrics_are_nested_by_stage_in_pipeline_order(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    metrics = collect_metrics()
    assert list(metrics) == ["fit_head", "evaluate", "compare", "explain", "confounders", "reliance", "reader_study"]
    assert metrics["explain"] == json.loads(paths.stage_metrics("explain").read_text())


def test_key_numbers_leave_out_what_is_not_there(params):
    metrics = {"evaluate": {"diffchest": {"macro_auc": 0.8123, "findings": 40}}, "confounders": {"precision": None}}
    assert key_numbers(metrics, params) == [("0.812", "mean AUC, all findings", "")]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (160861, "160,861"),
        (0.81234, "0.812"),
        (1e-4, "0.0001"),
        (float("nan"), "–"),
        (True, "yes"),
        ("a", "a"),
        (3.0, "3"),
    ],
)
def test_cells_read_well(cell, text):
    assert format_cell(cell) == text
