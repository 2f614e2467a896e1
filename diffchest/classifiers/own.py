"""Our own head as one classifier among others: encoder and head, by the same contract."""

import hashlib
from collections.abc import Mapping

import numpy as np

from diffchest.classifiers.preprocess import check_pictures
from diffchest.contracts.head import Head
from diffchest.errors import DataError
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.model.encoding import encode


class OwnClassifier:
    """A `contracts.classifier.Classifier`: the findings that the head was fitted for, scored in the encoder's z.

    thresholds: logits, such as those of the moves. Raises `DataError` for a head of another model.
    """

    def __init__(
        self,
        model: DiffusionAutoencoder,
        head: Head,
        *,
        thresholds: Mapping[str, float] | None = None,
        batch_size: int = 64,
    ) -> None:
        if head.model_sha256 != model.sha256:
            raise DataError(
                f"the head was fitted on z of model {head.model_sha256[:12]}, but this model is {model.sha256[:12]}; "
                "run `dvc repro fit_head`, or give the files that belong together"
            )
        self._model, self._head, self._batch_size = model, head, batch_size
        self.outputs = head.fitted
        self._rows = head.rows(self.outputs)
        self.thresholds = {name: value for name, value in (thresholds or {}).items() if name in set(self.outputs)}
        arrays = (head.weight, head.bias, head.mean, head.sd)
        parts = [model.sha256.encode(), "\n".join(head.findings).encode(), *(a.tobytes() for a in arrays)]
        self.sha256 = hashlib.sha256(b"\0".join(parts)).hexdigest()

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        """Log-odds float32 [N, K] of pictures uint8 [N, S, S] of the model's size."""
        check_pictures(pictures)
        size = self._model.image_size
        if pictures.shape[1:] != (size, size):
            raise DataError(f"our own head takes pictures of {size} px, found {list(pictures.shape[1:])}")
        z = encode(self._model, pictures, self._batch_size)
        return self._head.logits(z)[:, self._rows].astype(np.float32)
