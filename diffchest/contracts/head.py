"""The linear head on the semantic latent: its file, what it says of a latent, and which findings it knows."""

import json
from collections.abc import Sequence
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
from diffchest.findings.judged import judged
from diffchest.near_names import did_you_mean


@dataclass(frozen=True, eq=False)
class Head:
    """`findings` [F], `weight` [F, d] and `bias` [F] for z standardised with `mean` and `sd` [d], all float32.

    `model_sha256` names the autoencoder whose latents the head was fitted on. Weights are NaN for a finding that
    lacked a class. `fitted_on` [F, 2]: radiographs and positives that each finding was fitted on; None where nobody
    knows, as of a head that somebody else fitted.
    """

    findings: list[str]
    weight: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    model_sha256: str
    fitted_on: np.ndarray | None = None

    def logits(self, z: np.ndarray) -> np.ndarray:
        """Log-odds [N, F] of unnormalised latents z [N, d]."""
        return ((z - self.mean) / self.sd) @ self.weight.T + self.bias

    def probabilities(self, z: np.ndarray) -> np.ndarray:
        """Probabilities [N, F] of unnormalised latents z [N, d]."""
        return expit(self.logits(z))

    @property
    def fitted(self) -> list[str]:
        """The findings that it could be fitted for."""
        return [name for name, row in zip(self.findings, self.weight, strict=True) if np.isfinite(row).all()]

    @property
    def seen(self) -> pd.DataFrame | None:
        """`fitted_on` as `findings.judged.counted`."""
        return None if self.fitted_on is None else pd.DataFrame(self.fitted_on, self.findings, ["n", "positives"])

    def rows(self, findings: Sequence[str]) -> np.ndarray:
        """Where `findings` are among its own, int64 [n]; `DataError` for one that it does not know or never fitted."""
        position, fitted = {name: row for row, name in enumerate(self.findings)}, set(self.fitted)
        for name in findings:
            if name not in position:
                raise DataError(f"the head has no finding {name!r}; {did_you_mean(name, self.findings)}")
            if name not in fitted:
                raise DataError(
                    f"the head could not be fitted for {name!r} (only one class among the fine-tuning radiographs); "
                    "leave it out"
                )
        return np.array([position[name] for name in findings], dtype=np.int64)

    def choose_fitted(self, findings: Sequence[str], *, key: str) -> list[str]:
        """Those of `findings` that it could be fitted for: a small fine-tuning set may lack a rare one.

        Raises `DataError` for a name that it does not know, and where none is left; `key`: what named the findings.
        """
        unfitted = set(self.findings).difference(self.fitted)
        kept = [name for name in findings if name not in unfitted]
        if not kept:
            raise DataError(
                f"{key}: the head could be fitted for none of {list(findings)} (only one class among the fine-tuning "
                "radiographs); raise probe.fraction or name other targets"
            )
        try:
            self.rows(kept)
        except DataError as error:
            raise DataError(f"{key}: {error}") from None
        return kept

    def save(self, path: Path) -> None:
        """Write a safetensors file, whole or not at all."""
        tensors = {name: getattr(self, name).astype(np.float32) for name in ("weight", "bias", "mean", "sd")}
        counts = None if self.fitted_on is None else self.fitted_on.tolist()
        facts = {"findings": self.findings, "model_sha256": self.model_sha256, "fitted_on": counts}
        metadata = {"head": json.dumps(facts)}
        with whole(path) as partial:
            partial.write_bytes(save(tensors, metadata))

    @classmethod
    def load(cls, path: Path) -> "Head":
        """Read a head; `DataError` when the file is missing or is none."""
        try:
            with safe_open(path, "numpy") as file:
                facts = json.loads((file.metadata() or {})["head"])
                known = facts["fitted_on"]
                tensors = {name: file.get_tensor(name) for name in ("weight", "bias", "mean", "sd")}
        except FileNotFoundError:
            raise DataError(f"{path}: no such head; run `dvc repro fit_head`") from None
        except (SafetensorError, KeyError) as error:
            raise DataError(f"{path}: not a head ({error}); delete it and run `dvc repro fit_head`") from None
        counts = None if known is None else np.array(known, dtype=np.int64)
        return cls(findings=facts["findings"], model_sha256=facts["model_sha256"], fitted_on=counts, **tensors)


def evaluated_findings(labels: pd.DataFrame, head: Head, *, positives_above: int) -> list[str]:
    """The judged findings of the test `labels` that the head was fitted for; maybe none, which is told.

    The label for "nothing abnormal" is left out: whatever appears removes it.
    """
    fitted, normal = set(head.fitted), normal_finding(list(labels.columns))
    findings = judged(labels, head.seen, positives_above=positives_above)
    return [finding for finding in findings if finding in fitted and finding != normal]
