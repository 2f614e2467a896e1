"""Everything the figures and the report read, made up in the form the other stages write."""

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.files.tables import write_table
from diffchest.params.whole import Params
from tests.helpers.report_inputs.audit import write_audit
from tests.helpers.report_inputs.explanations import write_explanations
from tests.helpers.report_inputs.images import write_images
from tests.helpers.report_inputs.made_up import SIZE
from tests.helpers.report_inputs.readers import write_readers
from tests.helpers.report_inputs.scores import write_scores


def write_inputs(params: Params, *, images: int = 120) -> None:
    """Write all of it below the working directory."""
    rng = np.random.default_rng(0)
    write_images(params, rng, images)
    write_scores(params, rng)
    _write_pretraining(params, rng)
    write_explanations(params)
    write_audit(params, rng)
    write_readers(rng)


def _write_pretraining(params: Params, rng: np.random.Generator) -> None:
    pictures = rng.integers(0, 256, (3, 3, 2, SIZE, SIZE), dtype=np.uint8)
    ids = [f"{params.evaluation.dataset}/0000{number}.png" for number in range(2)]
    np.savez(paths.PRETRAIN_PICTURES, images_shown=[10, 20, 30], pictures=pictures, image_id=ids)
    levels = np.linspace(-10, 9, 5)
    errors = {f"mse_{name}": rng.random(5) for name in ("own", "other", "average", "reencoded", "reference")}
    write_table(paths.PLOTS / "information.csv", pd.DataFrame({"log_snr": levels, **errors}))
