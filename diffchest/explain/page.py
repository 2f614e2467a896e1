"""The page of an explanation: one HTML file with its pictures in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diffchest.explain.case import Case, Other
from diffchest.explain.pictures import ORIGINAL, PictureFiles
from diffchest.explain.trained_on import UNLIKE
from diffchest.files.html import page_environment, png_url

SHOWN = 0.1  # SD: another finding that changed by no more is not worth a line


@dataclass(frozen=True)
class Panel:
    """A case with its pictures as data URLs; `limit`: the change with the fullest colour, % of the gray range."""

    case: Case
    counterfactual: str
    difference: str
    limit: float

    @property
    def rose(self) -> list[Other]:
        """Those other findings that rose by enough to be shown."""
        return [other for other in self.case.rose if other.change_sd > SHOWN]

    @property
    def fell(self) -> list[Other]:
        """Those that fell by as much."""
        return [other for other in self.case.fell if other.change_sd < -SHOWN]

    @property
    def widest(self) -> float:
        """The largest change of another finding, SD: the length of a whole bar."""
        return max(abs(other.change_sd) for other in (*self.rose, *self.fell))


def build_page(record: Mapping[str, Any], cases: Sequence[Case], pictures: PictureFiles) -> str:
    """The HTML text of what `explanation.json` (`record`) and the PNG files hold; same inputs, same text."""
    urls = {name: png_url(data) for name, data in pictures.contents.items()}
    panels = [
        Panel(case, urls[counterfactual], urls[difference], limit)
        for case, (counterfactual, difference), limit in zip(cases, pictures.names, pictures.limits, strict=True)
    ]
    return (
        page_environment("diffchest.explain")
        .get_template("page.html")
        .render(
            record=record,
            unlike=UNLIKE,
            least=SHOWN,
            panels=panels,
            original=urls[ORIGINAL],
            base=urls[pictures.base],
            reconstructed=pictures.base != ORIGINAL,
        )
    )
