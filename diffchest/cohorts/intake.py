"""What every cohort goes through: rows to manifest columns, unusable rows out, images located."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from diffchest.cohorts.cohort import Cohort
from diffchest.contracts.manifest import COHORT_COLUMNS, LONGEST_IMAGE_ID, REJECTED_COLUMNS, encoded_length
from diffchest.contracts.study_flow import Flow
from diffchest.files.cells import ids, no_id
from diffchest.files.not_understood import Tally
from diffchest.progress import notice

ABSENT = "image is not in the root"


class Intake:
    """One cohort on its way in: counts the flow and the cells not understood, and collects the rejected images.

    `origin` names the table its patients come from (see `diffchest.contracts.manifest`).
    """

    def __init__(self, dataset: str, origin: str) -> None:
        self.flow = Flow()
        self.tally = Tally()
        self._dataset = dataset
        self._origin = origin
        self._rejected: list[pd.DataFrame] = []

    def compare_version(self, *, found: int, known: int, table: str) -> None:
        """Say so when `table` has not the number of rows of the version the reader was made for; it is read anyway."""
        if found != known:
            notice(f"{table}: expected {known:,} rows, found {found:,}: another version, or a part; counts will differ")

    def listing(
        self, rows: pd.DataFrame, *, image: pd.Series, patient: pd.Series, key: pd.Series, **columns: Any
    ) -> pd.DataFrame:
        """Manifest columns of the table `rows`, without the rows that cannot be used (rejected with the reason).

        `image`, `patient`: native ids; `key`: what `finish` looks up in its index; `columns`: further manifest columns.
        """
        defaults = {"study_id": "", "view": "", "sex": "", "age": float("nan"), "bits_stored": 0, "inverted": False}
        image, patient = ids(image), ids(patient)  # "12" and "12 " are one patient
        listed = pd.DataFrame({"key": ids(key), **defaults, **columns}, index=rows.index)
        listed["image_id"] = f"{self._dataset}/" + image
        listed["dataset"] = self._dataset
        listed["patient_id"] = (f"{self._dataset}/" + patient).where(patient != "", "")
        listed["origin"] = self._origin
        return self._usable(listed, patient)

    def _usable(self, listed: pd.DataFrame, patient: pd.Series) -> pd.DataFrame:
        too_long = encoded_length(listed["image_id"]) > LONGEST_IMAGE_ID
        listed = self._without_ids(listed, listed["key"], "image")
        listed = self._without_ids(listed, patient[listed.index], "patient")
        listed = self._without(listed, too_long[listed.index], f"image id is longer than {LONGEST_IMAGE_ID} bytes")
        again = listed["image_id"].duplicated()
        return self._without(listed, again, "image id occurs more than once; the first row counts")

    def _without_ids(self, listed: pd.DataFrame, names: pd.Series, what: str) -> pd.DataFrame:
        """Without the rows whose id is empty, or a word such as `nan`: several images of nobody are no one's."""
        for name in sorted(names[no_id(names)].unique()):
            reason = f"{what} id is {name!r}, which is no {what}" if name else f"{what} id is empty"
            listed = self._without(listed, names[listed.index] == name, reason)
        return listed

    def _without(self, listed: pd.DataFrame, unusable: pd.Series, reason: str) -> pd.DataFrame:
        if unusable.any():
            self.flow.exclude(reason, listed[unusable])
            self.reject(listed[unusable], reason)
        return listed[~unusable]

    def reject(self, images: pd.DataFrame, reason: str) -> None:
        """Record `images` as rejected."""
        rejected = images[["dataset", "image_id"]].assign(source=images["key"], reason=reason)
        self._rejected.append(rejected[REJECTED_COLUMNS])

    def finish(
        self,
        images: pd.DataFrame,
        labels: pd.DataFrame,
        *,
        index: Mapping[str, str],
        policy: str,
        blank_is_negative: bool = False,
    ) -> Cohort:
        """Locate every image and assemble the cohort.

        `images` has `role`; `labels` has the same index; `index` maps keys to sources; `policy` `all` rejects the
        images it lacks, `present` only counts them.
        """
        located = images.assign(source=images["key"].map(index).fillna("").astype(str)).sort_values("image_id")
        absent = located[located["source"] == ""]
        if policy == "all" and len(absent):
            self.reject(absent, ABSENT)
        present = located[located["source"] != ""]
        table = labels.loc[present.index].astype("float32").set_axis(present["image_id"], axis=0)
        rejected = pd.concat(self._rejected) if self._rejected else pd.DataFrame(columns=REJECTED_COLUMNS)
        self.tally.tell(self._origin)
        return Cohort(
            images=located[COHORT_COLUMNS].reset_index(drop=True),
            labels=table,
            flow=self.flow.table(),
            rejected=rejected.sort_values(["image_id", "reason"]).reset_index(drop=True),
            not_understood=self.tally.table(self._dataset),
            blank_is_negative=blank_is_negative,
        )
