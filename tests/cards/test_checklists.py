"""The maps of the checklists: every item once, and every place that they name is one that the report can show."""

import re

from diffchest.cards.checklists import CARDS, fill, read_checklists
from diffchest.report.contents import SECTIONS

# the numbering as published: 44 items, and 27 of which some have parts
CLAIM = [str(number) for number in range(1, 45)]
PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}
TRIPOD = [f"{number}{part}" for number in range(1, 28) for part in PARTS.get(number, [""])]


class Names(dict):
    """Sentences that are there whatever their name."""

    def __missing__(self, name):
        return f"sentence {name}"


def test_every_published_item_is_there_once_and_in_order():
    claim, tripod = ([str(item["item"]) for item in entry["items"]] for entry in read_checklists())
    assert claim == CLAIM
    assert tripod == TRIPOD
    assert len(TRIPOD) == 52


def test_an_item_names_a_part_of_the_report_or_is_for_the_authors():
    shown = {f"figures/{item.name}" for section in SECTIONS for item in section.figures}
    shown |= {f"tables/{item.name}" for section in SECTIONS for item in section.tables}
    for entry in read_checklists():
        for item in entry["items"]:
            assert set(item) <= {"item", "topic", "see", "says", "yours"}
            assert item.get("see") or item.get("says") or item.get("yours"), f"{entry['name']} {item['item']}"
            unknown = set(item.get("see", [])) - shown - set(CARDS)
            assert not unknown, f"{entry['name']} {item['item']}: not in the report: {unknown}"


def test_places_become_links_and_what_the_run_lacks_is_said():
    claim, _ = fill({"tables/positives": "cohorts"}, Names())
    row = claim.rows[20]  # item 21: tables/positives, sizes, events
    assert row.links == [("index.html#cohorts", "tables/positives")]
    assert row.sentences == ["sentence sizes", "sentence events"]
    assert claim.rows[34].absent == ["tables/study_flow", "tables/decoding_flow", "figures/study_flow"]
    cards = [address for row in claim.rows for address, words in row.links if words == "datasheet"]
    assert set(cards) == {"datasheet.html"}


def test_topics_are_short_and_in_our_own_words():
    """The published wording is not ours to print: it asks in imperatives, and is longer."""
    for entry in read_checklists():
        for item in entry["items"]:
            assert len(item["topic"]) < 60
            assert not re.match(r"(Describe|Report|Specify|Explain|Provide|Identify|Indicate)\b", item["topic"])
