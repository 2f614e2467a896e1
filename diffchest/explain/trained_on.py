"""What the model was trained on, and how far from that the radiograph lies."""

from dataclasses import asdict, dataclass
from typing import Any

from diffchest.contracts.head import Head
from diffchest.contracts.moves import QUANTILES, Moves
from diffchest.counterfactuals.likeness import distances
from diffchest.counterfactuals.pictures import encode_latents
from diffchest.explain.radiograph import Radiograph
from diffchest.model.autoencoder import DiffusionAutoencoder

ORDINARY = 0.99  # of the fine-tuning radiographs lie nearer to the others; beyond is what the model does not know
UNLIKE = "this radiograph is unlike those the model was trained on; what is shown may mean little"


@dataclass(frozen=True)
class TrainedOn:
    """The radiographs that head and moves were fitted on, and this one beside them.

    * dataset, radiographs, patients: its name and their numbers
    * distance: of this radiograph's z from their centre (`counterfactuals.likeness`; 1 is ordinary); quantiles: the
      share of them that lies within each distance
    * unlike: whether it lies further out than all but the farthest hundredth of them
    """

    dataset: str
    radiographs: int
    patients: int
    distance: float
    quantiles: dict[str, float]
    unlike: bool

    @property
    def record(self) -> dict[str, Any]:
        """As `explanation.json` has it."""
        return asdict(self)


def trained_on(radiograph: Radiograph, model: DiffusionAutoencoder, head: Head, moves: Moves) -> TrainedOn:
    """What the moves say of the radiographs they were fitted on, and where this one lies."""
    dataset, radiographs, patients = moves.trained_on
    distance = float(distances(encode_latents(model, radiograph.square[None]), head, moves)[0])
    quantiles = dict(zip(QUANTILES, map(float, moves.distance), strict=True))
    return TrainedOn(
        dataset=dataset,
        radiographs=int(radiographs),
        patients=int(patients),
        distance=distance,
        quantiles={f"{share:g}": value for share, value in quantiles.items()},
        unlike=distance > quantiles[ORDINARY],
    )
