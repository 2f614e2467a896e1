"""The documentation names what is there: every module has its line in the design, every link leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.helpers.repository import ROOT

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("ratings/*.md"), *ROOT.glob("external/*.md")]
)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def listed_modules() -> list[str]:
    """Paths below `diffchest/` in the listing of docs/design.md, whose folders end in `/` and indent what they hold."""
    listing = (ROOT / "docs" / "design.md").read_text().split("```")[1]
    modules, folders = [], []
    for line in listing.strip("\n").splitlines():
        name = line.split()[0]
        folders = folders[: (len(line) - len(line.lstrip())) // 2]
        if name.endswith("/"):
            folders.append(name)
        else:
            modules.append("".join([*folders, name]))
    return modules


def test_design_lists_every_module_once():
    there = [path.relative_to(ROOT / "diffchest").as_posix() for path in (ROOT / "diffchest").rglob("*.py")]
    expected = sorted(path for path in there if not path.endswith("__init__.py"))
    assert sorted(listed_modules()) == expected, (
        "docs/design.md, Rooms: give every module its line, and drop the others"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text()):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"no {target}"
        if anchor:
            assert anchor in anchors(path), f"no heading #{anchor} in {target}"


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_commands_name_modules_that_are_there():
    for page in PAGES:
        for name in re.findall(r"python -m ((?:diffchest|benchmarks)(?:\.\w+)+)", page.read_text()):
            path = ROOT.joinpath(*name.split("."))
            named_generally = name.endswith(".NAME")
            assert named_generally or path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name
