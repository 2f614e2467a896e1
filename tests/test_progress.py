"""Progress where there is no terminal: a line a minute, by a clock of the test's own."""

import sys

import pytest
from tqdm import tqdm

from diffchest.progress import Lines, in_words, progress


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def lines_of(clock, **settings):
    settings = {"total": 72000, "desc": "pretrain", "unit": "images", "clock": clock, **settings}
    return Lines([], **settings)


def test_a_line_a_minute_with_rate_and_time_left(capsys):
    clock = Clock()
    with lines_of(clock) as bar:
        for _ in range(100):  # 20 images a second
            clock.now += 1.5
            bar.update(30)
            bar.set_postfix({"train_loss": 0.12345}, refresh=False)
    assert capsys.readouterr().err.splitlines() == [
        "pretrain: 1,200 of 72,000 images, 20 images/s, 59 min left, train_loss 0.123",
        "pretrain: 2,400 of 72,000 images, 20 images/s, 58 min left, train_loss 0.123",
    ]


def test_what_was_done_before_counts_as_done_and_not_as_fast(capsys):
    clock = Clock()
    bar = lines_of(clock, initial=60000)
    clock.now += 60
    bar.update(6000)
    assert capsys.readouterr().err == "pretrain: 66,000 of 72,000 images, 100 images/s, 1 min left\n"


def test_short_work_and_other_processes_say_nothing_and_the_end_is_left_to_the_summary(capsys):
    clock = Clock()
    bar, other = lines_of(clock, total=10), lines_of(clock, total=10, silent=True)
    clock.now += 59
    bar.update(9)
    other.update(9)
    clock.now += 59
    bar.update(1)
    other.update(1)
    assert capsys.readouterr().err == ""


def test_without_a_total_neither_it_nor_the_time_left_is_told(capsys):
    clock = Clock()
    bar = lines_of(clock, total=None, unit="files")
    clock.now += 60
    bar.update(3)
    assert capsys.readouterr().err == "pretrain: 3 files, 0.05 files/s\n"


def test_all_items_come_through(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    shown = progress([1, 2, 3])
    assert isinstance(shown, Lines)
    assert list(shown) == [1, 2, 3]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min"), (7800, "2 h 10 min"), (7200, "2 h"), (1e5, "1 d 4 h")],
)
def test_times_in_words(seconds, said):
    assert in_words(seconds) == said


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown = progress([1, 2, 3], desc="draw", initial=1)
    assert isinstance(shown, tqdm)
    assert list(shown) == [1, 2, 3]
    monkeypatch.setenv("RANK", "1")
    silent = progress([1, 2, 3])
    assert isinstance(silent, tqdm)
    assert silent.disable
