"""Code counts by what it does: not by comments, docstrings and where things are imported from."""

import importlib.util
from pathlib import Path

import pytest

from diffchest.compute.code import meaning
from diffchest.counterfactuals import pictures
from diffchest.dependencies import used_files
from tests.helpers.repository import ROOT

BASE = '''"""Doc."""
from math import sqrt
from diffchest.errors import DataError

def root(x):
    """Doc."""
    return sqrt(x)  # why
'''


def module(path: Path, text: str):
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# why", "# because", True),
        ("Doc.", "Other.", True),
        ("from diffchest.errors import", "from diffchest.progress import", True),
        ("\n\n", "\n\n\n\n", True),
        ("sqrt(x)", "sqrt(x) + 0", False),
        ("def root(x)", "def root(x, y=1)", False),
    ],
)
def test_what_is_done_counts_alone(old, new, same, tmp_path):
    first, second = module(tmp_path / "first.py", BASE), module(tmp_path / "second.py", BASE.replace(old, new))
    assert (meaning(first) == meaning(second)) == same
    assert (meaning(first.root) == meaning(second.root)) == same


def test_whose_function_a_module_calls_counts(tmp_path):
    other = BASE.replace("from math import sqrt", "from cmath import sqrt")
    assert meaning(module(tmp_path / "first.py", BASE)) != meaning(module(tmp_path / "second.py", other))


def test_parts_count_all_code_that_makes_a_picture():
    """Every module of the rooms that compute: one that is forgotten would let an edit find stale parts."""
    rooms = ("model", "diffusion", "images", "counterfactuals")
    used = {name for name in used_files(Path(pictures.__file__), ROOT) if name.split("/")[1] in rooms}
    assert {Path(str(part.__file__)).relative_to(ROOT).as_posix() for part in (*pictures.CODE, pictures)} == used
