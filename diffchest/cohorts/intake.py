"""What every cohort goes through: rows to manifest columns, unusable rows out, images located."""

from collections.abc import Collection
from typing import Any

import pandas as pd

from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.doubts import doubt_ages
from diffchest.cohorts.locating import Present
from diffchest.cohorts.understood import Understood, add_findings, add_images, add_people, add_rejected
from diffchest.contracts.manifest import COHORT_COLUMNS, LONGEST_IMAGE_ID, REJECTED_COLUMNS, encoded_length
from diffchest.contracts.study_flow import NOT_FRONTAL, Flow
from diffchest.files.cells import ids, no_id
from diffchest.files.not_understood import Tally
from diffchest.images.sources import unread_members
from diffchest.progress import notice

ABSENT = "image is not in the root"
TWICE = "file of another row too; the first row counts"
CELL_SHOWN = 200  # characters
NEAR_TRIED = 1000  # images of a partial download that are looked for in other spellings


class Intake:
    """One cohort on its way in: counts the flow, tells what is understood, and collects the rejected images.

    `origin` names the table its patients come from (see `diffchest.contracts.manifest`), `table` the file that lists
    its images.
    """

    def __init__(self, dataset: str, origin: str, table: str = "") -> None:
        self.flow = Flow()
        self.tally = Tally()
        self.understood = Understood()
        self._views_left_out = pd.Series(dtype=str)
        self._dataset = dataset
        self._origin = origin
        self._table = table
        self._rejected: list[pd.DataFrame] = []

    def compare_version(self, *, found: int, known: int, table: str) -> None:
        """Say so when `table` has not the number of rows of the version the reader was made for; it is read anyway."""
        if found != known:
            notice(f"{table}: expected {known:,} rows, found {found:,}: another version, or a part; counts will differ")

    def listing(
        self, rows: pd.DataFrame, *, image: pd.Series, patient: pd.Series, key: pd.Series, **columns: Any
    ) -> pd.DataFrame:
        """Manifest columns of the table `rows`, without the rows that cannot be used (rejected with the reason).

        `image`, `patient`: native ids; `key`: what `finish` looks up; `columns`: further manifest columns, and where a
        row stands: `table`, `row` (the header is row 1) and `cell`, the text that names the image.
        """
        defaults = {"study_id": "", "view": "", "sex": "", "age": float("nan"), "bits_stored": 0, "inverted": False}
        image, patient = ids(image), ids(patient)  # "12" and "12 " are one patient
        stands = {"table": self._table, "row": rows.index + 2, "cell": key}
        listed = pd.DataFrame({"key": ids(key), **defaults, **stands, **columns}, index=rows.index)
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

    def reject(self, images: pd.DataFrame, reason: str | pd.Series, more: pd.Series | None = None) -> None:
        """Record `images` as rejected, with the row and cell of each and what `more` says of it."""
        stands = images["table"].astype(str) + ", row " + images["row"].astype(str) + ": "
        detail = stands + images["cell"].str[:CELL_SHOWN].map(repr)
        detail = detail if more is None else detail + "; " + more
        rejected = images[["dataset", "image_id"]].assign(source=images["key"], reason=reason, detail=detail)
        self._rejected.append(rejected[REJECTED_COLUMNS])

    def frontal(self, listed: pd.DataFrame, views: pd.Series, frontal: Collection[str], *, kept: str) -> pd.DataFrame:
        """The rows whose view is one of `frontal`; those of which nobody knows the view are counted apart."""
        unknown = no_id(ids(views))
        if unknown.any():
            self.flow.exclude("view not known", listed[unknown])
        return self.by_view(listed[~unknown], views[~unknown], views[~unknown].isin(list(frontal)), kept=kept)

    def by_view(self, listed: pd.DataFrame, views: pd.Series, frontal: pd.Series, *, kept: str) -> pd.DataFrame:
        """The rows that are `frontal`; what the `views` of the others are is told."""
        self._views_left_out = pd.concat([self._views_left_out, views[~frontal].str.strip()])
        return self.flow.keep(listed, frontal, kept=kept, dropped=NOT_FRONTAL)

    def finish(
        self,
        images: pd.DataFrame,
        labels: pd.DataFrame,
        *,
        present: Present,
        policy: str,
        blank_is_negative: bool = False,
    ) -> Cohort:
        """Locate every image and assemble the cohort.

        `images` has `role`; `labels` has the same index; `policy` `all` rejects the images that are not `present`,
        `present` only counts them, unless none is there.
        """
        located = images.assign(source=[present.find(key) for key in images["key"]])
        located = self._readable(located, present).sort_values("image_id")
        absent = located[(located["source"] == "") & ~located["refused"]]
        if policy == "all" or not (located["source"] != "").any():
            self._reject_absent(absent, present)
        elif len(absent):
            self._mention_near(absent, present)
        there = located[located["source"] != ""]
        table = labels.loc[there.index].astype("float32").set_axis(there["image_id"], axis=0)
        rejected = pd.concat(self._rejected) if self._rejected else pd.DataFrame(columns=REJECTED_COLUMNS)
        rejected = rejected.sort_values(["image_id", "reason"]).reset_index(drop=True)
        images, flow = located[COHORT_COLUMNS].reset_index(drop=True), self.flow.table()
        add_images(self.understood, images, flow, rejected, self._views_left_out)
        add_people(self.understood, images, self.tally.columns)
        add_findings(self.understood, table, blank_is_negative=blank_is_negative)
        add_rejected(self.understood, rejected, self._dataset)
        doubt_ages(self.understood, self.tally.columns)
        return Cohort(
            images=images,
            labels=table,
            flow=flow,
            rejected=rejected,
            understood=self.understood.table(self._dataset),
            blank_is_negative=blank_is_negative,
        )

    def _readable(self, located: pd.DataFrame, present: Present) -> pd.DataFrame:
        """`located` without the sources that cannot be read or belong to a row above; `refused` says which."""
        again = (located["source"] != "") & located["source"].duplicated()
        if again.any():
            self.reject(located[again], TWICE, "found as " + located.loc[again, "source"])
        reasons = located["source"].map(unread_members(present.root, located["source"].unique())).mask(again)
        unread = reasons.notna()
        if unread.any():
            self.reject(located[unread], reasons[unread], "found as " + located.loc[unread, "source"])
        refused = again | unread
        return located.assign(source=located["source"].mask(refused, ""), refused=refused)

    def _reject_absent(self, absent: pd.DataFrame, present: Present) -> None:
        if absent.empty:
            return
        tried = [f"looked for {present.tried(key)}" for key in absent["key"]]
        near = [present.near(key) for key in absent["key"]]
        more = ["; ".join(filter(None, texts)) for texts in zip(tried, near, strict=True)]
        self.reject(absent, ABSENT, pd.Series(more, index=absent.index))

    def _mention_near(self, absent: pd.DataFrame, present: Present) -> None:
        """Say where images that are not there may be spelled differently; that they are not there is no news."""
        absent = absent.head(NEAR_TRIED)
        near = pd.Series([present.near(key) for key in absent["key"]], index=absent.index)
        near = near[near != ""]
        if len(near):
            first = absent.loc[near.index[0]]
            notice(
                f"{self._dataset}: of the first {len(absent):,} images that are not there {len(near):,} are there in "
                f"another spelling, such as {first['table']}, row {first['row']}: {first['cell']!r}; {near.iloc[0]}"
            )
