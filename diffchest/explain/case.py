"""What is said of one radiograph: counterfactuals, the head's scores before, asked and seen, and what else rose."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.special import expit

from diffchest.compute.parts import Parts
from diffchest.contracts.explained import Explained
from diffchest.contracts.head import Head
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.explainer import Explainer
from diffchest.errors import DataError
from diffchest.images.decoding import decode, quiet_decoders
from diffchest.images.squares import to_square
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.counterfactuals import ExplainParams

ROSE = 10  # other findings that are named


@dataclass(frozen=True, eq=False)
class Radiograph:
    """The square that the network sees, uint8 [S, S], its name, and the size of its file (None: stored)."""

    name: str
    square: np.ndarray
    decoded: tuple[int, int] | None


def read_radiograph(source: str, *, size: int, store: Path) -> Radiograph:
    """A PNG, JPEG or DICOM file, decoded as `build_lmdb` does, or a radiograph of the image store by its id.

    Raises `DataError` for a source that is neither, and for a file that cannot be decoded.
    """
    path = Path(source)
    if path.is_file():
        with quiet_decoders():
            try:
                pixels = decode(path.read_bytes())
            except DataError as error:
                raise DataError(f"{path}: {error}; expected a PNG, JPEG or DICOM radiograph") from None
        height, width = pixels.shape
        return Radiograph(path.name, to_square(pixels, size), (height, width))
    if not store.is_file():
        raise DataError(f"{source}: no such file, and {store} holds no radiograph of that id; check the path")
    images = ImageStore(store)
    if source not in images:
        raise DataError(f"{source}: no such file, and no radiograph of that id in {store}; check the path or the id")
    return Radiograph(source, images.read([source])[0], None)


def explain_one(
    radiograph: Radiograph,
    findings: Sequence[str],
    *,
    model: DiffusionAutoencoder,
    head: Head,
    moves: Moves,
    settings: ExplainParams,
) -> Explained:
    """Move one radiograph towards (or away from) each of `findings`, and draw it."""
    with TemporaryDirectory() as folder:  # an interrupted run of seconds is not taken up again
        explainer = Explainer(model, head, moves, settings, Parts(Path(folder)))
        explained = explainer.explain([radiograph.name], radiograph.square[None], list(findings), reconstruct=False)
    assert explained is not None  # there is one process
    return explained


def facts(explained: Explained, head: Head, moves: Moves) -> list[dict[str, Any]]:
    """What is known of each finding's counterfactual, as JSON holds it.

    Scores are probabilities and logits of the radiograph (`before`), of the moved z (`asked`) and of the picture as it
    is shown (`seen`); `rose`: the other findings whose logit changed most, in standard deviations among the
    fine-tuning radiographs.
    """
    spread = moves.logit_spread(head)[explained.findings].to_numpy()
    told = []
    for column, finding in enumerate(explained.targets):
        own = explained.columns([finding])[0]
        before, after = explained.logits_before[0], explained.logits_after[0, column]
        change = (after - before) / spread
        others = [row for row in np.argsort(-np.abs(change)) if row != own][:ROSE]
        told.append(
            {
                "finding": finding,
                "step": float(explained.step[0, column]),
                "scale": float(explained.scale[0, column]),
                "before": _score(before[own]),
                "asked": _score(explained.logits_wanted[0, column, own]),
                "seen": _score(after[own]),
                "rose": [
                    {
                        "finding": explained.findings[row],
                        "change_sd": float(change[row]),
                        "before": _score(before[row]),
                        "seen": _score(after[row]),
                    }
                    for row in others
                ],
            }
        )
    return told


def _score(logit: float) -> dict[str, float]:
    return {"probability": float(expit(np.float64(logit))), "logit": float(logit)}
