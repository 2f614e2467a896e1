"""A classifier that is a command: a folder of PNG files goes in, a CSV file of scores comes back."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from PIL import Image

from diffchest.classifiers.preprocess import Picture, as_uint8
from diffchest.classifiers.scored import Score
from diffchest.errors import DataError
from diffchest.files.cells import numbers
from diffchest.files.foreign_tables import read_cells

IMAGE = "image"  # column of the CSV: the name of a PNG file
LONG = {"label", "score", "class", "finding", "pathology", "prediction", "rank"}  # columns of a table in long form
LINES = 12  # of what a command that failed said last


def command_scores(
    command: Sequence[str], names: Sequence[str | None], picture: Picture, *, timeout_s: float, source: str
) -> Score:
    """Raw scores [N, M] by a command, which gets all pictures at once, as 8-bit gray PNG files 000000.png and so on.

    The words of `command` are no shell's; {folder} and {scores} are put in. The CSV has a row per picture, its file in
    the column `image`, and a column for each of `names` (an output without a name needs none). Raises `DataError` for a
    command that is not there, fails, or takes longer than `timeout_s` (all that it started is killed), and for a CSV
    that is not that.
    """

    def score(pictures: np.ndarray) -> np.ndarray:
        with TemporaryDirectory() as temporary:
            folder, scores = Path(temporary) / "pictures", Path(temporary) / "scores.csv"
            folder.mkdir()
            files = [f"{number:06d}.png" for number in range(len(pictures))]
            for file, pixels in zip(files, as_uint8(pictures, picture), strict=True):
                Image.fromarray(pixels).save(folder / file)
            words = [word.replace("{folder}", str(folder)).replace("{scores}", str(scores)) for word in command]
            _run(words, Path(temporary), timeout_s, source)
            return read_scores(scores, files, names, source=source)

    return score


def read_scores(path: Path, files: Sequence[str], names: Sequence[str | None], *, source: str) -> np.ndarray:
    """Scores float64 [N, M] of `files` out of a command's CSV; 0 for outputs without a name."""
    if not path.is_file():
        raise DataError(
            f"{source}: the command ended well, but wrote no scores to {{scores}}; write the CSV file there"
        )
    try:
        table = read_cells(path, keys=(IMAGE,))
    except DataError as error:
        raise DataError(f"{source}: its scores are no CSV ({error}); write {IMAGE} and a column per name") from None
    _check_columns(table, [name for name in names if name], source)
    images = [Path(str(image)).name.removesuffix(".png") + ".png" for image in table[IMAGE]]
    table.index = pd.Index(images)
    _check_rows(images, files, source)
    columns = []
    for name in names:
        values = _numbers(table[name]) if name else pd.Series(0.0, index=table.index)
        bad = values.index[~np.isfinite(values.to_numpy(np.float64))]
        if len(bad):
            first = table.loc[bad[0], name]
            raise DataError(
                f"{source}: {len(bad)} score(s) of {name!r} are no finite numbers, the first is {first!r} for "
                f"{bad[0]}; mend the command, or give the output null in `names`"
            )
        columns.append(values.loc[list(files)].to_numpy(np.float64))
    return np.stack(columns, axis=1)


def _numbers(cells: pd.Series) -> pd.Series:
    """Cells in numbers; where a column holds other text, NaN for that."""
    read = numbers(cells)
    return read if pd.api.types.is_numeric_dtype(read) else pd.to_numeric(read, errors="coerce").astype(np.float64)


def _check_columns(table: pd.DataFrame, names: list[str], source: str) -> None:
    found = [str(column) for column in table.columns]
    missing, extra = [n for n in names if n not in found], [n for n in found if n not in names and n != IMAGE]
    if IMAGE in found and not missing and not extra:
        return
    if missing and LONG & {column.lower() for column in found}:
        raise DataError(
            f"{source}: its scores are in long form (columns {', '.join(found)}): a row per picture and label, perhaps "
            f"the best few alone. Write a row per picture with {IMAGE} and every name, all of them (transformers: "
            "`top_k=None`, then pivot)"
        )
    if IMAGE not in found:
        raise DataError(f"{source}: its scores have no column {IMAGE!r} (found {', '.join(found)}); add the PNG's name")
    raise DataError(
        f"{source}: the columns of its scores are other names: missing {missing or 'none'}, unknown {extra or 'none'}; "
        "write the names of the descriptor, or mend `names`"
    )


def _check_rows(images: list[str], files: Sequence[str], source: str) -> None:
    seen = pd.Series(images, dtype=str)
    twice, missing = seen[seen.duplicated()].tolist(), [file for file in files if file not in set(images)]
    extra = [image for image in images if image not in set(files)]
    for what, which in (("twice", twice), ("missing", missing), ("of no picture that was given", extra)):
        if which:
            raise DataError(
                f"{source}: its scores have {len(images)} rows for {len(files)} pictures: {len(which)} {what}, the "
                f"first is {which[0]!r}; write one row for each PNG file"
            )


def _run(words: list[str], folder: Path, timeout_s: float, source: str) -> None:
    """Run a command in a process group of its own, of which nothing is left afterwards."""
    said = folder / "said.txt"
    with said.open("wb") as output:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except OSError as error:
            raise DataError(f"{source}: cannot run {words[0]!r} ({error.strerror}); give a program on PATH") from None
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise DataError(
                f"{source}: {words[0]!r} did not end within {timeout_s:g} s and was stopped; raise `timeout_s`, or see "
                f"why it waits. It said last:\n{_last(said)}"
            ) from None
        finally:
            _kill(process)
    if code:
        raise DataError(f"{source}: {words[0]!r} failed with exit code {code}. It said last:\n{_last(said)}")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing is left; macOS calls that not permitted
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last(said: Path) -> str:
    lines = said.read_bytes()[-8192:].decode(errors="replace").rstrip().splitlines()[-LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"
