"""CLAIM 2024 and TRIPOD+AI, item by item: where in the report it is, what the run says, what is for the authors."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from diffchest.files.yaml import parse_yaml

CARDS = {"model_card": "model card", "datasheet": "datasheet"}  # pages beside the report, `reports/<name>.html`


@dataclass(frozen=True)
class Row:
    """An item as the page shows it: links (address, words), places that this run has not, sentences, and a hint."""

    item: str
    topic: str
    links: list[tuple[str, str]]
    absent: list[str]
    sentences: list[str]
    yours: str


@dataclass(frozen=True)
class Checklist:
    """A published checklist and all its items."""

    name: str
    source: str
    rows: list[Row]


def read_checklists() -> list[dict[str, Any]]:
    """The entries of `checklists.yaml`."""
    text = files("diffchest.cards").joinpath("checklists.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, source="checklists.yaml")


def fill(anchors: Mapping[str, str], sentences: Mapping[str, str]) -> list[Checklist]:
    """Every item with links into the report that is there.

    anchors: the section of each table and figure in the report; sentences: what the run says, by name; "" for nothing.
    """
    return [
        Checklist(entry["name"], entry["source"], [_row(item, anchors, sentences) for item in entry["items"]])
        for entry in read_checklists()
    ]


def _row(item: Mapping[str, Any], anchors: Mapping[str, str], sentences: Mapping[str, str]) -> Row:
    links, absent = [], []
    for place in item.get("see", []):
        if place in CARDS:
            links.append((f"{place}.html", CARDS[place]))
        elif place in anchors:
            links.append((f"index.html#{anchors[place]}", place))
        else:
            absent.append(place)
    said = [sentences[name] for name in item.get("says", [])]
    yours = item.get("yours", "")
    if not links and not any(said) and not yours:
        yours = "this run has nothing to show for it"
    return Row(str(item["item"]), item["topic"], links, absent, [text for text in said if text], yours)
