"""Your own radiographs: any CSV or Parquet table with an image path, a patient id and labels."""

import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.doubts import doubt_patients
from diffchest.cohorts.findings_column import read_findings
from diffchest.cohorts.intake import Intake
from diffchest.cohorts.locating import Paths, Present, leaves
from diffchest.cohorts.named_columns import read_named
from diffchest.cohorts.reading import existing_root
from diffchest.cohorts.understood import Understood, shown
from diffchest.contracts.labels import parse_codes
from diffchest.errors import DataError
from diffchest.files.cells import BLANKS, age_years, ids, lateral_views, no_id, sex_codes, view_names
from diffchest.files.id_spellings import check_ids
from diffchest.findings.spelling import check_spellings, same_name
from diffchest.images.archives import Member, members, utf8_name
from diffchest.images.sources import MEMBER, below, inside_root
from diffchest.params.cohorts import TableCohort
from diffchest.progress import notice

LEAVES = "path leaves the root"
NO_MEMBER = f" (a name with `{MEMBER}` is not read: rename the file; members of a zip are named without it, see `zip`)"

INVERTED = {"MONOCHROME1": True, "MONOCHROME2": False, "1": True, "0": False, "TRUE": True, "FALSE": False}


def read_table_cohort(dataset: str, cohort: TableCohort) -> Cohort:
    """Read the rows of `cohort.table` that `cohort.where` keeps; role `cohort.use`, or what `cohort.split` says.

    Labels are columns of codes (see `contracts.labels.parse_codes`) or one column that lists findings, between
    separators or as `['a', 'b']`; a blank cell is not assessed. `cohort.indicators` adds a label for values of any
    other column. Image paths are relative to the zip files `cohort.zip`, or to the root (absolute ones that lie there
    are taken for such); one that leaves the root is rejected. The image id is that path. Lateral views are left out
    unless `cohort.lateral` says so; views that nobody knows stay.
    """
    root = existing_root(cohort.root)
    path = root / cohort.table
    rows, form = read_named(path, cohort)
    intake = Intake(dataset, origin=f"{cohort.root}/{cohort.table}", table=cohort.table)
    intake.understood.fact("table", f"rows of {cohort.table}", len(rows), example=form.words)
    intake.understood.fact("columns", "read", rows.shape[1], example=shown(rows.columns, len(rows.columns)))
    intake.understood.fact("columns", "not read", len(form.unread), example=shown(form.unread))
    intake.flow.count("listed in the table", rows[cohort.patient].to_frame("patient_id"))
    for column, values in cohort.where.items():
        wanted = _held(rows[column], values, f"{path}: `where`")
        if not wanted.any():
            raise DataError(f"{path}: no row has {column} in {values}; found {sorted(rows[column].unique())[:10]}")
        patients = rows[cohort.patient].to_frame("patient_id")
        kept = intake.flow.keep(patients, wanted, kept=f"{column} as wanted", dropped=f"other {column}")
        rows = rows.loc[kept.index]
    patients = ids(rows[cohort.patient])
    check_ids(patients.mask(no_id(patients), ""), where=f"{path}: column {cohort.patient!r}")
    paths = Paths(root)
    text = pd.Series([paths.below(cell) for cell in rows[cohort.image]], index=rows.index, dtype=str)
    listed = intake.listing(
        rows,
        image=text,
        patient=rows[cohort.patient],
        key=text,
        study_id=ids(rows[cohort.study]) if cohort.study else "",
        view=view_names(rows[cohort.view], intake.tally) if cohort.view else "",
        sex=sex_codes(rows[cohort.sex], intake.tally) if cohort.sex else "",
        age=age_years(rows[cohort.age], intake.tally) if cohort.age else float("nan"),
        bits_stored=_bits_stored(rows, cohort, str(path)),
        inverted=_inverted(rows, cohort, str(path)),
        cell=rows[cohort.image],
    ).assign(role=cohort.use)
    listed = _frontal(intake, listed, rows, cohort) if cohort.view else listed
    listed = _split(intake, listed, rows, cohort, str(path)) if cohort.split else listed
    outside = pd.Series([leaves(key, root) for key in listed["key"]], index=listed.index, dtype=str)
    images = listed[outside == ""]
    present = _present(root, cohort, images["key"])
    if len(images) < len(listed):
        left, why = listed[outside != ""], outside[outside != ""]
        near = [present.near(key) for key in left["key"]]
        intake.reject(left, LEAVES, why + [f"; {text}" if text else "" for text in near])
        intake.flow.exclude(LEAVES, left)
    doubt_patients(intake.understood, images["patient_id"], column=cohort.patient)
    named = _labels(rows.loc[images.index], cohort, str(path), intake.understood)
    labels = _with_indicators(named, rows, cohort, str(path))
    check_spellings({str(name): int(number) for name, number in (labels == 1).sum().items()}, where=str(path))
    read = intake.finish(images, labels, present=present, policy=cohort.images)
    return replace(read, indicators=list(cohort.indicators))


