"""PadChest's layout: the real label table, and zip files 0.zip to 54.zip of 16-bit PNG files."""

import ast
import shutil
from pathlib import Path

import pandas as pd

from diffchest.files.whole import whole
from diffchest.params.phantom import Confounding
from diffchest.phantom.confounding import deal_treatments
from diffchest.phantom.layouts.selection import by_patient
from diffchest.phantom.pictures import Picture, write_zips

FRONTAL = ("PA", "AP", "AP_horizontal")
COLUMNS = (
    "ImageID",
    "ImageDir",
    "StudyDate_DICOM",
    "PatientID",
    "PatientBirth",
    "PatientSex_DICOM",
    "Projection",
    "PhotometricInterpretation_DICOM",
    "BitsStored_DICOM",
    "MethodLabel",
    "Labels",
)


def write_padchest(
    table: Path,
    root: Path,
    *,
    labelled: int | None,
    pretrain: int,
    confounding: Confounding,
    size: int,
    seed: int,
    workers: int,
) -> int:
    """Write PadChest phantoms below `root`: the label table and the zip files; returns the number of pictures.

    The table is a copy of `table`; with another `confounding` than natural, the radiographs that are drawn have in its
    column Labels what they are drawn with.
    """
    rows = pd.read_csv(table, usecols=list(COLUMNS), dtype={"PatientID": str, "ImageDir": str})
    chosen = choose(rows, labelled=labelled, pretrain=pretrain, seed=seed)
    with whole(root / table.name) as partial:
        if confounding == "natural":
            shutil.copyfile(table, partial)
        else:
            chosen = deal_out(chosen, confounding, seed=seed)
            every = pd.read_csv(table, dtype=str, keep_default_na=False)
            every.loc[chosen.index, "Labels"] = chosen["Labels"].fillna("")
            every.to_csv(partial, index=False, compression={"method": "gzip", "mtime": 0, "compresslevel": 6})
    return write_zips(root, pictures(chosen), size=size, seed=seed, workers=workers)


def choose(rows: pd.DataFrame, *, labelled: int | None, pretrain: int, seed: int) -> pd.DataFrame:
    """Rows to draw: frontal images a physician labelled, and `pretrain` frontal images of patients without any.

    `labelled` None means all (26,432 of 24,239 patients in the real table).
    """
    frontal = rows[rows["Projection"].isin(FRONTAL) & rows["PatientID"].notna()]
    physician = frontal[frontal["MethodLabel"] == "Physician"]
    others = frontal[~frontal["PatientID"].isin(physician["PatientID"])]
    if labelled is not None:
        physician = by_patient(physician, "PatientID", labelled, seed=seed, purpose="padchest labelled")
    others = by_patient(others, "PatientID", pretrain, seed=seed, purpose="padchest pretrain")
    return pd.concat([physician, others])


def deal_out(rows: pd.DataFrame, confounding: Confounding, *, seed: int) -> pd.DataFrame:
    """Deal the treatments in the column Labels out anew, among the rows of each MethodLabel; blank cells stay blank.

    A radiograph that is given one is no longer `normal`.
    """
    known = rows[rows["Labels"].notna()]
    before = [findings(cell) for cell in known["Labels"]]
    after = deal_treatments(before, known["MethodLabel"].tolist(), confounding, seed=seed)
    cells = [
        str([name for name in now if name != "normal" or set(now) <= set(was)])
        for was, now in zip(before, after, strict=True)
    ]
    return rows.assign(Labels=pd.Series(cells, index=known.index).reindex(rows.index))


def pictures(rows: pd.DataFrame) -> list[Picture]:
    """What to draw for each row of the label table."""
    age = pd.to_numeric(rows["StudyDate_DICOM"].astype(str).str[:4], errors="coerce") - rows["PatientBirth"]
    return [
        Picture(
            archive=f"{row['ImageDir']}.zip",
            member=str(row["ImageID"]),
            findings=findings(row["Labels"]),
            patient=str(row["PatientID"]),
            image=str(row["ImageID"]),
            view=str(row["Projection"]),
            sex=str(row["PatientSex_DICOM"]),
            age=float(years),
            bits=int(row["BitsStored_DICOM"]),
            inverted=row["PhotometricInterpretation_DICOM"] == "MONOCHROME1",
        )
        for row, years in zip(rows.to_dict("records"), age, strict=True)
    ]


def findings(cell: object) -> tuple[str, ...]:
    """Label names in a cell such as `['cardiomegaly', 'pacemaker ']`, stripped and sorted; none in a blank cell."""
    names = ast.literal_eval(cell) if isinstance(cell, str) and cell.startswith("[") else []
    return tuple(sorted({str(name).strip() for name in names} - {""}))
