"""Check the labels before anything is decoded or trained: findings that params.yaml names, disease-free radiographs."""

from typing import Annotated

from diffchest import paths
from diffchest.contracts.labels import load_labels
from diffchest.contracts.manifest import TO_DECODE_COLUMNS, read_manifest
from diffchest.counterfactuals.choosing import check_image_ids
from diffchest.errors import DataError
from diffchest.findings.disease_free import check_some_disease_free, normal_finding
from diffchest.findings.named import check_known, not_to_fit, unknown_names, unused_prompts
from diffchest.params.base import Key, Names, StageParams
from diffchest.params.baselines import BaselinesParams
from diffchest.params.classifiers import ClassifiersParams
from diffchest.params.counterfactuals import Edit, Kinds, Targets
from diffchest.progress import notice, run, summary

AGREED = "The labels know every finding that params.yaml names.\n"


class Params(StageParams):
    """What `check_names` reads of params.yaml."""

    evaluated: Annotated[str, Key("evaluation.dataset")]
    targets: Annotated[Targets, Key("explain.targets")]
    kinds: Annotated[Kinds, Key("explain.kinds")]
    edit: Annotated[Edit, Key("explain.edit")]
    image_ids: Annotated[Names, Key("explain.image_ids")]
    learnt: Annotated[str | Names, Key("small_cnn.findings")]
    baselines: BaselinesParams
    classifiers: ClassifiersParams
    efficiency: Annotated[str | None, Key("data_efficiency.dataset")]
    efficiency_findings: Annotated[Names, Key("data_efficiency.findings")]


def named(params: Params, known: list[str]) -> dict[str, list[str]]:
    """The findings of the evaluated dataset that params.yaml names, by key."""
    chexzero = params.baselines.chexzero
    return {
        "explain.targets": params.targets,
        **{f"explain.kinds.{name}": [name, *kinds] for name, kinds in params.kinds.items()},
        "small_cnn.findings": [] if isinstance(params.learnt, str) else params.learnt,
        "baselines.chexzero.prompts": unused_prompts(chexzero.prompts, known) if chexzero else [],
    }


def tell_classifiers(params: Params, known: list[str]) -> None:
    """A notice for outputs of a classifier that are called as no finding is: they may be of another dataset."""
    sections = params.classifiers.sections.items()
    meant = {f"classifiers.{name}.findings": list(section.findings.values()) for name, section in sections}
    for line in unknown_names(meant, known, dataset=params.evaluated):
        notice(line)


def check_roles(roles: set[str], dataset: str) -> None:
    """`DataError` for a dataset that has no radiograph to fine-tune on, or none to test on."""
    for role in ("finetune", "test"):
        if role not in roles:
            raise DataError(
                f"evaluation.dataset: {dataset!r} has no radiograph with role {role} (found: "
                f"{', '.join(sorted(roles)) or 'none at all'}); name a cohort whose patients are split, such as a "
                "table with `use: probe`"
            )


def main() -> None:
    """Write always the same file, so that another name reruns this stage and nothing that waits for it."""
    params = Params.load()
    manifest = read_manifest(paths.MANIFEST, columns=TO_DECODE_COLUMNS)
    rows = manifest[manifest["dataset"] == params.evaluated]
    check_roles(set(rows["role"]), params.evaluated)
    finetune = rows.loc[rows["role"] == "finetune", "image_id"].tolist()
    labels = load_labels(paths.labels(params.evaluated), finetune)
    known = list(labels.columns)
    unknown = unknown_names(named(params, known), known, dataset=params.evaluated)
    if params.efficiency:
        listed = {"data_efficiency.findings": params.efficiency_findings}
        others = list(load_labels(paths.labels(params.efficiency), []).columns)
        unknown += unknown_names(listed, others, dataset=params.efficiency)
    check_known(unknown)
    normal = normal_finding(known)
    if params.edit == "alone" and normal in params.targets:
        raise DataError(
            f"explain.targets: {normal!r} says that nothing is there, so it cannot be added alone; take it out, or set "
            "explain.edit to typical"
        )
    check_image_ids(params.image_ids, manifest)
    test = rows.loc[rows["role"] == "test", "image_id"].tolist()
    check_some_disease_free(load_labels(paths.labels(params.evaluated), test, uncertain="ones"))
    tell_classifiers(params, known)
    one_class = not_to_fit(params.targets, labels)
    told = "; ".join(f"{name!r} ({counts})" for name, counts in one_class.items())
    if len(one_class) == len(params.targets):
        raise DataError(
            f"explain.targets: no head can be fitted for any of them on {len(finetune):,} fine-tuning radiographs: "
            f"{told}; name findings that some have and others have not"
        )
    if one_class:
        notice(f"explain.targets: left out, for no head can be fitted on the fine-tuning radiographs: {told}")
    paths.CHECKED_NAMES.write_text(AGREED, encoding="utf-8")
    summary("check_names", f"the labels of {params.evaluated} know every finding that is named")


if __name__ == "__main__":
    run(main)
