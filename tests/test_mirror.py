"""Tests lie where what they test lies, `tests/<room>/test_<module>.py`, and share nothing but helpers."""

import ast

import pytest

from tests.helpers.repository import ROOT

TESTS = ROOT / "tests"
ACROSS = {  # tests of several modules, and why they are no single module's
    "audit/test_command.py": "`python -m diffchest.audit`",
    "classifiers/test_main.py": "`python -m diffchest.classifiers`",
    "explain/test_command.py": "`python -m diffchest.explain`",
    "figures/test_figures.py": "what all figures have in common",
    "images/test_damaged.py": "thousands of damaged files, through every decoder",
    "model/authors/test_command.py": "`python -m diffchest.model.authors`",
    "model/test_parity.py": "network, schedule and sampling against vectors of the authors' code",
    "pretraining/test_recipe.py": "what the whole recipe does to weights: a mutation of any part is caught",
    "pretraining/test_slurm.py": "docs/slurm/pretrain.sh, run with stand-ins for SLURM's commands",
    "params/test_params.py": "the whole of params.yaml, its sections and the profiles",
    "phantom/test_layouts.py": "the three native layouts have the same promises",
    "stats/test_error_rates.py": "coverage and level of intervals and tests, in simulated studies",
    "stats/test_input.py": "what every function of the room refuses",
}
ROOMS = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.glob("*/**/test_*.py"))


@pytest.mark.parametrize("test", [name for name in ROOMS if name not in ACROSS])
def test_a_test_module_has_the_place_and_name_of_what_it_tests(test):
    module = ROOT / "diffchest" / test.replace("test_", "", 1)
    assert module.is_file(), f"tests/{test}: no such module diffchest/{module.relative_to(ROOT / 'diffchest')}"


@pytest.mark.parametrize("test", ROOMS)
def test_what_tests_share_is_in_helpers(test):
    tree = ast.parse((TESTS / test).read_text())
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    others = [name for name in imported if name.startswith("tests.") and not name.startswith("tests.helpers")]
    assert not others, f"tests/{test} imports {others}: move what it needs to tests/helpers"


def test_no_exception_is_for_nothing():
    assert set(ACROSS) <= set(ROOMS)
