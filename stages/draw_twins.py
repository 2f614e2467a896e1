"""Draw test phantoms again with one finding more or less: the truth that counterfactuals are judged by."""

from typing import Annotated

import pandas as pd

from diffchest import paths
from diffchest.audit.choosing import choose_audited
from diffchest.contracts.dataset import Dataset
from diffchest.files.tables import write_table
from diffchest.findings.disease_free import choose_disease_free, choose_with_finding
from diffchest.findings.judged import counted, reasons
from diffchest.findings.vocabulary import DRAWN
from diffchest.params.base import Key
from diffchest.params.evaluation import EvaluatedDataset, EvaluatedFindings
from diffchest.params.interventions import InterventionsParams
from diffchest.params.phantom import TwinsParams
from diffchest.params.runtime import RuntimeParams
from diffchest.phantom.public_labels import PADCHEST_TABLE
from diffchest.phantom.twins import COHORT, Drawing, as_drawn, count_twins, draw_twins, no_twins
from diffchest.progress import run, summary


class Params(EvaluatedDataset, EvaluatedFindings):
    """What `draw_twins` reads of params.yaml."""

    twins: TwinsParams
    targets: Annotated[list[str], Key("explain.targets")]
    radiographs: Annotated[int, Key("explain.radiographs")]
    chosen_by: Annotated[int, Key("explain.seed")]
    interventions: InterventionsParams
    size: Annotated[int, Key("phantom.size")]
    seed: Annotated[int, Key("phantom.seed")]
    stored: Annotated[int, Key("images.size")]
    runtime: RuntimeParams


def main() -> None:
    """Write the twins and how many there are; none where radiographs are not PadChest's phantoms."""
    params = Params.load()
    if not params.on_phantoms or params.dataset != COHORT:
        no_twins(params.stored).save(paths.TWINS)
        write_table(paths.table("twins"), count_twins([]))
        summary("draw_twins", f"none: the radiographs of {params.dataset} are no phantoms of PadChest")
        return
    asked = choose(params)
    drawing = Drawing(params.size, params.stored, params.seed, params.twins.placements)
    known = as_drawn(paths.PHANTOM / COHORT / PADCHEST_TABLE, list(asked))
    twins, table = draw_twins(known, asked, drawing, workers=params.runtime.workers)
    twins.save(paths.TWINS)
    write_table(paths.table("twins"), table)
    summary(
        "draw_twins",
        f"{len(twins.image_id):,} twins of {len(asked):,} radiographs, {table['finding'].nunique()} findings; "
        f"left out: {table['no_op'].sum()} that change nothing, {table['implausible'].sum()} implausible",
    )


def choose(params: Params) -> dict[str, list[tuple[str, bool]]]:
    """Which finding is added to which radiographs, or removed, by image id: what explanations and interventions do."""
    dataset = Dataset.read(params.dataset)
    test, labels = dataset.rows("test"), dataset.labels("test")
    # who may have a disease is not disease-free, and who may not have the finding has none to take away
    healthy, certain = (dataset.labels("test", uncertain=uncertain) for uncertain in ("ones", "zeros"))
    asked: dict[str, list[tuple[str, bool]]] = {}
    findings = compared(labels, params)
    for image_id in choose_disease_free(test, healthy, number=params.radiographs, seed=params.chosen_by):
        asked.setdefault(image_id, []).extend((finding, True) for finding in findings)
    for finding in findings:
        ids = choose_with_finding(test, certain, finding, number=params.twins.removed, seed=params.chosen_by)
        for image_id in ids:
            asked.setdefault(image_id, []).append((finding, False))
    audited, present = choose_audited(
        dataset, params.interventions, positives_above=params.positives_above, on_phantoms=params.on_phantoms
    )
    for image_id, there in zip(audited, present.to_numpy(), strict=True):
        wanted = [(str(name), not has) for name, has in zip(present.columns, there.tolist(), strict=True)]
        asked[image_id] = list(dict.fromkeys([*asked.get(image_id, []), *wanted]))
    return asked


def compared(labels: pd.DataFrame, params: Params) -> list[str]:
    """The drawn findings that enter a table, and those that counterfactuals are drawn towards."""
    few = reasons(counted(labels), None, positives_above=params.positives_above)
    return [finding for finding in DRAWN if few.get(finding) == "" or finding in params.targets]


if __name__ == "__main__":
    run(main)
