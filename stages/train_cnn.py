"""Train the small classifier on the fine-tuning patients' radiographs; its AUC on those of the test patients."""

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.image_store import ImageStore
from diffchest.errors import DataError
from diffchest.evaluation.test_set import read_test_set
from diffchest.files.tables import write_metrics
from diffchest.findings.judged import counted
from diffchest.findings.vocabulary import DRAWN
from diffchest.params.evaluation import EvaluatedDataset, EvaluatedFindings
from diffchest.params.runtime import RuntimeParams
from diffchest.params.small_cnn import SmallCnnParams
from diffchest.probe.fit import subsample_patients
from diffchest.progress import run, summary
from diffchest.small_cnn.export import write_onnx
from diffchest.small_cnn.key import training_key
from diffchest.small_cnn.quality import auc_by_finding, auc_metrics
from diffchest.small_cnn.training import train_cnn, with_both_classes

SPLIT_COHORT = (
    "name a cohort whose patients are split as evaluation.dataset, such as padchest or a table with `use: probe`"
)


class Params(EvaluatedDataset, EvaluatedFindings):
    """What `train_cnn` reads of params.yaml."""

    small_cnn: SmallCnnParams
    runtime: RuntimeParams


def learnt(labels: pd.DataFrame, params: SmallCnnParams) -> pd.DataFrame:
    """The labels that are learnt: of the findings named, or of those with both classes, as the head is fitted."""
    if params.findings == "fitted":
        return labels.loc[:, with_both_classes(labels.to_numpy())]
    if unknown := [name for name in params.findings if name not in labels]:
        raise DataError(
            f"params.yaml: small_cnn.findings: no label is called {unknown[0]!r}; the labels are called "
            f"{list(labels.columns[:5])}, ... (reports/tables/head.csv names all)"
        )
    return labels[list(params.findings)]


def main() -> None:
    """Write the ONNX file and the test AUCs."""
    params = Params.load()
    device, settings = set_up(params.runtime), params.small_cnn
    dataset, store = Dataset.read(params.dataset), ImageStore(paths.IMAGES)
    finetune = dataset.needed("finetune", instead=SPLIT_COHORT)
    finetune = finetune[subsample_patients(finetune["patient_id"], settings.fraction, settings.seed)]
    image_ids = finetune["image_id"].tolist()
    known_labels = dataset.labels_of(image_ids)
    labels = learnt(known_labels, settings)
    findings, known, pictures = list(labels.columns), labels.to_numpy(), store.read(image_ids)
    trained = train_cnn(pictures, known, findings, settings=settings, device=device)
    write_onnx(paths.SMALL_CNN, trained, key=training_key(pictures, known, findings, settings))

    rows, test = read_test_set(params, counted(known_labels))
    test_ids = rows["image_id"].tolist()
    logits = pd.DataFrame(trained.logits(store.read(test_ids)), index=pd.Index(test_ids), columns=findings)
    auc = auc_by_finding(test.labels, logits)
    found = auc_metrics(auc, test.kinds(list(auc.index)), drawn=DRAWN if params.on_phantoms else ())
    weights = sum(np.prod(weight.shape) for weight in trained.network.parameters())
    size = {"parameters": int(weights), "images": len(finetune), "patients": finetune["patient_id"].nunique()}
    write_metrics(paths.stage_metrics("train_cnn"), {"learnt": len(findings), **size, **found})
    drawn = f", {found['drawn_macro_auc']:.3f} of drawn findings" if "drawn_macro_auc" in found else ""
    summary(
        "train_cnn", f"{len(findings)} findings on {len(finetune):,} images, mean AUC {found['macro_auc']:.3f}{drawn}"
    )


if __name__ == "__main__":
    run(main)
