"""Having a classifier score all that an audit shows it: interventions and random moves."""

import numpy as np
import pandas as pd

from diffchest.classifiers.surrogate import fit_surrogate
from diffchest.contracts.classified import Classified
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.head import Head
from diffchest.contracts.interventions import Interventions


def classify(
    classifier: Classifier,
    outputs: list[str],
    interventions: Interventions,
    *,
    finetune_id: list[str],
    logits_finetune: np.ndarray,
    z: np.ndarray,
    gates: pd.DataFrame,
    head: Head,
) -> Classified:
    """Score everything with the `outputs` of a classifier that passed its gates.

    logits_finetune: of all its outputs, [N, all]; z: unnormalised latents [N, d] of the same radiographs; gates: what
    they found of its outputs.
    """
    columns = [classifier.outputs.index(name) for name in outputs]
    own = logits_finetune[:, columns]
    weight, bias = fit_surrogate((z - head.mean) / head.sd, own)
    return Classified(
        outputs=outputs,
        threshold=np.array([classifier.thresholds.get(name, np.nan) for name in outputs]),
        finetune_id=finetune_id,
        logits_finetune=own,
        logits_base=score(classifier, outputs, interventions.base),
        logits_picture=score(classifier, outputs, interventions.picture),
        logits_random=score(classifier, outputs, interventions.random),
        weight=weight,
        bias=bias,
        r2=_found(gates, "latents_r2", outputs),
        auc=_found(gates, "auc_originals", outputs),
        auc_low=_found(gates, "auc_above_chance", outputs),
        classifier_sha256=[classifier.sha256],
    )


def score(classifier: Classifier, outputs: list[str], pictures: np.ndarray) -> np.ndarray:
    """Logits [..., K] of some outputs of pictures uint8 [..., H, W]."""
    columns = [classifier.outputs.index(name) for name in outputs]
    flat = pictures.reshape(-1, *pictures.shape[-2:])
    return classifier.logits(flat)[:, columns].reshape(*pictures.shape[:-2], len(columns))


def _found(gates: pd.DataFrame, gate: str, outputs: list[str]) -> np.ndarray:
    """The value of one gate for each of `outputs` [K]; NaN where it was not tried."""
    rows = gates[gates["gate"] == gate].set_index("output")
    return rows["value"].reindex(outputs).to_numpy(np.float64)
