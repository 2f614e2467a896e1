"""What an installed package holds."""

import tomllib

from tests.helpers.repository import ROOT


def test_every_file_that_is_no_module_is_package_data():
    """Templates and tables are read from the package: one that pyproject.toml does not name is not installed."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    folders = {ROOT.joinpath(*package.split(".")): patterns for package, patterns in named.items()}
    held = {path for folder, patterns in folders.items() for pattern in patterns for path in folder.glob(pattern)}
    files = (path for path in (ROOT / "diffchest").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))
    assert set(files) == held
