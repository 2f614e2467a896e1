"""Having a classifier score true twins: apart from all that an audit shows it, since they are the truth."""

import numpy as np

from diffchest.audit.scoring import score
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.interventions import Interventions
from diffchest.contracts.twin_scores import TwinScores
from diffchest.contracts.twins import Twins


def score_twins(classifier: Classifier, outputs: list[str], interventions: Interventions, twins: Twins) -> TwinScores:
    """Score the interventions' radiographs as they are, and those of their twins that there are."""
    where = np.flatnonzero(np.isin(twins.image_id, interventions.image_id))
    ids = twins.ids
    return TwinScores(
        outputs=outputs,
        image_id=interventions.image_id,
        findings=interventions.findings,
        present=interventions.present,
        logits_original=score(classifier, outputs, interventions.original),
        twin_id=[ids[row] for row in where],
        logits_twin=score(classifier, outputs, twins.picture[where]),
    )
