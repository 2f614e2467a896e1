"""Radiographs as files and as an image store with its manifest, in the working directory."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from diffchest import paths
from diffchest.contracts.manifest import write_manifest
from diffchest.images.building import build_store, publish
from diffchest.images.preparing import StoreRow


def write_store(ids: list[str], pixels: np.ndarray, *, test: int) -> pd.DataFrame:
    """Store squares uint8 [N, S, S] of as many patients, the first `test` of them for testing; their manifest.

    Folders are absolute: processes that decode may have been started elsewhere, by another test.
    """
    films, work = Path("films").resolve(), Path("w.lmdb")
    films.mkdir()
    for image_id, picture in zip(ids, pixels, strict=True):
        Image.fromarray(picture).save(films / Path(image_id).name)
    rows = [StoreRow(image_id, str(films), Path(image_id).name, 0, False) for image_id in ids]
    paths.IMAGES.parent.mkdir(exist_ok=True)
    assert not build_store(rows, work, size=pixels.shape[-1], codec="raw", workers=1)
    publish(work, paths.IMAGES)
    columns = {"image_id": ids, "dataset": "padchest", "patient_id": ids, "study_id": "", "source": "x", "view": "PA"}
    manifest = pd.DataFrame(columns).assign(sex="F", age=60.0, bits_stored=0, inverted=False)
    manifest["role"] = ["test"] * test + ["finetune"] * (len(ids) - test)
    write_manifest(paths.STORED_MANIFEST, manifest)
    return manifest
