"""Tensors in files: reading what others wrote, while nothing in it is executed, and copying it into a network."""

import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from diffchest.errors import DataError

COMPILED, WRAPPED = "_orig_mod.", "module."  # what torch.compile and DataParallel put into the names of tensors
COUNT = "n_averaged"  # beside the tensors of an average of weights
LONGEST_HEADER = 100_000_000  # bytes, of a safetensors file
PICKLED, ZIPPED = b"\x80", b"PK"  # how a file of torch.save begins, before 1.6 and since
FOREIGN = {b"<": "a web page", b"version https://git-lfs": "a pointer of Git LFS (`git lfs pull` fetches the file)"}
FOREIGN |= {b"\x1f\x8b": "compressed (unpack it)", b"\x89HDF": "HDF5", b"{": "JSON, perhaps the answer of a server"}
FOREIGN |= {b"\x93NUMPY": "an array of NumPy", b"\x08": "perhaps an ONNX file"}


def read_plain(path: Path, *, expected: str, allowed: Sequence[Any] = ()) -> Any:
    """What a file of `torch.save` holds, tensors on the CPU; of a file of safetensors, its tensors by name.

    Which it is, is told by its content. `expected` says in messages what file to give. `allowed`: classes, besides
    tensors and plain containers, that may occur, in the form of `torch.serialization.safe_globals`. Raises `DataError`
    when the path is no file, the file is damaged, or it holds objects of other classes: these could run code and are
    not loaded.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "no such file"
        raise DataError(f"{path}: {found}; give {expected}")
    if _of_safetensors(path):
        try:
            return load_file(path)
        except SafetensorError as error:
            raise DataError(f"{path}: not a whole safetensors file ({error}); download it again") from None
    zipped = _of_zip(path, expected=expected)
    if zipped and path.suffix == ".safetensors":  # by which torch.load decides
        raise DataError(f"{path}: a checkpoint of `torch.save`, not of safetensors; rename it to {path.stem}.pt")
    try:
        with safe_globals(list(allowed)):
            # a file from before torch 1.6 is no zip and can be neither searched nor mapped; what loads it refuses alone
            refused = get_unsafe_globals_in_checkpoint(path) if zipped else []
            loaded = None if refused else torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # a damaged pickle may raise anything
        named = re.search(r"GLOBAL (\S+) was not an allowed global", str(error))
        if named is None and not zipped and _is_whole_pickle(path):
            raise DataError(
                f"{path}: a pickle of Python that `torch.save` did not write, not a checkpoint; it could run code and "
                f"is not loaded; give {expected}"
            ) from None
        if named is None:
            raise DataError(
                f"{path}: not a whole checkpoint as `torch.save` writes it; download it again ({_first_words(error)})"
            ) from None
        refused, loaded = [named[1]], None
    if refused:
        raise DataError(
            f"{path}: refused, since it holds objects of {', '.join(sorted(refused))}, which could run code; expected "
            "tensors and plain values. If you trust the file, save its `state_dict` with `safetensors.torch.save_file` "
            "and give that file"
        )
    return loaded


def tensors_by_name(loaded: Any) -> dict[str, Tensor] | None:
    """What `read_plain` gave as tensors by name, without what training put into the names; None if it is no such.

    `_orig_mod.` (torch.compile) goes wherever it stands, `module.` (DataParallel, an average of weights) where all
    names begin with it.
    """
    if not isinstance(loaded, dict) or not loaded:
        return None
    if not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in loaded.items()):
        return None
    tensors = {name.replace(COMPILED, ""): tensor for name, tensor in loaded.items() if name != COUNT}
    while tensors and all(name.startswith(WRAPPED) for name in tensors):
        tensors = {name.removeprefix(WRAPPED): tensor for name, tensor in tensors.items()}
    return tensors


@contextmanager
def renamed(loaded: Any, tensors: dict[str, Tensor]) -> Iterator[None]:
    """Let a `DataError` of the block say that names in it lack a prefix that they have in the file.

    loaded: what the file holds; tensors: what `tensors_by_name` made of it.
    """
    try:
        yield
    except DataError as error:
        if all(name in tensors or name == COUNT for name in loaded):
            raise
        raise DataError(
            f"{error}\n  (without the prefix that training put before names in the file: `{WRAPPED}`, `{COMPILED}`)"
        ) from None


def _is_whole_pickle(path: Path) -> bool:
    """Whether a file is one pickle from its first byte to its last; nothing in it is executed.

    A file of torch before 1.6 holds several, and bytes of tensors behind them.
    """
    try:
        with path.open("rb") as file:
            for _ in pickletools.genops(file):
                pass
            return not file.read(1)
    except Exception:  # a damaged pickle may raise anything
        return False


def holds(loaded: Any) -> str:
    """What `read_plain` gave, in words for a message that expected something else."""
    if isinstance(loaded, dict):
        return f"the keys {', '.join(map(str, list(loaded)[:4]))}{', ...' if len(loaded) > 4 else ''}"
    return "one tensor" if isinstance(loaded, Tensor) else "a list" if isinstance(loaded, list | tuple) else "one value"


def _of_safetensors(path: Path) -> bool:
    """Whether a file is one of safetensors, whatever its name: the length of its header, and a header of JSON."""
    with path.open("rb") as file:
        start = file.read(9)
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") <= LONGEST_HEADER


def _of_zip(path: Path, *, expected: str) -> bool:
    """Whether a file is a zip, as torch writes since 1.6; `DataError` for one that holds a program or anything else."""
    with path.open("rb") as file:
        start = file.read(64)
    if not zipfile.is_zipfile(path):
        if not start:
            raise DataError(f"{path}: is empty; download it again")
        if start.startswith(ZIPPED):
            raise DataError(f"{path}: is cut off; download it again")
        if not start.startswith(PICKLED):
            text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
            what = next((name for mark, name in FOREIGN.items() if text.startswith(mark)), "")
            what = what or ("text" if text.isascii() and text.decode().isprintable() else "no file of `torch.save`")
            raise DataError(f"{path}: {what}, not a checkpoint; give {expected}")
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise DataError(f"{path}: a damaged zip file ({_first_words(error)}); download it again") from None
    if "constants.pkl" in names:
        raise DataError(
            f"{path}: a program in TorchScript, not a checkpoint; its tensors alone can be saved where it is trusted: "
            f"`torch.save(torch.jit.load({path.name!r}).state_dict(), 'state.pt')`, and give that file"
        )
    if "archive_format" in names or {"models/model.json", "serialized_exported_program.json"} & names:
        raise DataError(
            f"{path}: a program of torch.export, not a checkpoint; its tensors alone can be saved where it is trusted: "
            f"`torch.save(torch.export.load({path.name!r}).state_dict, 'state.pt')`, and give that file"
        )
    if "data.pkl" not in names:
        raise DataError(f"{path}: a zip file, but no checkpoint; unpack it, and give {expected}")
    return True


def _first_words(error: Exception) -> str:
    return str(error).split(". ")[0].split("\n")[0] or "no reason was given"


def load_tensors(
    model: nn.Module, tensors: dict[str, Tensor], *, source: Path, name_in_file: Callable[[str], str] = str
) -> None:
    """Copy `tensors` of the file `source` into `model`; a tensor `name` of it is called `name_in_file(name)` there.

    Raises `DataError` as `check_tensors` does.
    """
    state = model.state_dict()
    check_tensors({name_in_file(name): tuple(tensor.shape) for name, tensor in state.items()}, tensors, source=source)
    model.load_state_dict({name: tensors[name_in_file(name)] for name in state})


def check_tensors(expected: dict[str, tuple[int, ...]], tensors: dict[str, Tensor], *, source: Path) -> None:
    """Raise `DataError` listing every missing, extra or misshapen tensor of the file `source`, if there are any."""
    problems = [f"missing {name} {shape}" for name, shape in expected.items() if name not in tensors]
    problems += [f"unexpected {name}" for name in tensors if name not in expected]
    problems += [
        f"{name} is {tuple(tensor.shape)}, expected {expected[name]}"
        for name, tensor in tensors.items()
        if name in expected and tuple(tensor.shape) != expected[name]
    ]
    if problems:
        raise DataError(f"{source}: {len(problems)} tensor(s) do not fit the network:\n  " + "\n  ".join(problems))
