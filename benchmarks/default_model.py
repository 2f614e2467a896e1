"""The default model after `dvc repro`, with held-out radiographs, for the measurements of solvers."""

import numpy as np
import torch

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head, evaluated_findings
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.moves import edit_latents
from diffchest.counterfactuals.pictures import encode_latents
from diffchest.findings.disease_free import choose_one_per_patient
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.whole import Params

RADIOGRAPHS = 16


class Setting:
    """The default model, its head, held-out radiographs and where to move them."""

    def __init__(self, device: str) -> None:
        self.params = Params.load()
        self.model, self.head = load_autoencoder(paths.AUTOENCODER, torch.device(device)), Head.load(paths.HEAD)
        dataset = Dataset.read(self.params.evaluation.dataset)
        # another seed than that of the stages, so not the radiographs they explain
        sample = choose_one_per_patient(dataset.rows("test"), number=RADIOGRAPHS, seed=1)
        self.pixels = ImageStore(paths.IMAGES).read(sample)
        self.z = encode_latents(self.model, self.pixels)
        self.findings = evaluated_findings(
            dataset.labels("test"), self.head, positives_above=self.params.evaluation.positives_above
        )
        self.moves = Moves.load(paths.MOVES)

    def moved(self, findings: list[str]) -> np.ndarray:
        """Latents [N, T, d] moved towards `findings` as the section `explain` says."""
        return edit_latents(self.z, self.head, self.moves, findings, self.params.explain)[0]
