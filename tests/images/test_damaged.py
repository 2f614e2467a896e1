"""Damaged files are decoded or rejected: none ends the process, stalls it, or gives pixels out of range."""

import re

import pytest

from tests.helpers.damaged import FORMS, damaged, examine, original


def check(outcome, count):
    assert outcome.crashed == []
    assert outcome.constant == 0
    assert outcome.tried == outcome.decoded + outcome.rejected.total() == count
    assert outcome.decoded > count / 10
    assert outcome.rejected.total() > count / 4
    assert not [reason for reason in outcome.rejected if "memory" in reason or re.search("[a-z]Error", reason)]


def test_damaged_radiographs(shared):
    folder = shared / "data" / "open_cxr" / "images"
    if not folder.is_dir():
        pytest.skip("open_cxr is not there")
    check(examine(1008, folder), 1008)


def test_damaged_synthetic_images():
    check(examine(504), 504)


def test_the_corpus_is_the_same_every_time():
    assert [damaged(number) for number in range(20)] == [damaged(number) for number in range(20)]
    assert damaged(1) != damaged(1 + 2 * len(FORMS)) != original(FORMS[1], 2, None)
