"""The HTML report and the metrics of all stages in one file."""

from diffchest import paths
from diffchest.files.tables import write_metrics
from diffchest.progress import run, summary
from diffchest.report.build import build_report, collect_metrics
from diffchest.report.contents import ReportParams as Params


def main() -> None:
    """Write `reports/metrics.json` and `reports/index.html`."""
    params = Params.load()
    metrics = collect_metrics()
    write_metrics(paths.METRICS, metrics)
    paths.REPORT.write_text(build_report(params, metrics), encoding="utf-8")
    summary("report", f"{paths.REPORT}, metrics of {len(metrics)} stages in {paths.METRICS}")


if __name__ == "__main__":
    run(main)
