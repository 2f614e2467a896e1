"""Score files: what a model says of each test radiograph, in one form for every model."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from diffchest.errors import DataError
from diffchest.files.cells import no_id, numbers
from diffchest.files.foreign_tables import read_numbers
from diffchest.files.id_matches import equal_up_to
from diffchest.files.whole import whole
from diffchest.findings.spelling import check_spellings, same_name
from diffchest.progress import notice


def write_scores(path: Path, scores: np.ndarray, *, model: str, image_ids: Sequence[str], findings: list[str]) -> None:
    """Write `scores` [N, F], any scale and precision, as Parquet: image_id, model, one column per finding.

    Findings whose scores are all NaN (the model has none) are left out.
    """
    frame = pd.DataFrame(scores, columns=findings).dropna(axis=1, how="all")
    frame.insert(0, "image_id", list(image_ids))
    frame.insert(1, "model", model)
    with whole(path) as file:
        frame.to_parquet(file, index=False)


def read_scores(
    path: Path, image_ids: Sequence[str], *, min_scored: float = 1.0, findings: Collection[str] | None = None
) -> pd.DataFrame:
    """Scores of those of `image_ids` that have some, in that order: index image_id, one column per finding.

    From Parquet or CSV; scores may have any scale. `min_scored`: the smallest fraction of `image_ids` that must have
    scores (`evaluation.min_scored`); the others, and images that are not asked for, are counted in a notice, and so are
    columns that are none of `findings`. Raises `DataError` for a missing file, duplicated image ids, too few that
    match, no column that does, or a score that is NaN or infinite.
    """
    frame = read_image_table(path)
    if findings is not None:
        frame = _select(frame, findings, source=path)
    matched, unscored, extra = match_images(frame.index, image_ids, source=path, least=min_scored)
    if len(unscored):
        near = equal_up_to(extra, unscored)
        notice(
            f"{path}: no scores for {len(unscored)} of {len(image_ids)} test images, such as {_some(unscored)}; "
            f"evaluated without them{f' ({near})' if near else ''}"
        )
    if len(extra):
        notice(f"{path}: {len(extra)} scored images are not in the test set, such as {_some(extra)}; left out")
    frame = frame.loc[matched]
    check_numbers(frame, source=path)
    return frame


def _select(frame: pd.DataFrame, findings: Collection[str], *, source: Path) -> pd.DataFrame:
    """The columns that are findings; the others are counted in a notice."""
    check_spellings(dict.fromkeys(map(str, frame.columns), len(frame)), where=str(source), what="columns")
    strange = [str(name) for name in frame.columns if name not in findings]
    ours = {same_name(name): name for name in findings if name not in frame}
    alike = [(name, ours[same_name(name)]) for name in strange if same_name(name) in ours]
    if alike:
        raise DataError(
            f"{source}: column {alike[0][0]!r} and the finding {alike[0][1]!r} of the labels differ by case or white "
            f"space alone ({len(alike)} such columns); spell them alike"
        )
    kept = frame.drop(columns=strange)
    if kept.empty:
        raise DataError(
            f"{source}: none of its columns, such as {strange[:3]}, is a finding of the labels, such as "
            f"{list(findings)[:3]}; spell them alike"
        )
    if strange:
        notice(f"{source}: {len(strange)} columns that are no finding of the labels, such as {strange[0]!r}; left out")
    return kept


def read_image_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet table with one row per image, indexed by its `image_id` (text), without a column `model`.

    See `files.foreign_tables.read_numbers`. Raises `DataError` for a missing file, one that is no table, a column that
    is there twice, no `image_id`, a word for none such as `nan` in it, and an image with two rows.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `dvc repro`, or correct the path")
    frame = read_numbers(path, "image_id").drop(columns="model", errors="ignore").set_index("image_id")
    check_image_ids(frame.index, source=path)
    return frame


def check_image_ids(image_ids: pd.Index, *, source: Path) -> None:
    """Raise `DataError` when the file `source` has several rows of an image, or words for none such as `nan`."""
    nobody = no_id(image_ids.to_series()).to_numpy(bool)
    if nobody.any():
        row = int(nobody.argmax())
        raise DataError(
            f"{source}: {int(nobody.sum())} rows name no image: the first, after {row} others, has the image id "
            f"{image_ids[row]!r}; give each row its image's id"
        )
    repeated = image_ids[image_ids.duplicated()]
    if len(repeated):
        raise DataError(f"{source}: {len(repeated)} duplicated image ids, such as {_some(repeated)}; keep one row each")


def match_images(
    found: pd.Index, wanted: Sequence[str], *, source: Path, least: float
) -> tuple[list[str], pd.Index, pd.Index]:
    """Which images of `wanted` are among `found`, in their order; those that are not; those found and not wanted.

    Raises `DataError` when fewer than the fraction `least` of `wanted` are there.
    """
    asked = pd.Index(wanted)
    matched = asked[asked.isin(found)]
    missing, extra = asked.difference(found), found.difference(asked)
    if len(matched) < least * len(asked) or not len(matched):
        theirs = f", the file has {len(extra)} others, such as {_some(extra)}" if len(extra) else ""
        near = equal_up_to(extra, missing)
        theirs += f" ({near})" if near else ""
        raise DataError(
            f"{source}: no row for {len(missing)} of {len(asked)} images, such as {_some(missing)}{theirs}; expected "
            f"{least:.0%} of them at least. Correct the image ids, or lower evaluation.min_scored"
        )
    return matched.tolist(), missing, extra


def check_numbers(frame: pd.DataFrame, *, source: Path) -> None:
    """Raise `DataError` unless every cell of the table from the file `source` is a finite number."""
    if frame.empty:
        raise DataError(f"{source}: {len(frame)} rows of {frame.shape[1]} numbers; expected at least one of each")
    text = [str(column) for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column])]
    if text:
        name, cell = next(
            ((name, cell) for name, cell in frame[text[0]].items() if isinstance(cell, str) and not _number(cell)),
            (frame.index[0], frame[text[0]].iloc[0]),
        )
        raise DataError(
            f"{source}: column {text[0]!r} holds {cell!r} for {name!r}; expected numbers in every column, all with "
            "decimal points or all with decimal commas"
        )
    bad = ~np.isfinite(frame.to_numpy(dtype=np.float64))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{source}: {int(bad.sum())} values are NaN or infinite, the first is {frame.columns[column]!r} of "
            f"{frame.index[row]!r}"
        )


def _number(cell: str) -> bool:
    return pd.api.types.is_numeric_dtype(numbers(pd.Series([cell], dtype=str)))


def _some(ids: pd.Index, most: int = 3) -> str:
    return ", ".join(repr(name) for name in ids[:most])