def _frontal(intake: Intake, listed: pd.DataFrame, rows: pd.DataFrame, cohort: TableCohort) -> pd.DataFrame:
    """`listed` without the lateral views, if there are any and they are not to be kept."""
    cells = rows.loc[listed.index, str(cohort.view)]
    lateral = lateral_views(cells)
    if cohort.lateral == "keep" or not lateral.any():
        return listed
    return intake.by_view(listed, cells, ~lateral, kept="not lateral")


def _split(intake: Intake, listed: pd.DataFrame, rows: pd.DataFrame, cohort: TableCohort, where: str) -> pd.DataFrame:
    """`listed` with the role that its value in the column `cohort.split` stands for, without those to be left out."""
    values = rows.loc[listed.index, str(cohort.split)].str.strip()
    unknown = values[~values.isin(list(cohort.roles))]
    if len(unknown):
        found = sorted(unknown.unique())[:10]
        raise DataError(
            f"{where}: column {cohort.split!r}, row {unknown.index[0] + 2}: {len(unknown)} row(s) with {found}, which "
            f"have no role; expected {list(cohort.roles)}. Say in the cohort's `roles` what they are, such as "
            f"`{found[0]!r}: leave_out`"
        )
    role = values.map(cohort.roles)
    kept = intake.flow.keep(
        listed.assign(role=role),
        role != "leave_out",
        kept=f"with a role by {cohort.split}",
        dropped=f"left out by {cohort.split}",
    )
    roles = kept.groupby("patient_id")["role"].unique()
    several = roles[roles.map(len) > 1]
    if len(several):
        shown = "; ".join(f"{patient}: {', '.join(sorted(role))}" for patient, role in several.head(5).items())
        raise DataError(
            f"{where}: column {cohort.split!r}: {len(several)} patient(s) with images in more than one role, so that "
            f"test results could not be trusted: {shown}. Mend the table, or leave `split` out to split by patient"
        )
    return kept


def _bits_stored(rows: pd.DataFrame, cohort: TableCohort, where: str) -> pd.Series | int:
    """Bits of each row's 16-bit PNG, 0 where nothing says."""
    if not isinstance(cohort.bits_stored, str):
        return cohort.bits_stored or 0
    cells = rows[cohort.bits_stored].str.strip()
    blank = cells.str.lower().isin(list(BLANKS))
    bits = pd.to_numeric(cells.mask(blank, "0"), errors="coerce").astype(float)
    strange = ~(blank | (bits.between(2, 16) & (bits % 1 == 0)))
    if strange.any():
        raise DataError(
            f"{where}: column {cohort.bits_stored!r} (`bits_stored`): expected whole numbers from 2 to 16, found "
            f"{cells[strange].iloc[0]!r}"
        )
    return bits.astype(int)


def _inverted(rows: pd.DataFrame, cohort: TableCohort, where: str) -> pd.Series | bool:
    """Whether low values are white in each row's PNG or JPEG; a blank cell says no."""
    if not isinstance(cohort.inverted, str):
        return cohort.inverted
    cells = rows[cohort.inverted].str.strip()
    said = cells.str.upper().map(INVERTED).mask(cells.str.lower().isin(list(BLANKS)), False)
    if said.isna().any():
        raise DataError(
            f"{where}: column {cohort.inverted!r} (`inverted`): expected {', '.join(INVERTED)} or blank, found "
            f"{cells[said.isna()].iloc[0]!r}"
        )
    return said.astype(bool)


