"""A classifier that was opened: raw scores, whatever makes them, as logits by name."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from diffchest.classifiers.described import Described
from diffchest.classifiers.outputs import Outputs, tell_clipping, to_logits
from diffchest.classifiers.preprocess import check_pictures
from diffchest.errors import DataError
from diffchest.params.classifiers import ClassifierParams
from diffchest.progress import notice

Score = Callable[[np.ndarray], np.ndarray]


@dataclass(eq=False)
class Scored:
    """A `contracts.classifier.Classifier` out of a function of pictures uint8 [N, H, W] to raw scores [N, M].

    * name: what it is called in messages; described: its descriptor, made whole
    * files: sha256 of each file that makes its scores, by path; sha256: of them and of the descriptor
    * batch_size: pictures that the function gets at a time; None: all at once
    """

    name: str
    score: Score
    described: Described
    sha256: str
    files: Mapping[str, str]
    batch_size: int | None = None

    @property
    def meaning(self) -> Outputs:
        """What its scores are."""
        return self.described.outputs

    def __post_init__(self) -> None:
        self.outputs: list[str] = self.meaning.called
        self.thresholds: dict[str, float] = self.meaning.threshold_logits()
        self._told = False
        if self.meaning.kind in ("softmax", "softmax_logit"):
            notice(
                f"{self.name}: its labels exclude each other (softmax): where one rises the others fall, whatever the "
                "picture shows; effects between them say nothing of the radiograph"
            )

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        """Log-odds float32 [N, K] of pictures uint8 [N, H, W]; `DataError` for scores that are not as described."""
        check_pictures(pictures)
        if not len(pictures):
            return np.empty((0, len(self.outputs)), np.float32)
        step = self.batch_size or len(pictures)
        parts = [self._checked(pictures[first : first + step]) for first in range(0, len(pictures), step)]
        logits, clipped = to_logits(np.concatenate(parts), self.meaning, source=self.name)
        if clipped and not self._told:
            self._told = True
            tell_clipping(clipped, logits.size, source=self.name)
        return logits

    def _checked(self, pictures: np.ndarray) -> np.ndarray:
        scores, expected = self.score(pictures), (len(pictures), len(self.meaning.names))
        if scores.shape == (len(pictures),) and expected[1] == 1:
            return scores[:, None]
        if scores.shape != expected:
            names = [name for name in self.meaning.names if name]
            raise DataError(
                f"{self.name}: scores of {len(pictures)} pictures have shape {list(scores.shape)}, expected "
                f"{list(expected)}: a row per picture and a column per name ({', '.join(names[:5])}); check `names`"
            )
        return scores


def identity(params: ClassifierParams, described: Described, files: Mapping[str, str]) -> str:
    """Sha256 of a descriptor, made whole, and of the content of its files, wherever they lie."""
    opened = params.model_dump(include={"kind", "command", "function", "output_name", "providers"})
    said = {"picture": described.picture, "pixels": described.pixels, "outputs": described.outputs}
    plain = {name: part and asdict(part) for name, part in said.items()}
    return hashlib.sha256(json.dumps([opened, plain, list(files.values())], sort_keys=True).encode()).hexdigest()


def sha256_of(paths: list[Path]) -> dict[str, str]:
    """The sha256 of each file by its path."""
    found = {}
    for path in paths:
        with path.open("rb") as file:
            found[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
