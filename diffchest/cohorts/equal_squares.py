"""Equal pixels: radiographs that are in the store twice, and must not be both trained and tested on."""

from collections.abc import Sequence

import pandas as pd

from diffchest import paths
from diffchest.contracts.manifest import MANIFEST_ROLES
from diffchest.errors import DataError
from diffchest.files.tables import write_table
from diffchest.params.images import EqualSquares
from diffchest.progress import notice

REPEAT, PATIENTS, ROLES = "of one patient", "across patients", "across roles"
EQUAL_COLUMNS = {REPEAT: "equal_of_one_patient", PATIENTS: "equal_across_patients", ROLES: "equal_across_roles"}
LEFT_OUT = "its pixels equal those of a radiograph with role "


def equal_squares(stored: pd.DataFrame, digests: Sequence[bytes]) -> pd.DataFrame:
    """The radiographs whose square another one has, too: square (a number), equal, dataset, image_id, patient_id, role.

    stored: rows of the manifest; digests: of the pixels of each. `equal` says what the group of equal squares has in
    common: `across roles`, else `across patients` (of one role; those of two cohorts are two), else `of one patient`.
    """
    columns = ["dataset", "image_id", "patient_id", "role"]
    rows = stored[columns].assign(digest=list(digests))
    rows = rows[rows["digest"].duplicated(keep=False)]
    groups = rows.groupby("digest", sort=False)
    equal = pd.Series(REPEAT, index=rows.index)
    equal[groups["patient_id"].transform("nunique") > 1] = PATIENTS
    equal[groups["role"].transform("nunique") > 1] = ROLES
    rows = rows.assign(square=groups.ngroup() + 1, equal=equal)
    return rows.sort_values(["square", "image_id"])[["square", "equal", *columns]].reset_index(drop=True)


def copies_to_leave_out(equal: pd.DataFrame, policy: EqualSquares) -> dict[str, str]:
    """What `policy` leaves out of `equal`, by image id, with the reason.

    `drop`: where equal squares have several roles, those of pretraining before those of fine-tuning before those of the
    test set; other policies: nothing.
    """
    across = equal[equal["equal"] == ROLES] if policy == "drop" else equal[:0]
    rank = across["role"].map({role: place for place, role in enumerate(MANIFEST_ROLES)})
    highest = rank.groupby(across["square"]).transform("max")
    lower = rank < highest
    reasons = [LEFT_OUT + MANIFEST_ROLES[place] for place in highest[lower]]
    return dict(zip(across.loc[lower, "image_id"], reasons, strict=True))


def report_equal_squares(equal: pd.DataFrame) -> None:
    """List `equal` in `data/`, and tell how many there are."""
    write_table(paths.EQUAL_SQUARES, equal)
    for kind in EQUAL_COLUMNS:
        found = equal[equal["equal"] == kind]
        if len(found):
            notice(f"{_counted(found, kind)}; listed in {paths.EQUAL_SQUARES}")


def check_equal_squares(equal: pd.DataFrame, policy: EqualSquares) -> None:
    """Raise `DataError` when `policy` is `stop` and equal squares have several roles."""
    across = equal[equal["equal"] == ROLES]
    if policy == "stop" and len(across):
        raise DataError(
            f"{_counted(across, ROLES)}: a model would be tested, or its head fitted, on what it was trained on. All "
            f"of them: {paths.EQUAL_SQUARES}. Mend the cohorts, or set images.equal_squares to drop (leaves out the "
            "copy in pretrain, before that in finetune, before that in test) or to keep; what was decoded is kept"
        )


def _counted(equal: pd.DataFrame, kind: str) -> str:
    first = equal[equal["square"] == equal["square"].iloc[0]]
    first = first.drop_duplicates("role") if kind == ROLES else first
    named = [f"{image_id} ({role})" for image_id, role in first[["image_id", "role"]].head(3).itertuples(index=False)]
    groups = equal["square"].nunique()
    return f"{len(equal):,} radiographs in {groups:,} groups have equal pixels {kind}, such as {' and '.join(named)}"
