import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from diffchest import paths
from diffchest.contracts.doubtful_heads import DoubtfulHeads
from diffchest.contracts.empty_figures import why_empty
from diffchest.errors import DataError
from diffchest.figures.registry import FIGURES, save_figure
from diffchest.figures.settings import FigureParams
from diffchest.params.cohorts import TableCohort
from diffchest.params.whole import Params
from diffchest.report.build import audit_summary, build_report, collect_metrics, format_cell, read_table
from diffchest.report.contents import SECTIONS, Item, ReportParams, notes
from diffchest.report.numbers import key_numbers
from tests.helpers.report_inputs.audit import write_audit
from tests.helpers.report_inputs.made_up import write_csv
from tests.helpers.report_inputs.whole import write_inputs
from tests.helpers.repository import ROOT

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


def real(params):
    """The same of real radiographs."""
    return params.model_copy(update={"phantoms": []})


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


def test_page_says_phantom_radiographs(params, reports, monkeypatch):
    html = page(params, reports, monkeypatch)
    assert "<h1>DiffChest report: phantom radiographs (embedded default)</h1>" in html
    assert "What is real here and what is drawn" in html
    assert "Radiographs of patients" not in html
    shown = [name for name in FIGURES if name != "phantom_gallery"]  # which says why there is nothing to draw
    html = build_report(real(params).model_copy(update={"figures": shown}), collect_metrics())
    assert "<h1>DiffChest report: padchest</h1>" in html
    assert "phantom" not in html.lower()


