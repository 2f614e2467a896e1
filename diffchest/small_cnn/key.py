"""What determines a trained network: its key, which its file carries."""

from collections.abc import Sequence

import numpy as np

from diffchest.compute.parts import content_key
from diffchest.params.small_cnn import SmallCnnTrainingParams
from diffchest.small_cnn import network, training


def training_key(
    pictures: np.ndarray, labels: np.ndarray, findings: Sequence[str], settings: SmallCnnTrainingParams
) -> str:
    """The hash of what `train_cnn` is given, and of its code; 16 hexadecimal digits of SHA-256."""
    given = settings.model_dump(include=set(SmallCnnTrainingParams.model_fields))
    labels = np.asarray(labels, dtype=np.float32)
    return content_key([given, pictures, labels, list(findings), network, training])
