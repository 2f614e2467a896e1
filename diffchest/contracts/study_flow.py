"""The study flow: how many images and patients are left after each step (figures 1 and S1 of the paper)."""

from collections.abc import Sequence

import pandas as pd

EXCLUDED = "excluded: "
NOT_FRONTAL = "not frontal"
UNREADABLE = "image cannot be decoded"
EQUAL = "equal pixels in another role"
ROLES = ("pretrain", "probe", "finetune", "test")


class Flow:
    """Rows (step, images, patients) in order; a step that starts with `excluded: ` counts what was dropped."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, int, int]] = []

    def count(self, step: str, images: pd.DataFrame) -> None:
        """Add a row with the images and patients (non-empty `patient_id`) of `images`."""
        patients = images["patient_id"]
        self._rows.append((step, len(images), int(patients[patients != ""].nunique())))

    def exclude(self, reason: str, images: pd.DataFrame) -> None:
        """Add a row for what is dropped here."""
        self.count(EXCLUDED + reason, images)

    def keep(self, images: pd.DataFrame, mask: pd.Series, *, kept: str, dropped: str) -> pd.DataFrame:
        """Return the rows where `mask` is true, counting both sides."""
        self.exclude(dropped, images[~mask])
        self.count(kept, images[mask])
        return images[mask]

    def table(self) -> pd.DataFrame:
        """The flow as a table."""
        return pd.DataFrame(self._rows, columns=["step", "images", "patients"])


def decoding_flow(manifest: pd.DataFrame, unreadable: Sequence[str], equal: Sequence[str] = ()) -> pd.DataFrame:
    """Per dataset what decoding and equal pixels exclude, and the roles without it: dataset, step, images, patients.

    `manifest`: present images of every dataset; `unreadable`, `equal`: image ids of either.
    """
    tables = []
    for dataset, images in manifest.groupby("dataset", sort=False):
        flow = Flow()
        bad = images["image_id"].isin(unreadable)
        flow.exclude(UNREADABLE, images[bad])
        copies = images["image_id"].isin(equal) & ~bad
        if copies.any():
            flow.exclude(EQUAL, images[copies])
            bad |= copies
        for role in (role for role in ROLES if (images["role"] == role).any()):
            flow.count(role, images[~bad & (images["role"] == role)])
        tables.append(flow.table().assign(dataset=dataset))
    return pd.concat(tables)[["dataset", "step", "images", "patients"]]


def role_flow(images: pd.DataFrame) -> pd.DataFrame:
    """Rows for each role: as listed, without the images that are not present, and what remains.

    `images`: one dataset's cohort after the split, with its final `role` and `source` ("" where not present).
    """
    flow = Flow()
    present = images["source"] != ""
    roles = [role for role in ROLES if (images["role"] == role).any()]
    for role in roles:
        flow.count(f"{role}, listed", images[images["role"] == role])
    flow.exclude("image not present", images[~present])
    for role in roles:
        flow.count(role, images[present & (images["role"] == role)])
    return flow.table()
