"""Having a classifier score all that an audit shows it: originals, interventions, random moves, true twins."""

import numpy as np

from diffchest.classifiers.surrogate import fit_surrogate
from diffchest.contracts.classified import Classified
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.head import Head
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.twins import Twins


def classify(
    classifier: Classifier,
    outputs: list[str],
    interventions: Interventions,
    twins: Twins | None,
    *,
    finetune_id: list[str],
    logits_finetune: np.ndarray,
    z: np.ndarray,
    r2: dict[str, float],
    head: Head,
) -> Classified:
    """Score everything with the `outputs` of a classifier that passed its gates.

    logits_finetune: of all its outputs, [N, all]; z: unnormalised latents [N, d] of the same radiographs; r2: of its
    logits on z, by output. twins: of the interventions' radiographs those that there are; None: none.
    """
    columns = [classifier.outputs.index(name) for name in outputs]

    def score(pictures: np.ndarray) -> np.ndarray:
        flat = pictures.reshape(-1, *pictures.shape[-2:])
        return classifier.logits(flat)[:, columns].reshape(*pictures.shape[:-2], len(columns))

    own = logits_finetune[:, columns]
    weight, bias = fit_surrogate((z - head.mean) / head.sd, own)
    where = np.empty(0, dtype=int) if twins is None else np.flatnonzero(np.isin(twins.image_id, interventions.image_id))
    return Classified(
        outputs=outputs,
        threshold=np.array([classifier.thresholds.get(name, np.nan) for name in outputs]),
        finetune_id=finetune_id,
        logits_finetune=own,
        logits_original=score(interventions.original),
        logits_base=score(interventions.base),
        logits_picture=score(interventions.picture),
        logits_random=score(interventions.random),
        twin_id=[] if twins is None else [twins.ids[row] for row in where],
        logits_twin=score(interventions.original[:0] if twins is None else twins.picture[where]),
        weight=weight,
        bias=bias,
        r2=np.array([r2[name] for name in outputs]),
        classifier_sha256=[classifier.sha256],
    )
