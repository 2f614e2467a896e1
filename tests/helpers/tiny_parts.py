"""Everything that is made in parts, of a tiny network, by one process or by those that `torchrun` started.

python -m tests.helpers.tiny_parts <folder>
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from diffchest.audit.responses import respond
from diffchest.classifiers.own import OwnClassifier
from diffchest.compute.parts import Parts
from diffchest.compute.processes import launched
from diffchest.counterfactuals import pictures as counterfactual
from diffchest.counterfactuals.explainer import Explainer
from diffchest.counterfactuals.fitting import fit_moves
from diffchest.model import encoding as latents
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.model.encoding import extract_latents
from diffchest.params.whole import Params
from diffchest.probe.fit import fit_head
from tests.helpers.repository import ROOT
from tests.helpers.tiny import FakeStore, tiny_params

FINDINGS = ["effusion", "goiter", "pacemaker"]


def tiny_model() -> DiffusionAutoencoder:
    """Random weights, also where training starts from zeros."""
    params = tiny_params()
    torch.manual_seed(0)
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size).eval()
    for weight in model.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    model.sha256 = "tiny"
    return model


def main(folder: Path) -> None:
    """Write `arrays.npz`, from the first process, and for each process the number of its batches."""
    latents.PART = 2
    counterfactual.BATCH_PIXELS = 2 * 16**2  # parts of two radiographs
    model, store, params = tiny_model(), FakeStore(7), Params.load(ROOT / "params.yaml")
    ids, rng = sorted(store.pixels), np.random.default_rng(0)
    pixels, findings = store.read(ids), rng.integers(0, 2, (30, len(FINDINGS)))
    z, patients = rng.standard_normal((30, model.latent_dim)), range(30)
    head, _ = fit_head(z, findings, patients, params=params.probe, findings=FINDINGS)
    rows = pd.DataFrame({"view": ["PA", "AP"] * 15, "sex": ["F"] * 30, "age": rng.uniform(20, 90, 30)})
    rows["patient_id"] = list(patients)
    moves = fit_moves(z, pd.DataFrame(findings, columns=FINDINGS, dtype=float), rows, head, name="tiny")
    steps = {"encode_steps": 4, "decode_steps": 4}
    explain = params.explain.model_copy(
        update={**steps, "edit": "eq4", "step": 20.0, "targets": FINDINGS[:2], "picture": "decode"}
    )
    audit = params.confounders.model_copy(update={**steps, "edit": "unit", "step": 20.0, "random_directions": 2})
    batches, solver = [], counterfactual.SOLVERS[explain.solver]
    with launched() as processes:

        def decode_slowly(*arguments, **options):
            batches.append(1)
            time.sleep(0.1 * processes.rank)  # the first process has to wait for the parts of the other
            return solver.decode(*arguments, **options)

        counterfactual.SOLVERS[explain.solver] = solver._replace(decode=decode_slowly)
        parts = Parts(folder / "runs", processes)
        encoded = extract_latents(model, store, ids, batch_size=4, parts=parts)
        explainer = Explainer(model, head, moves, explain, parts)
        explained, reconstructed = explainer.explain(ids, pixels, FINDINGS[:2]), explainer.reconstruct(ids, pixels)
        scored = OwnClassifier(model, replace(head, model_sha256=model.sha256))
        responded = respond(
            model, head, ids, pixels, classifier=scored, targets=FINDINGS[:2], settings=audit,
            fitted=moves, solver=explain.solver, parts=parts,
        )  # fmt: skip
        (folder / f"batches_{processes.rank}").write_text(str(len(batches)))
    results = (encoded, explained, reconstructed, responded)
    assert all((result is not None) == processes.first for result in results)
    if encoded and explained and reconstructed and responded:
        audited = {f"audit_{name}": value for name, value in responded.arrays().items()}
        drawn = {"z": encoded.z, "reconstructed": reconstructed.reconstruction}
        np.savez(folder / "arrays.npz", **explained.arrays() | audited | drawn)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
