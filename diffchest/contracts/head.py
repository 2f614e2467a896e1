"""The linear head on the semantic latent: its file, and what it says of a latent."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from scipy.special import expit

from diffchest.errors import DataError
from diffchest.files.whole import whole
from diffchest.findings.disease_free import normal_finding


@dataclass(frozen=True, eq=False)
class Head:
    """`findings` [F], `weight` [F, d] and `bias` [F] for z standardised with `mean` and `sd` [d], all float32.

    `model_sha256` names the autoencoder whose latents the head was fitted on. Weights are NaN for a finding that
    lacked a class.
    """

    findings: list[str]
    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    model_sha256: str

    def logits(self, z: np.ndarray) -> np.ndarray:
        """Log-odds [N, F] of unnormalised latents z [N, d]."""
        return ((z - self.mean) / self.sd) @ self.weight.T + self.bias

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        """Probabilities [N, F] of unnormalised latents z [N, d]."""
        return expit(self.logits(z))

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        tensors = {name: getattr(self, name).astype(np.float32) for name in ("weight", "bias", "mean", "sd")}
        metadata = {"head": json.dumps({"findings": self.findings, "model_sha256": self.model_sha256})}
        with whole(path) as partial:
            partial.write_bytes(save(tensors, metadata))

    @classmethod
    def load(cls, path: Path) -> "Head":
        """Read a head; `DataError` when the file is missing or is none."""
        try:
            with safe_open(path, "numpy") as file:
                facts = json.loads((file.metadata() or {})["head"])
                tensors = {name: file.get_tensor(name) for name in ("weight", "bias", "mean", "sd")}
        except FileNotFoundError:
            raise DataError(f"{path}: no such head; run `dvc repro fit_head`") from None
        except (SafetensorError, KeyError) as error:
            raise DataError(f"{path}: not a head ({error}); delete it and run `dvc repro fit_head`") from None
        return cls(findings=facts["findings"], model_sha256=facts["model_sha256"], **tensors)


def evaluated_findings(labels: pd.DataFrame, head: Head, *, positives_above: int) -> list[str]:
    """Findings with more than `positives_above` positive rows in `labels` that the head was fitted for.

    The label for "nothing abnormal" is left out: whatever appears removes it. Raises `DataError` when none is left.
    """
    fitted = {name for name, row in zip(head.findings, head.weight, strict=True) if np.isfinite(row).all()}
    positives = (labels == 1).sum()
    normal = normal_finding(list(labels.columns))
    findings = [
        str(finding)
        for finding in labels.columns
        if positives[finding] > positives_above and finding in fitted and finding != normal
    ]
    if not findings:
        raise DataError(
            f"no finding has more than {positives_above} positives among the {len(labels)} test radiographs and a "
            "fitted head; lower evaluation.positives_above"
        )
    return findings
