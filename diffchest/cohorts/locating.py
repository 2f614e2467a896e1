"""Which file a cell of a table means: paths in the spellings of other programs, names that are nearly there."""

import itertools
import os
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from diffchest.images.sources import SUFFIXES, inside_root

FILE_URL = re.compile(r"file:(//localhost(?=/)|//)?", re.IGNORECASE)
WEB = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
DRIVE = re.compile(r"/?[A-Za-z]:(/|$)")
ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
NEAR_SHOWN = 3


class Paths:
    """Cells that hold paths, below `root`; its real path is asked for once."""

    def __init__(self, root: Path) -> None:
        self._roots = dict.fromkeys([os.path.abspath(root), os.path.realpath(root)])
        self._folders: dict[str, str] = {}

    def below(self, cell: str) -> str:
        """One spelling of the path that `cell` gives: relative to the root where it lies there, else as it stands.

        Blanks around it, backslashes, `./`, doubled slashes and `file://` are taken for what they mean.
        """
        path = cell.strip().replace("\\", "/")
        url = FILE_URL.match(path)
        if url:
            path = unquote(path[url.end() :])
        if path.startswith("/") and not DRIVE.match(path):
            path = self._relative(posixpath.normpath("/" + path.lstrip("/")))
        plain = posixpath.normpath(path)
        return plain if inside_root(plain) and not WEB.match(path) else path

    def _relative(self, path: str) -> str:
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = folder if self._inside(folder) else _real(folder)
        full = os.path.join(self._folders[folder], name)
        root = self._inside(full)
        return os.path.relpath(full, root) if root else path

    def _inside(self, path: str) -> str:
        """The spelling of the root that `path` begins with, "" where it is none."""
        return next((root for root in self._roots if path.startswith(root.rstrip("/") + "/") or path == root), "")


def leaves(path: str, root: Path) -> str:
    """Why a path that `Paths.below` gave is not looked up, in words; "" where it is."""
    if not path:
        return ""
    if WEB.match(path):
        return "a web address: download the image below the root, and give its path relative to that"
    if inside_root(path):
        return ""
    if DRIVE.match(path):
        return "a drive letter of Windows, which is no folder here: give paths relative to the root"
    if path.startswith("/"):
        return f"an absolute path outside the root {os.path.abspath(root)}: give paths relative to the root, or move it"
    return f"a path that leads out of the root {os.path.abspath(root)}"


class Present:
    """The images that are there, by the names that a table may call them.

    sources: name -> source; more: the others that are there, asked for once, when a name is not among `sources`;
    tried: where a name is looked for, in words; whole_paths: whether names are paths whose folder may be a wrong one.
    """

    def __init__(
        self,
        root: Path,
        sources: Mapping[str, str],
        *,
        more: Callable[[], Mapping[str, str]] = dict,
        tried: Callable[[str], str] | None = None,
        whole_paths: bool = False,
    ) -> None:
        self.root = root
        self.tried = tried or (lambda name: f"any file or zip member called {name} below {os.path.abspath(root)}")
        self._sources = sources
        self._more = more
        self._whole_paths = whole_paths

    def find(self, name: str) -> str:
        """The source of `name`, "" where none is meant beyond doubt.

        A name is found as it is spelled; equal to it after Unicode normalisation; or, where it has no ending of an
        image, as the one file that has one more.
        """
        if name in self._sources:
            return self._sources[name]
        if not name:
            return ""
        found = self._composed.get(_composed(name), [])
        if not found and not name.lower().endswith(SUFFIXES):
            found = self._stems.get(_composed(name), [])
        return self._all[found[0]] if len(found) == 1 else ""

    def near(self, name: str) -> str:
        """What is there that `name` may have meant, in words; "" where nothing is."""
        composed = _composed(name)
        stem = _stem(composed)
        if len(self._composed.get(composed, [])) > 1:
            return f"several names differ from it in Unicode normalisation alone: {_shown(self._composed[composed])}"
        if stem == composed and composed in self._stems:
            return f"the ending is missing, and several could be meant: {_shown(self._stems[composed])}"
        if composed.casefold() in self._folded:
            return f"{_shown(self._folded[composed.casefold()])} is there: upper and lower case differ"
        other = self._bare.get(_bare(composed.casefold()))
        if other:
            return f"{_shown(other)} is there: another ending"
        decoded = unquote(name)
        if decoded != name and self.find(decoded):
            return f"{decoded!r} is there: the name is written as in a web address"
        return self._elsewhere(composed) if self._whole_paths else ""

    def _elsewhere(self, name: str) -> str:
        """Files of that name in other folders, those with the most folders in common first."""
        parts = name.casefold().replace("\\", "/").split("/")
        same = self._names.get(parts[-1], [])
        stems = [] if same else self._bare_names.get(_bare(parts[-1]), [])
        ranked = sorted(same or stems, key=lambda path: -_common_end(path.casefold().split("/")[:-1], parts[:-1]))
        if not ranked:
            return ""
        more = "" if same else ", with another ending"
        return f"{_shown(ranked)} is there: another folder{more}"

    @cached_property
    def _all(self) -> dict[str, str]:
        return {**self._more(), **self._sources}

    @cached_property
    def _composed(self) -> dict[str, list[str]]:
        return _by(_composed, self._all)

    @cached_property
    def _stems(self) -> dict[str, list[str]]:
        images = (name for name in self._all if name.lower().endswith(SUFFIXES))
        return _by(lambda name: _stem(_composed(name)), images)

    @cached_property
    def _folded(self) -> dict[str, list[str]]:
        return _by(lambda name: _composed(name).casefold(), self._all)

    @cached_property
    def _bare(self) -> dict[str, list[str]]:
        return _by(lambda name: _bare(_composed(name).casefold()), self._all)

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        return _by(lambda name: _composed(name).casefold().rpartition("/")[2], self._all)

    @cached_property
    def _bare_names(self) -> dict[str, list[str]]:
        return _by(lambda name: _bare(_composed(name).casefold().rpartition("/")[2]), self._all)


def _by(key: Callable[[str], str], names: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return groups


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _stem(name: str) -> str:
    """`name` without an ending of images."""
    return name.rpartition(".")[0] if name.lower().endswith(SUFFIXES) else name


def _bare(name: str) -> str:
    """`name` without an ending of any kind; the last number of a DICOM UID is none."""
    return ENDING.sub("", name)


def _common_end(one: list[str], other: list[str]) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - NEAR_SHOWN} more" if len(names) > NEAR_SHOWN else ""
    return ", ".join(repr(name) for name in names[:NEAR_SHOWN]) + more


def _real(folder: str) -> str:
    try:
        return os.path.realpath(folder)
    except (OSError, ValueError):  # a name that no file system takes
        return folder
