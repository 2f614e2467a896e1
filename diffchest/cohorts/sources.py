"""Where the bytes of an image lie: a file below the cohort's root, or a member of a zip file there."""

import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from diffchest.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg")
MEMBER = "::"


def index_images(root: Path, depth: int) -> dict[str, str]:
    """Map the last `depth` components of every image's path below `root` to its source.

    Files come before zip members, both in path order; of several images with one key the first counts. Raises
    `DataError` for a zip file that cannot be read.
    """
    index: dict[str, str] = {}
    for path, source in _images(root):
        index.setdefault("/".join(path.split("/")[-depth:]), source)
    return index


def zip_members(archive: Path) -> list[str]:
    """Names of the files in a zip; `DataError` when it is missing or damaged."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{archive}: cannot be read as a zip file ({error}); download it again") from None


def inside_root(path: str) -> bool:
    """Whether a relative path stays below the folder it starts from."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return bool(parts) and not os.path.isabs(path) and ".." not in parts and not parts[0].endswith(":")


class SourceReader:
    """Read images of one cohort; keeps its zip files open. Not for use by two threads or processes at once."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)
        self._archives: dict[str, zipfile.ZipFile] = {}

    def read(self, source: str) -> bytes:
        """The bytes of the image at `source`; `DataError` with the reason when there are none."""
        archive, found, member = source.partition(MEMBER)
        if not inside_root(archive):
            raise DataError("path leaves the root")
        try:
            return self._archive(archive).read(member) if found else (self._root / archive).read_bytes()
        except (FileNotFoundError, KeyError):
            raise DataError("image is not there") from None
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
            raise DataError(f"cannot be read ({type(error).__name__})") from None

    def _archive(self, name: str) -> zipfile.ZipFile:
        if name not in self._archives:
            self._archives[name] = zipfile.ZipFile(self._root / name)
        return self._archives[name]


def _images(root: Path) -> Iterator[tuple[str, str]]:
    """Pairs (path of an image, source) below `root`: files first, then zip members."""
    files = sorted(
        os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
    )
    yield from ((path, path) for path in files if path.lower().endswith(SUFFIXES))
    for archive in (path for path in files if path.lower().endswith(".zip")):
        for member in zip_members(root / archive):
            if member.lower().endswith(SUFFIXES):
                yield member, f"{archive}{MEMBER}{member}"
