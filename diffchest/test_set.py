"""The test set that the pipeline evaluates on, from its manifest and labels."""

import pandas as pd

from diffchest import paths
from diffchest.cohorts.labels import load_labels
from diffchest.cohorts.schema import read_manifest
from diffchest.evaluation import TestSet
from diffchest.params import Params


def read_test_set(params: Params) -> tuple[pd.DataFrame, TestSet, int]:
    """Manifest rows of the test radiographs, their labels, and how many findings have too few positives to evaluate."""
    evaluation = params.evaluation
    manifest = read_manifest(paths.STORED_MANIFEST)
    rows = manifest[(manifest["dataset"] == evaluation.dataset) & (manifest["role"] == "test")]
    uncertain = params.cohorts[evaluation.dataset].uncertain
    labels = load_labels(paths.labels(evaluation.dataset), rows["image_id"].tolist(), uncertain)
    test = TestSet.choose(labels, rows["patient_id"].to_numpy(), positives_above=evaluation.positives_above)
    return rows, test, labels.shape[1] - test.labels.shape[1]
