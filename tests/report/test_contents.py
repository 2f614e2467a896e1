import re

from diffchest import paths
from diffchest.audit.cace import BOUND
from diffchest.report.contents import SECTIONS, STAGES
from tests.helpers.repository import outputs, pipeline_stages


def test_stages_are_those_of_the_pipeline_that_write_metrics_in_its_order():
    """A stage that is missing here would be in no report, and one too many would never be noticed."""
    folder = f"{paths.STAGE_METRICS.as_posix()}/"
    stages = pipeline_stages().items()
    written = {name: [path for path in outputs(stage) if path.startswith(folder)] for name, stage in stages}
    assert {name: files for name, files in written.items() if files} == {
        stage: [paths.stage_metrics(stage).as_posix()] for stage in STAGES
    }
    assert [name for name, files in written.items() if files] == STAGES


def test_no_figure_is_shown_twice_and_of_a_table_only_other_columns():
    for kind in ("figures", "tables", "classifiers"):
        shown = [(item.name, item.columns) for section in SECTIONS for item in getattr(section, kind)]
        assert len(set(shown)) == len(shown)


def test_what_is_said_of_an_audit_is_said_of_columns_that_are_shown():
    """No column of a classifier's table goes unexplained, but those that speak and the ends of the only interval."""
    plain = {"target", "confounder", "kind", "low", "high"}
    for section in SECTIONS:
        for item in section.classifiers:
            said = set(re.findall(r"\w+", item.caption))
            for column in set(item.columns) - plain:
                stem = re.sub(r"_(low|high|put_in|taken_out|a_absent|a_present|rise|lift)$", "", column)
                assert {column, stem} & said, f"{section.title}: {column}"


def test_the_caption_of_the_truth_names_its_bound():
    captions = {item.name: item.caption for section in SECTIONS for item in section.figures}
    assert f"above {BOUND:g} SD" in captions["responses"]
