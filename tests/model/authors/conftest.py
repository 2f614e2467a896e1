"""Fixtures shared by the tests of this room."""

import pytest

from tests.helpers.authors_files import FINDINGS, save_checkpoint, state_of


@pytest.fixture
def checkpoint(tmp_path):
    return save_checkpoint(tmp_path / "last.ckpt", state_of()[0])


@pytest.fixture
def findings(tmp_path):
    path = tmp_path / "findings.txt"
    path.write_text("\n".join(FINDINGS) + "\n")
    return path
