"""Which test radiographs findings are put into and taken out of."""

import numpy as np
import pandas as pd

from diffchest.contracts.dataset import Dataset
from diffchest.findings.disease_free import choose_disease_free, choose_with_finding, normal_finding
from diffchest.findings.judged import counted, reasons
from diffchest.findings.vocabulary import visible_findings
from diffchest.params.interventions import InterventionsParams


def choose_audited(
    dataset: Dataset, settings: InterventionsParams, *, positives_above: int, on_phantoms: bool
) -> tuple[list[str], pd.DataFrame]:
    """Ids of test radiographs of different patients, and which of the findings each has: bool, a row each.

    Half are disease-free, half have findings, each finding in turn: what one does to a score may depend on what else is
    there. The findings are those with enough test radiographs (`findings.judged`) that a picture can show. Raises
    `DataError` as `choose_disease_free`.
    """
    healthy, certain, labels = (dataset.labels("test", uncertain=uncertain) for uncertain in ("ones", "zeros", None))
    few = reasons(counted(labels), None, positives_above=positives_above)
    frequent = sorted(str(name) for name in few.index[few == ""])
    findings = visible_findings(
        [name for name in frequent if name != normal_finding(frequent)], on_phantoms=on_phantoms
    )
    number, seed = settings.radiographs, settings.seed
    chosen = choose_mixed(dataset.rows("test"), healthy, certain, findings, number=number, seed=seed)
    return chosen, certain.loc[chosen, findings] == 1


def choose_mixed(
    test: pd.DataFrame, healthy: pd.DataFrame, certain: pd.DataFrame, findings: list[str], *, number: int, seed: int
) -> list[str]:
    """Ids of `number` radiographs of different patients: disease-free ones, then with each of `findings` in turn.

    test: their rows of a manifest; healthy, certain: their labels, where who may have a finding has it, and has it not.
    """
    half = (number + 1) // 2
    first = choose_disease_free(test, healthy, number=half, seed=seed, asked_by="half of interventions.radiographs")
    patient = test.set_index("image_id")["patient_id"]
    taken, chosen = set(patient[first]), list(first)
    waiting = {
        finding: list(
            np.random.default_rng(seed).permutation(
                choose_with_finding(test, certain, finding, number=number, seed=seed)
            )
        )
        for finding in findings
    }
    while len(chosen) < number and any(waiting.values()):
        for ids in waiting.values():
            while ids and patient[ids[-1]] in taken:
                ids.pop()
            if ids and len(chosen) < number:
                chosen.append(str(ids.pop()))
                taken.add(patient[chosen[-1]])
    return chosen