def _present(root: Path, cohort: TableCohort, paths: pd.Series) -> Present:
    """The members of the cohort's zip files, and the files below the root, where a zip has none of that name.

    All that lies below the root is listed only where a path is not found.
    """
    archives = [cohort.zip] if isinstance(cohort.zip, str) else cohort.zip or []
    packed = _packed(root, archives, set(paths))
    files = {path: path for path in paths if MEMBER not in path and _is_file(root / path)}
    _check_copies(root, files, packed)
    zips = "".join(f" and in {os.path.join(os.path.abspath(root), archive)}" for archive in archives)

    def tried(path: str) -> str:
        return os.path.join(os.path.abspath(root), path) + zips + (NO_MEMBER if MEMBER in path else "")

    return Present(
        root,
        files | {name: f"{archive}{MEMBER}{member.name}" for name, (archive, member) in packed.items()},
        more=lambda: {path: path for path in below(root) if MEMBER not in path},
        tried=tried,
        whole_paths=True,
    )


def _packed(root: Path, archives: Sequence[str], wanted: set[str]) -> dict[str, tuple[str, Member]]:
    """The members of zip files by name; of a wanted one that several hold, the first.

    Raises `DataError` when they hold it with other content.
    """
    found: dict[str, tuple[str, Member]] = {}
    again: list[str] = []
    for archive in archives:
        if not inside_root(archive):
            raise DataError(f"{archive}: the zip file must lie below the root {root}")
        for member in members(root / archive):
            name = utf8_name(member).replace("\\", "/")
            first, known = found.setdefault(name, (archive, member))
            if first == archive or name not in wanted:
                continue
            if (known.crc, known.size) != (member.crc, member.size):
                raise DataError(
                    f"{root / archive}: {name!r} is also in {first}, with other content; leave one of them out"
                )
            again.append(name)
    if again:
        first = found[again[0]][0]
        notice(f"{len(again):,} image(s) are in two of the zip files, such as {again[0]!r}; that in {first} is taken")
    return found


def _check_copies(root: Path, files: Mapping[str, str], packed: Mapping[str, tuple[str, Member]]) -> None:
    """Tell of images that are files and members of a zip; `DataError` when one has other content there."""
    both = [path for path in files if path in packed]
    for path in both:
        archive, member = packed[path]
        if os.path.getsize(root / path) != member.size or _crc(root / path) != member.crc:
            raise DataError(f"{root / path}: is also in {archive}, with other content; leave one of them out")
    if both:
        notice(
            f"{len(both):,} image(s) are files and in a zip file too, such as {both[0]!r}; that in "
            f"{packed[both[0]][0]} is taken"
        )


def _crc(path: Path) -> int:
    """The checksum that a zip file holds of each member."""
    try:
        return zlib.crc32(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file system takes
        return False


def _labels(rows: pd.DataFrame, cohort: TableCohort, where: str, told: Understood) -> pd.DataFrame:
    if cohort.findings:
        return read_findings(rows[cohort.findings], cohort.separator, where=where, told=told)
    codes = {name: rows[name].mask(rows[name].str.strip().str.lower().isin(list(BLANKS)), "") for name in cohort.labels}
    return pd.DataFrame({name: parse_codes(cells, where=where) for name, cells in codes.items()}, index=rows.index)


def _with_indicators(labels: pd.DataFrame, rows: pd.DataFrame, cohort: TableCohort, where: str) -> pd.DataFrame:
    """Append a label for each of `cohort.indicators`: 1 where its column holds one of its values, 0 another, NaN blank.

    A row without any assessed finding has NaN there too: nobody knows that it is disease-free, which a 0 would claim.
    """
    assessed, table = labels.notna().any(axis=1), labels.copy()
    for name, columns in cohort.indicators.items():
        if name in labels:
            raise DataError(f"{where}: indicator {name!r} is also the name of a finding; give it another name")
        ((column, values),) = columns.items()
        cells = ids(rows.loc[labels.index, column])
        held = _held(cells, values, f"{where}: indicator {name!r}")
        if not held.any():
            raise DataError(
                f"{where}: indicator {name!r}: no row has {column} in {values}; found {sorted(cells.unique())[:10]}"
            )
        blank = no_id(cells) & ~held
        table[name] = held.astype("float32").mask(blank | ~assessed)
    return table


def _held(column: pd.Series, values: list[str], where: str) -> pd.Series:
    """Which cells are one of `values`; `DataError` for one that differs from a value by case or white space alone."""
    cells = ids(column)
    held = cells.isin(values)
    wanted = {same_name(value): value for value in values}
    near = [cell for cell in cells[~held].unique() if same_name(cell) in wanted]
    if near:
        raise DataError(
            f"{where}: column {column.name!r} holds {near[0]!r} in {int((cells == near[0]).sum()):,} row(s), which "
            f"differs from {wanted[same_name(near[0])]!r} by case or white space alone; spell them alike, or name both"
        )
    return held
