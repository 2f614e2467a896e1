"""The public PadChest, CheXpert and NIH label tables, taken from a pinned wheel on PyPI that is never installed."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from diffchest.errors import DataError

PADCHEST_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
CHEXPERT_TABLE = "chexpert_train.csv.gz"
NIH_TABLE = "Data_Entry_2017_v2020.csv.gz"
TABLES = (PADCHEST_TABLE, CHEXPERT_TABLE, NIH_TABLE)

REQUIREMENT = "torchxrayvision==1.5.7"
WHEEL = "torchxrayvision-1.5.7-py3-none-any.whl"
SHA256 = "95f6c3475661f3515d4258deb0855bd5d1b1a56e0b65384251d3dd3fa61fac41"
FOLDER = "torchxrayvision/data"
DOWNLOADS = Path("downloads")


def fetch_tables(target: Path, *, downloads: Path = DOWNLOADS, sha256: str = SHA256) -> list[Path]:
    """Extract `TABLES` into `target` from the wheel in `downloads`, which is fetched with pip if it is not there.

    Raises `DataError` when there is neither wheel nor network, or when the wheel is not the pinned one.
    """
    wheel = downloads / WHEEL
    if not wheel.is_file():
        _download(downloads, sha256)
    check_sha256(wheel, sha256)
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        return [_extract(archive, name, target) for name in TABLES]


def check_sha256(path: Path, expected: str, *, name: str = "") -> None:
    """Raise `DataError` unless the file at `path` (called `name` in the message) has this SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise DataError(
            f"{name or path}: wrong checksum; expected sha256 {expected}, found {found}. Delete the file and run again "
            f"to download it, or take {WHEEL} from https://pypi.org/project/torchxrayvision/1.5.7/#files"
        )


def _download(downloads: Path, sha256: str) -> None:
    """Fetch the wheel into `downloads`; only a complete file with the right checksum gets its final name."""
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
        command += ["--disable-pip-version-check", "--dest", folder, REQUIREMENT]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        fetched = Path(folder) / WHEEL
        if result.returncode or not fetched.is_file():
            reason = (result.stderr.strip() or "pip gave no reason").splitlines()[-1]
            raise DataError(
                f"{downloads / WHEEL}: cannot be downloaded ({reason}). Without network, take this file from "
                f"https://pypi.org/project/torchxrayvision/1.5.7/#files on another machine and put it into {downloads}/"
            )
        check_sha256(fetched, sha256, name=f"{WHEEL} as downloaded")
        fetched.replace(downloads / WHEEL)


def _extract(archive: zipfile.ZipFile, name: str, target: Path) -> Path:
    part = target / f"{name}.tmp"
    with archive.open(f"{FOLDER}/{name}") as source, part.open("wb") as file:
        shutil.copyfileobj(source, file)
    return part.replace(target / name)