def test_every_real_cohort_is_named_where_its_radiographs_may_be_passed_on(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    html = build_report(real(params), {})
    assert "hold radiographs of padchest, chexpert, mimic_cxr, pictures" in html
    archive = params.model_copy(update={"phantoms": ["padchest", "chexpert"]})  # drawn, and beside them real ones
    html = build_report(archive, {})
    assert "<h1>DiffChest report: padchest (phantoms)</h1>" in html
    assert "Every radiograph of padchest, chexpert is a drawn phantom" in html
    assert "hold radiographs of mimic_cxr, pictures" in html
    assert "Phantom radiographs.</figcaption>" not in html


def test_what_the_paper_printed_is_in_no_report_of_a_hospital(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    title, table = "Audit of the published tables", "published_cooccurrence.csv"
    own = TableCohort(format="table", root="x", table="x.csv", labels=["mass"])
    cohorts = params.cohorts.model_copy(update={"padchest": own})
    hospital = real(params).model_copy(update={"cohorts": cohorts})
    for shown, given in ((True, params), (True, real(params)), (False, hospital)):
        html = build_report(given, {})
        assert (title in html, table in html) == (shown, shown)


def test_a_table_without_rows_and_a_section_without_content_are_hidden(params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.TABLES.mkdir(parents=True)
    paths.table("reader_table_1").write_text("diagnosis,confounder\n")
    paths.table("auc").write_text("model,finding,auc,low,high\ndiffchest,mass,0.8,0.7,0.9\n")
    html = build_report(params.model_copy(update={"figures": [], "targets": ["mass"]}), {})
    assert re.findall(r"<h2>(.*?)</h2>", html) == ["Classification"]
    assert re.findall(r'<li><a href="#(.*?)"', html) == ["classification"]
    assert "reader_table_1" not in html


def test_a_figure_that_only_says_why_there_is_nothing_is_hidden(params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.FIGURES.mkdir(parents=True)
    figure_params = FigureParams.load(ROOT / "params.yaml").model_copy(update={"phantoms": []})
    save_figure("phantom_gallery", figure_params, paths.FIGURES / "phantom_gallery.png")
    assert "would spread them" in why_empty(paths.FIGURES / "phantom_gallery.png")
    Image.new("L", (4, 4)).save(paths.FIGURES / "true_twins.png")
    html = build_report(params, {})
    assert "figures/true_twins.png" in html
    assert "figures/phantom_gallery.png" not in html


@pytest.mark.parametrize(
    ("intervals", "said"),
    [("score", "Intervals: score intervals of each AUC, redraws"), ("percentile", "Intervals: percentile bootstrap.")],
)
def test_the_page_says_how_intervals_were_made(intervals, said, params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    assert said in build_report(params.model_copy(update={"intervals": intervals}), {})


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


def section_of(html, title):
    return html.partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]


def rows_of(block, table):
    """Columns and rows of the table of a block whose file is `table`."""
    found = next(part for part in block.split("<table>")[1:] if f">{table}.csv<" in part)
    columns = re.findall(r"<th [^>]*>(.*?)</th>", found)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in found.partition("<tbody>")[2].split("</tr>")[:-1]]
    return [dict(zip(columns, row, strict=True)) for row in cells]


@pytest.mark.parametrize(
    ("title", "column", "shown"),
    [("What does it respond to?", "response", "cace"), ("What goes with it?", "prevalence_rise", "p b given a")],
)
def test_every_classifier_has_a_block_with_its_strongest_pairs_first(
    title, column, shown, params, reports, monkeypatch
):
    html = section_of(page(params, reports, monkeypatch), title)
    headings = re.findall(r"<h3>(.*?)</h3>", html)
    assert headings == ["diffchest, our head on z", "small_cnn"]
    for name, file in (("diffchest", "confounders"), ("small_cnn", "audit/small_cnn")):
        pairs = pd.read_csv(paths.audit(name))
        strongest = pairs.iloc[pairs[column].abs().argsort(kind="stable")[::-1]].head(15)
        rows = rows_of(html.split("<h3>")[1 + headings.index("small_cnn") * (name != "diffchest")], file)
        found = [(row["target"], row["confounder"]) for row in rows]
        assert found == list(zip(strongest["target"], strongest["confounder"], strict=True))
        assert shown in rows[0]
    assert "The first 15 of 1,748 rows" in html


def test_gates_that_failed_come_first(params, reports, monkeypatch):
    html = section_of(page(params, reports, monkeypatch), "What does it respond to?")
    for name in ("diffchest", "small_cnn"):
        assert [row["passed"] for row in rows_of(html, f"gates_{name}")][:2] == ["no", "yes"]


def test_what_real_radiographs_cannot_tell_is_not_shown(root, params, tmp_path, monkeypatch):
    """No twins: neither tiles nor columns of the truth, and nothing is said of it in numbers."""
    monkeypatch.chdir(tmp_path)
    paths.DATA.mkdir()
    defaults = Params.load(root / "params.yaml")
    phantom = defaults.phantom.model_copy(update={"datasets": []})
    write_audit(defaults.model_copy(update={"phantom": phantom}), np.random.default_rng(0))
    metrics = collect_metrics()
    write_csv("auc", model=["diffchest"], finding=["mass"], auc=[0.8], low=[0.7], high=[0.9])
    html = build_report(params.model_copy(update={"phantoms": [], "targets": ["mass"]}), metrics)
    assert [name for _, name, _ in key_numbers(metrics, params)] == ["pairs flagged by the audit"]
    columns = rows_of(section_of(html, "What does it respond to?"), "confounders")[0]
    assert "picture put in" in columns
    assert not [column for column in columns if column.startswith("cace")]
    assert "average precision against" not in html
    assert audit_summary("small_cnn", metrics).startswith("1,748 pairs; in ")


def test_the_audit_is_told_in_numbers_for_each_classifier(params, reports, monkeypatch):
    html = section_of(page(params, reports, monkeypatch), "What does it respond to?")
    for name in ("diffchest", "small_cnn"):
        pairs = pd.read_csv(paths.audit(name))
        rises, falls = ((pairs["responds"] == responds).sum() for responds in ("rises", "falls"))
        said = f"in {rises:,} the score rises with it alone; in {falls} it falls; {pairs['flagged'].sum()} flagged; "
        assert f"{said}average precision against the truth 0.91; Spearman 0.93; false alarms 1.2%." in html
    assert html.count("average precision against the truth") == 2
    assert page(params, reports, monkeypatch).count("average precision against the truth") == 2  # in no other section
    tiles = {name: value for value, name, _ in key_numbers(collect_metrics(), params)}
    assert tiles["average precision of the audit"] == "0.91"
    assert tiles["false alarms of the audit"] == "1.2%"


def test_a_table_without_a_column_that_is_shown_says_so(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    with pytest.raises(DataError, match=r"auc\.csv: no column 'excess'"):
        read_table(Item("auc", "", columns=("model", "excess")))


def test_rows_are_ordered_by_size_and_those_without_a_number_come_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.TABLES.mkdir(parents=True)
    paths.table("some").write_text("a,b,c\nw,1,\nx,-3,\ny,,\nz,2,\n")
    table = read_table(Item("some", "", order="b", first=3))
    assert table is not None
    assert table.columns == ["a", "b"]
    assert [row[0] for row in table.rows] == ["x", "z", "w"]
    assert (table.total, table.folded) == (4, False)
    whole = read_table(Item("some", "", order="b"))
    assert whole is not None
    assert whole.rows[-1] == ["y", "–"]


def test_metrics_are_nested_by_stage_in_pipeline_order(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    metrics = collect_metrics()
    assert list(metrics) == ["fit_head", "evaluate", "compare", "explain", "confounders", "reliance", "reader_study"]
    assert metrics["explain"] == json.loads(paths.stage_metrics("explain").read_text())


def test_key_numbers_leave_out_what_is_not_there(params):
    metrics = {
        "evaluate": {"diffchest": {"macro_auc": 0.8123, "findings": 40}},
        "confounders": {"cace": {"average_precision": None}},
    }
    assert key_numbers(metrics, real(params)) == [("0.812", "mean AUC of findings", "")]


def test_too_few_radiographs_are_no_numbers_of_nothing(params):
    metrics = {
        "evaluate": {"diffchest": {"macro_auc": None, "macro_auc_findings": 0, "macro_auc_left_out": 14}},
        "compare": {"wins": 0, "findings": 0, "wins_holm": 0, "losses_holm": 0},
        "confounders": {"outputs": 0, "pairs": 0, "flagged": 0},
        "explain": {"counterfactuals": {"flipped": 0.5, "radiographs": 1, "targets": 6}},
    }
    tiles = {name: (value, remark) for value, name, remark in key_numbers(metrics, real(params), doubtful=6)}
    assert tiles == {
        "findings can be judged": ("0 of 14", "too few radiographs, in test or fine-tuning, so there is no AUC"),
        "our head": ("not audited", "no output passed all gates: nothing is flagged, and nothing is cleared"),
        "counterfactuals that flip": (
            "50%",
            "score crosses 0.5; 1 radiographs; 6 findings; 6 of these the head may not see, or is not judged on",
        ),
    }


def test_sections_say_what_too_few_radiographs_leave_in_doubt(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    metrics = {
        "evaluate": {"diffchest": {"macro_auc_findings": 0, "macro_auc_left_out": 14}},
        "confounders": {"outputs": 0},
    }
    doubtful = DoubtfulHeads({"mass": (0.54, 0.4, 0.67)}, ["nodule"])
    said = notes(real(params), metrics, doubtful)
    assert "None of 14 findings has enough radiographs to be judged" in said["Classification"]
    assert "none is compared" in said["Comparison with other models"]
    assert "mass (AUC 0.54, 0.40 to 0.67)" in said["Counterfactuals"]
    assert "nodule" in said["Counterfactuals"]
    assert "not audited" in said["What goes with it?"]
    metrics = {
        "evaluate": {"diffchest": {"macro_auc_findings": 3, "macro_auc_left_out": 11}},
        "confounders": {"outputs": 2},
    }
    assert not {"Classification", "Counterfactuals", "What goes with it?"} & set(
        notes(real(params), metrics, DoubtfulHeads({}, []))
    )


def test_there_is_one_mean_auc_and_what_is_in_no_mean_is_a_number_of_its_own(params):
    ours = {"macro_auc": 0.647, "macro_auc_low": 0.6, "macro_auc_high": 0.7, "macro_auc_findings": 41}
    ours |= {"macro_auc_left_out": 32, "macro_auc_undefined_redraws": 3}
    ours |= {"drawn_macro_auc": 0.767, "drawn_macro_auc_findings": 9, "not_drawn_macro_auc": 0.539}
    rival = {"macro_auc": 0.7, "macro_auc_findings": 41, "drawn_macro_auc": 0.8, "drawn_macro_auc_findings": 8}
    metrics = {"evaluate": {"diffchest": ours | {"not_drawn_macro_auc_findings": 10}, params.reference: rival}}
    assert key_numbers(metrics, real(params)) == [
        (
            "0.647",
            "mean AUC of 41 findings",
            "0.600 to 0.700; without 3 redraws in which a finding had one class only; 32 findings with too few cases "
            "left out",
        ),
        ("0.700", f"mean AUC of {params.reference}", "reference; the same findings"),
    ]
    assert [tile[:2] for tile in key_numbers(metrics, params)] == [
        ("0.767", "mean AUC of 9 drawn findings"),
        ("0.800", f"mean AUC of {params.reference}"),
        ("0.539", "mean AUC of 10 negative controls"),
    ]
    assert "the 8 of these that it scores" in key_numbers(metrics, params)[1][2]


def test_numbers_that_flatter_say_what_they_do_not_show(params):
    metrics = {
        "compare": {"wins": 8, "findings": 15, "wins_holm": 2, "losses_holm": 0},
        "calibration": {"diffchest": {"skill": -0.04, "findings": 15, "negative_skill": 9}},
        "explain": {
            "counterfactuals": {"flipped": 0.9, "validity": 0.4, "radiographs": 9, "targets": 3},
            "reconstruction": {"mae": 0.0123, "mae_new_x_T": 0.2468, "images": 12},
        },
    }
    tiles = {name: (value, remark) for value, name, remark in key_numbers(metrics, params)}
    assert tiles == {
        f"findings better than {params.reference}": (
            "8 of 15",
            "2 of them after Holm's correction; 0 worse after it",
        ),
        "mean Brier skill": (
            "-0.040",
            "worse than always saying the prevalence; worse than that in 9 of 15 findings",
        ),
        "counterfactuals that flip": (
            "90%",
            "score crosses 0.5; valid, with at least 0.9 of the change asked for: 40%; 9 radiographs; 3 findings",
        ),
        "reconstruction error": (
            "0.0123",
            "mean absolute, gray scale 0 to 1, with the radiograph's own x_T; the same z with a new x_T: 0.2468; 12 "
            "radiographs",
        ),
    }


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
