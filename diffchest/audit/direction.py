"""A classifier's own directions in z: what its scores go with, whatever kind of classifier it is."""

from dataclasses import replace

import numpy as np
from scipy.special import expit

from diffchest.contracts.classified import Classified
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.fitting import typical_difference


def own_direction(classified: Classified, z: np.ndarray, head: Head, moves: Moves) -> tuple[Head, Moves]:
    """The regression of its logits on z as a head, and moves of which `typical` is that of its scores.

    z: unnormalised latents [N, d] of the fine-tuning radiographs, in the order of `classified.finetune_id`; head: whose
    standardised space it is; `alone` is that of `moves`, NaN for an output that has none.
    """
    outputs, known = classified.outputs, set(moves.findings)
    alone = np.full((len(outputs), *moves.alone.shape[1:]), np.nan)
    share = np.zeros(alone.shape[:2])
    there = [row for row, name in enumerate(outputs) if name in known]
    rows = moves.rows([outputs[row] for row in there])
    alone[there], share[there] = moves.alone[rows], moves.share[rows]
    standard = ((z - head.mean) / head.sd).astype(np.float64)
    called = expit(classified.logits_finetune.astype(np.float64))
    direction = Head(
        findings=outputs,
        weight=classified.weight.astype(np.float32),
        bias=classified.bias.astype(np.float32),
        mean=head.mean,
        sd=head.sd,
        model_sha256=head.model_sha256,
    )
    fitted = replace(
        moves,
        findings=outputs,
        alone=alone,
        share=share,
        typical=typical_difference(standard, called),
        threshold=classified.threshold,
    )
    return direction, fitted
