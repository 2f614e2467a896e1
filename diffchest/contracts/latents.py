"""The semantic latents of all radiographs: their file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffchest.errors import DataError
from diffchest.files.arrays import load_arrays
from diffchest.files.whole import whole


@dataclass(frozen=True, eq=False)
class Latents:
    """`z` [N, d] float32, unnormalised, of the images `image_id` [N], made by the model file `model_sha256`."""

    image_id: np.ndarray
    z: np.ndarray
    model_sha256: str

    def select(self, image_ids: Sequence[str] | np.ndarray) -> np.ndarray:
        """Return z [n, d] of `image_ids`, in their order; `DataError` names the first that is not there."""
        row = {image_id: index for index, image_id in enumerate(self.image_id.tolist())}
        missing = [image_id for image_id in image_ids if image_id not in row]
        if missing:
            raise DataError(
                f"latents: {len(missing)} of {len(image_ids)} images have none, the first is {missing[0]!r}; "
                "run `dvc repro extract_latents`"
            )
        return self.z[[row[image_id] for image_id in image_ids]]

    def save(self, path: Path) -> None:
        """Write an npz file, whole or not at all; equal latents are equal bytes."""
        with whole(path) as partial:
            np.savez(partial, image_id=self.image_id, z=self.z, model_sha256=np.array(self.model_sha256))

    @classmethod
    def load(cls, path: Path) -> "Latents":
        """Read a file written by `save`; `DataError` if it is missing or not one."""
        found = load_arrays(path, stage="extract_latents")
        try:
            return cls(found["image_id"], found["z"], str(found["model_sha256"]))
        except KeyError as error:
            raise DataError(f"{path}: not a file of latents ({error}); run `dvc repro -f -s extract_latents`") from None
