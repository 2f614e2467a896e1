"""A head and its moves, as the figures of the explanations read them."""

import numpy as np

from diffchest import paths
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves


def write_head(findings: list[str], spread: float = 2.0) -> None:
    """Every logit has the standard deviation `spread` among the latents."""
    number = len(findings)
    ones, eye = np.ones(number), np.eye(number)
    for path in (paths.HEAD, paths.MOVES):
        path.parent.mkdir(parents=True, exist_ok=True)
    numbers = (eye, 0 * ones, 0 * ones, ones)
    Head(findings, *(array.astype(np.float32) for array in numbers), model_sha256="m").save(paths.HEAD)
    Moves(
        findings=findings,
        alone=eye[:, None],
        share=ones[:, None],
        typical=eye,
        centre=0 * ones,
        covariance=spread**2 * eye,
        distance=np.arange(1.0, 5.0),
        threshold=0 * ones,
        trained_on=["phantoms", "100", "90"],
        model_sha256=["m"],
    ).save(paths.MOVES)
