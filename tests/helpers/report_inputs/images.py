"""Made-up manifest, labels, image store and latents."""

import json

import lmdb
import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.cohorts.decoded import report_decoded
from diffchest.cohorts.equal_squares import equal_squares
from diffchest.contracts.image_store import RECORD, STORE_VERSION
from diffchest.contracts.labels import write_labels
from diffchest.contracts.manifest import write_manifest
from diffchest.findings.vocabulary import DRAWN
from diffchest.images.survey import survey
from diffchest.params.whole import Params
from tests.helpers.report_inputs.made_up import NOT_DRAWN, SIZE, phantom


def write_images(params: Params, rng: np.random.Generator, images: int) -> None:
    """Write the images of the evaluated dataset, with what is known of them."""
    dataset = params.evaluation.dataset
    ids = [f"{dataset}/{number:05d}.png" for number in range(images)]
    findings = [*DRAWN, *NOT_DRAWN]
    labels = pd.DataFrame((rng.random((images, len(findings))) < 0.04) * 1.0, index=ids, columns=findings)
    labels["normal"] = (labels.sum(axis=1) == 0) * 1.0
    write_labels(paths.labels(dataset), labels.astype("float32"), blank_is_negative=False, uncertain="zeros")
    manifest = pd.DataFrame({"image_id": ids, "dataset": dataset, "patient_id": ids, "study_id": "", "source": "x"})
    manifest["view"] = np.where(rng.random(images) < 0.3, "AP_horizontal", "PA")
    manifest = manifest.assign(sex="F", age=60.0, role="test", bits_stored=0, inverted=False)
    write_manifest(paths.STORED_MANIFEST, manifest)
    with (
        lmdb.open(str(paths.IMAGES), subdir=False, map_size=2**26) as environment,
        environment.begin(write=True) as put,
    ):
        for number, image_id in enumerate(ids):
            shown = [name for name in DRAWN if labels.loc[image_id, name]]
            put.put(image_id.encode(), phantom(shown, number).tobytes())
        put.put(RECORD, json.dumps({"version": STORE_VERSION, "size": SIZE, "codec": "raw", "images": images}).encode())
    looked = survey(paths.IMAGES, ids)
    report_decoded(manifest, looked, equal_squares(manifest, looked.digests), {}, {})
    z = rng.normal(size=(images, 16)).astype("float32")
    z[:, 0] += 3 * (manifest["view"] == "PA")
    z[:, 1] += 4 * labels["pleural effusion"].to_numpy()
    np.savez(paths.LATENTS, image_id=np.array(ids), z=z, model_sha256=np.array("0"))
