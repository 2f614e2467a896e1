"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

from tests.helpers.repository import ROOT


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Development data beside the checkout; tests that need it skip where it is absent."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip("development data is not there (a user's clone has none)")
    return path
