"""Where the bytes of an image lie: a file below the cohort's root, or a member of a zip file there."""

import errno
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from diffchest.errors import DataError
from diffchest.images.zip_members import Place, read_member

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm")
MEMBER = "::"
DAMAGED_MEMBER = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
NOT_OF_THE_FILE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # no reason to reject an image
LARGEST_FILE = 256 * 2**20  # bytes; a radiograph has at most about 50 million


def index_images(root: Path, depth: int, *, stem: bool = False) -> dict[str, str]:
    """Map the last `depth` components of every image's path below `root` (`stem`: without suffix) to its source.

    Files come before zip members, both in path order; of several images with one key the first counts. Raises
    `DataError` for a zip file that cannot be read.
    """
    index: dict[str, str] = {}
    for path, source in _images(root):
        key = "/".join(path.split("/")[-depth:])
        index.setdefault(key.rpartition(".")[0] if stem else key, source)
    return index


def zip_members(archive: Path) -> list[str]:
    """Names of the files in a zip; `DataError` when it is missing or damaged."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DataError(f"{archive}: cannot be read as a zip file ({error}); download it again") from None


def inside_root(path: str) -> bool:
    """Whether a relative path stays below the folder it starts from."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return bool(parts) and not os.path.isabs(path) and ".." not in parts and not parts[0].endswith(":")


class SourceReader:
    """Read images of one cohort; keeps its zip files open. Not for use by two threads or processes at once.

    An error that is none of the image (too many open files) is raised as it is.
    """

    def __init__(self, root: str | Path) -> None:
        self._root = os.path.realpath(root)
        self._folders: dict[str, str] = {}  # their real paths: finding one takes longer than opening a file
        self._archives: dict[str, zipfile.ZipFile] = {}
        self._opened: dict[str, BinaryIO] = {}

    def read(self, source: str, place: Place | None = None) -> bytes:
        """The bytes of the image at `source`; `DataError` with the reason when there are none.

        place: where its member lies in its zip file, so that the directory of that need not be read here.
        """
        archive, found, member = source.partition(MEMBER)
        if not inside_root(archive):
            raise DataError("path leaves the root")
        try:
            if place is not None:
                data = self._read_place(archive, place)
                if data is not None:
                    return data
            return self._read_member(archive, member) if found else self._read_file(archive)
        except (FileNotFoundError, KeyError):
            raise DataError("image is not there") from None
        except DataError:
            raise
        except (OSError, ValueError, RuntimeError, EOFError, *DAMAGED_MEMBER) as error:
            if isinstance(error, OSError) and error.errno in NOT_OF_THE_FILE:
                raise
            raise DataError(f"cannot be read ({type(error).__name__})") from None

    def _inside(self, path: str) -> str:
        """The file, wherever symbolic links lead as long as it is below the root."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(os.path.join(self._root, folder))
        file = os.path.join(self._folders[folder], name)
        if os.path.islink(file):
            file = os.path.realpath(file)
        if os.path.commonpath([file, self._root]) != self._root:
            raise DataError("path leaves the root through a symbolic link")
        return file

    def _read_file(self, path: str) -> bytes:
        with open(self._inside(path), "rb") as file:
            _check_size(os.fstat(file.fileno()).st_size)
            return file.read()

    def _read_place(self, archive: str, place: Place) -> bytes | None:
        _check_size(place.size)
        if archive not in self._opened:
            self._opened[archive] = open(self._inside(archive), "rb")  # noqa: SIM115 (kept, as zip files are)
        return read_member(self._opened[archive], place)

    def _read_member(self, archive: str, member: str) -> bytes:
        if archive not in self._archives:
            self._archives[archive] = zipfile.ZipFile(self._inside(archive))
        opened = self._archives[archive]
        _check_size(opened.getinfo(member).file_size)
        return opened.read(member)


def _check_size(size: int) -> None:
    if size > LARGEST_FILE:
        raise DataError(f"larger than {LARGEST_FILE // 2**20} MiB")


def _images(root: Path) -> Iterator[tuple[str, str]]:
    """Pairs (path of an image, source) below `root`: files first, then zip members."""
    files = (os.path.relpath(path, root).replace(os.sep, "/") for path in _files(root))
    files = sorted(files, key=lambda path: path.split("/"))  # as tables are looked for: `a/` before `a-small/`
    of_use = [path for path in files if path.lower().endswith((*SUFFIXES, ".zip"))]
    for path in of_use:
        if not _is_text(path):
            raise DataError(f"{root}: the name {path!a} is not UTF-8; rename the file or its folder")
    yield from ((path, path) for path in of_use if path.lower().endswith(SUFFIXES) and MEMBER not in path)
    for archive in (path for path in of_use if path.lower().endswith(".zip")):
        for member in zip_members(root / archive):
            if member.lower().endswith(SUFFIXES):
                yield member, f"{archive}{MEMBER}{member}"


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _files(root: Path) -> Iterator[str]:
    """Every file below `root`, each folder once, so that a symbolic link to a folder above ends."""
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        yield from (os.path.join(folder, name) for name in names)
