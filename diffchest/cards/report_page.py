"""What the report shows: which of its sections holds a table or a figure, read from the page itself."""

from html.parser import HTMLParser

from diffchest import paths
from diffchest.errors import DataError

SHOWN = (paths.TABLES.name, paths.FIGURES.name)


class ReportPage(HTMLParser):
    """`anchors`: the section's id of every table and figure that the page links, such as `tables/auc`."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: dict[str, str] = {}
        self._section = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the section, or what is linked in it first."""
        values = dict(attrs)
        if tag == "section":
            self._section = values.get("id") or ""
        folder, _, file = (values.get("href") or "").partition("/")
        if self._section and folder in SHOWN:
            self.anchors.setdefault(f"{folder}/{file.rpartition('.')[0]}", self._section)

    def handle_endtag(self, tag: str) -> None:
        """Leave a section."""
        if tag == "section":
            self._section = ""


def read_report() -> dict[str, str]:
    """The section of every table and figure of `reports/index.html`; `DataError` without that page."""
    if not paths.REPORT.is_file():
        raise DataError(f"{paths.REPORT}: no such file; run `dvc repro report`")
    page = ReportPage()
    page.feed(paths.REPORT.read_text(encoding="utf-8"))
    return page.anchors
