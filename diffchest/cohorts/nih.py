"""NIH ChestX-ray14 (Wang et al. 2017): frontal radiographs with 14 report-mined findings, to pretrain or to probe."""

from pathlib import Path

import pandas as pd

from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.intake import Intake
from diffchest.cohorts.locating import Present
from diffchest.cohorts.reading import existing_root, find_optional, find_table
from diffchest.errors import DataError
from diffchest.files.cells import age_years, sex_codes, view_names
from diffchest.files.foreign_tables import read_cells, read_lines
from diffchest.images.sources import index_images
from diffchest.params.cohorts import NihCohort

NO_FINDING = "No Finding"
FINDINGS = [
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
    NO_FINDING,
]
TABLE = "Data_Entry_2017_v2020.csv"
ANY_TABLE = "Data_Entry_2017*.csv"  # the release of 2017 has no suffix
LISTED_ROWS = 112_120
COLUMNS = ["Image Index", "Finding Labels", "Patient ID", "Patient Age", "View Position"]
SEX = ("Patient Gender", "Patient Sex")  # the distributed table of 2020 has the second spelling
FRONTAL = ("PA", "AP")
LISTS = {"finetune": "train_val_list.txt", "test": "test_list.txt"}


def read_nih(dataset: str, cohort: NihCohort) -> Cohort:
    """Read the label table and locate the images (folders or zip files) below `cohort.root`.

    Every image has role `cohort.use`; with `official`, those of `train_val_list.txt` have role `finetune`, those of
    `test_list.txt` role `test`, and images of neither list take no part. Raises `DataError` when the images are still
    in their `.tar.gz` archives, which allow no random access.
    """
    root = existing_root(cohort.root)
    path = find_optional(root, TABLE) or find_table(root, ANY_TABLE)
    rows = read_cells(path, COLUMNS)
    intake = Intake(dataset, origin=cohort.root, table=path.name)
    intake.compare_version(found=len(rows), known=LISTED_ROWS, table=path.name)
    intake.flow.count("listed in the table", rows.assign(patient_id=rows["Patient ID"]))
    listed = intake.listing(
        rows,
        image=rows["Image Index"],
        patient=rows["Patient ID"],
        key=rows["Image Index"],
        view=view_names(rows["View Position"], intake.tally),
        sex=sex_codes(_sex(path), intake.tally),
        age=age_years(rows["Patient Age"], intake.tally),
    )
    images = intake.frontal(listed, listed["view"], FRONTAL, kept="frontal (PA, AP)")
    images = _official(intake, images, root) if cohort.use == "official" else images.assign(role=cohort.use)
    labels = _labels(rows.loc[images.index, "Finding Labels"], str(path))
    index = index_images(root, depth=1)
    if not images["key"].isin(list(index)).any():
        _stop_if_packed(root)
    return intake.finish(images, labels, present=Present(root, index), policy=cohort.images)


def _sex(path: Path) -> pd.Series:
    try:
        return read_cells(path, [SEX[1]])[SEX[1]]
    except DataError:
        return read_cells(path, [SEX[0]])[SEX[0]]


def _official(intake: Intake, images: pd.DataFrame, root: Path) -> pd.DataFrame:
    """`images` of the official lists with their role; `DataError` when a list is missing or the lists overlap."""
    paths = {role: find_optional(root, name) for role, name in LISTS.items()}
    missing = [LISTS[role] for role, path in paths.items() if path is None]
    if missing:
        raise DataError(
            f"{root}: {' and '.join(missing)} missing (also looked one folder down); `use: official` needs both lists, "
            "which NIH distributes beside the images. Add them, or set `use: probe` to split by this project's seed"
        )
    lists = {role: _image_list(path) for role, path in paths.items() if path is not None}
    both = lists["finetune"] & lists["test"]
    if both:
        raise DataError(
            f"{paths['test']}: {len(both)} image(s) are also in {LISTS['finetune']}, for example {min(both)!r}; "
            "test images must not be trained on, so download the lists again"
        )
    role = pd.Series("", index=images.index)
    for name, members in lists.items():
        role = role.mask(images["key"].isin(list(members)), name)
    return intake.flow.keep(
        images.assign(role=role), role != "", kept="in an official list", dropped="in neither official list"
    )


def _image_list(path: Path) -> set[str]:
    members = set(read_lines(path)) - {""}
    if not members:
        raise DataError(f"{path}: lists no image; expected one file name a line, so download it again")
    return members


def _labels(cells: pd.Series, where: str) -> pd.DataFrame:
    """0/1 per finding, one column for each of `FINDINGS`; NaN where the cell is blank."""
    names = {cell: _names(cell, where) for cell in cells.unique() if cell.strip()}
    rows = {cell: [float(finding in listed) for finding in FINDINGS] for cell, listed in names.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=FINDINGS, dtype="float32")
    return table.reindex(cells).set_axis(cells.index, axis=0)


def _names(cell: str, where: str) -> set[str]:
    """The findings in a cell such as `Effusion|Mass`."""
    names = {name.strip() for name in cell.split("|")} - {""}
    unknown = sorted(names.difference(FINDINGS))
    if unknown or not names:
        raise DataError(
            f"{where}: column 'Finding Labels': expected names of {', '.join(FINDINGS)}, separated by |, found {cell!r}"
        )
    return names


def _stop_if_packed(root: Path) -> None:
    archives = sorted(root.rglob("*.tar.gz"))
    if archives:
        folder = archives[0].parent
        raise DataError(
            f"{archives[0]}: no image is unpacked, and single images cannot be read from a .tar.gz archive. Unpack all "
            f'{len(archives)} with:  cd "{folder}" && for archive in *.tar.gz; do tar -xzf "$archive"; done'
        )
