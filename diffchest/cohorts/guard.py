"""The guard against leaks: no patient and no file has two roles (pretrain, finetune, test)."""

import os

import pandas as pd

from diffchest.errors import DataError
from diffchest.files.id_spellings import same_id
from diffchest.images.sources import MEMBER
from diffchest.progress import notice

SHOWN = 10


def check_one_role(images: pd.DataFrame) -> None:
    """Raise `DataError` with the names when a patient or a file has two roles, within a cohort or across cohorts.

    `images`: all cohorts with their final `role`, `root` and `origin`.

    Patients of two cohorts are the same when their native id (however it is spelled: 7 and 007) and the cohorts'
    `origin` are: root, and table where a root can have several. Files are the same when the disk says so (device and
    inode, the member of a zip file), by whatever path, link, root or table they are reached; absent ones are not
    compared. Cohorts that share files and give them patients of the same ids number their patients alike, so that all
    of these are compared too.
    Copies of a file are different files.
    """
    real = {origin: os.path.realpath(origin) for origin in images["origin"].unique()}  # however it is written
    prefix = images["dataset"].str.len() + 1
    native = [patient[length:] for patient, length in zip(images["patient_id"], prefix, strict=True)]
    known = images.assign(patient=native, origin=images["origin"].map(real))
    _check_patients(known, "Check the patient ids, or the `where` filters of cohorts that share a table.")
    present = known[known["source"] != ""]
    shared = present.assign(file=_files(present))
    shared = shared[shared["file"].duplicated(keep=False)]
    _check_files(shared)
    alike = _numbered_alike(shared)
    _check_patients(
        known.assign(origin=known["origin"].replace(alike)),
        "These cohorts share files, and name their patients alike: leave the patients out of one of them, by `where`.",
    )


def tell_same_ids(images: pd.DataFrame) -> None:
    """Say where cohorts of one root, by tables of their own, have test patients of the same ids in another role.

    They may be the same persons, whom pretraining then sees, or numbered anew in each table, which nobody but their
    owner knows. `images`: as in `check_one_role`.
    """
    known = images.drop_duplicates(["dataset", "patient_id", "role"])
    known = known.assign(
        same=[
            same_id(patient.removeprefix(f"{dataset}/"))
            for dataset, patient in zip(known["dataset"], known["patient_id"], strict=True)
        ],
        folder=[os.path.realpath(root) for root in known["root"]],
    )
    tested = known[known["role"] == "test"]
    for (folder, name), test in tested.groupby(["folder", "dataset"]):
        others = known[(known["folder"] == folder) & (known["dataset"] != name) & (known["role"] != "test")]
        for other, rows in others.groupby("dataset"):
            shared = sorted(set(test["same"]) & set(rows["same"]))
            if shared:
                notice(
                    f"{len(shared)} test patient(s) of {name} have the ids of patients of {other}, no test set "
                    f"(such as {shared[0]!r}): if these are the same persons, what was trained has seen them; leave "
                    f"their rows out of {other}'s table"
                )


def _check_patients(images: pd.DataFrame, advice: str) -> None:
    roles = images[["origin", "patient", "role"]].drop_duplicates()
    roles = roles.assign(same=[same_id(patient) for patient in roles["patient"]])
    groups = roles.groupby(["origin", "same"])
    several = roles[groups["role"].transform("nunique") > 1]
    if len(several):
        spelled = several.groupby(["origin", "same"])["patient"].transform(lambda names: " or ".join(sorted({*names})))
        several = several.assign(patient=spelled).groupby(["origin", "patient"])["role"]
        several = several.agg(lambda role: ", ".join(sorted({*role})))
        table = several.head(SHOWN).reset_index()
        shown = "\n".join(f"  {row.patient} of {row.origin}: {row.role}" for row in table.itertuples())
        raise DataError(
            f"{len(several)} patient(s) would have more than one role, so test results could not be trusted:\n{shown}\n"
            f"{advice}"
        )


def _check_files(shared: pd.DataFrame) -> None:
    """`shared`: the rows whose `file` is another row's too."""
    roles = shared.groupby("file")["role"].nunique()
    several = roles[roles > 1].index
    if several.empty:
        return
    lines = []
    for file in several[:SHOWN]:
        rows = shared[shared["file"] == file]
        owners = [
            f"patient {row.patient!r} of cohort {row.dataset} ({row.role})"
            for row in rows.drop_duplicates(["dataset", "patient", "role"]).itertuples()
        ]
        lines.append(f"  {os.path.join(rows['root'].iloc[0], rows['source'].iloc[0])}: {', '.join(owners)}")
    shown = "\n".join(lines)
    raise DataError(
        f"{len(several)} image file(s) would have more than one role, so test results could not be trusted:\n{shown}\n"
        "Give each cohort files of its own: another root (none inside another's), or `where` filters that leave the "
        "patients of one out of the other."
    )


def _numbered_alike(shared: pd.DataFrame) -> dict[str, str]:
    """Origins by the one that stands for them: that of cohorts whose shared files have patients of the same ids."""
    stands = {origin: origin for origin in shared["origin"].unique()}
    files = shared.groupby("file").agg(origins=("origin", _together), ids=("patient", "nunique"))
    for together, rows in files.groupby("origins"):
        if (rows["ids"] == 1).all():
            merged = {stands[origin] for origin in str(together).split("\n")}
            stands = {origin: min(merged) if first in merged else first for origin, first in stands.items()}
    return stands


def _together(origins: pd.Series) -> str:
    return "\n".join(sorted(set(origins)))


def _files(images: pd.DataFrame) -> list[str]:
    """What the disk knows the file of each row by; each archive is asked for once."""
    known: dict[str, str] = {}
    names = []
    for root, source in zip(images["root"], images["source"], strict=True):
        file, _, member = source.partition(MEMBER)
        path = os.path.join(root, file)
        if path not in known:
            known[path] = _identity(path)
        names.append(known[path] + MEMBER + member)
    return names


def _identity(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return f"{status.st_dev}:{status.st_ino}" if status.st_ino else os.path.realpath(path)
