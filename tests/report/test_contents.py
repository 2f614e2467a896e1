from diffchest import paths
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


def test_no_figure_and_no_table_is_shown_twice():
    for kind in ("figures", "tables"):
        names = [item.name for section in SECTIONS for item in getattr(section, kind)]
        assert len(set(names)) == len(names)
