"""The radiographs of one dataset that are in the image store, by role: their rows of the manifest and their labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from diffchest import paths
from diffchest.contracts.labels import Uncertain, load_indicators, load_labels
from diffchest.contracts.manifest import read_manifest
from diffchest.errors import DataError
from diffchest.params.base import Role


@dataclass(frozen=True, eq=False)
class Dataset:
    """The dataset `name` of `params.yaml`, and its rows of the manifest (see `diffchest.contracts.manifest`)."""

    name: str
    manifest: pd.DataFrame

    @classmethod
    def read(cls, name: str) -> "Dataset":
        """From the manifest of stored images; `DataError` when it is missing or has no row of this dataset."""
        manifest = read_manifest(paths.STORED_MANIFEST)
        rows = manifest[manifest["dataset"] == name]
        if rows.empty:
            there = ", ".join(sorted(manifest["dataset"].unique())) or "no dataset at all"
            raise DataError(
                f"{paths.STORED_MANIFEST}: no radiograph of {name!r} (found {there}); name one of these in "
                "params.yaml, or run `dvc repro build_lmdb`"
            )
        return cls(name, rows)

    def rows(self, *roles: Role) -> pd.DataFrame:
        """The rows of these roles, in the manifest's order; without a role, all."""
        return self.manifest[self.manifest["role"].isin(roles)] if roles else self.manifest

    def needed(self, role: Role, *, instead: str) -> pd.DataFrame:
        """The rows of a role that must not be empty; `DataError` with what to do `instead` where they are."""
        rows = self.rows(role)
        if rows.empty:
            found = ", ".join(sorted(self.manifest["role"].unique()))
            raise DataError(
                f"{paths.STORED_MANIFEST}: {self.name!r} has no radiograph with role {role} (found: {found}); {instead}"
            )
        return rows

    def image_ids(self, *roles: Role) -> list[str]:
        """The image ids of `rows`."""
        return self.rows(*roles)["image_id"].tolist()

    def patients(self, image_ids: Sequence[str]) -> pd.Series:
        """The patient of each of `image_ids`, in that order, indexed by image id."""
        return self.manifest.set_index("image_id")["patient_id"].loc[list(image_ids)]

    def labels(self, *roles: Role, uncertain: Uncertain | None = None) -> pd.DataFrame:
        """The labels of `rows`, in their order, see `load_labels`."""
        return self.labels_of(self.image_ids(*roles), uncertain=uncertain)

    @property
    def indicators(self) -> frozenset[str]:
        """The labels that are no findings, see `load_indicators`."""
        return load_indicators(paths.labels(self.name))

    def labels_of(self, image_ids: Sequence[str], *, uncertain: Uncertain | None = None) -> pd.DataFrame:
        """The labels of `image_ids`, in that order, see `load_labels`."""
        return load_labels(paths.labels(self.name), image_ids, uncertain=uncertain)
