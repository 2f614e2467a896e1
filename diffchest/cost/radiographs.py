"""How many radiographs a profile has, as far as it says so itself: nothing is opened."""

from dataclasses import dataclass

from diffchest.params.cohorts import AnyCohort, MimicCxrCohort, NihCohort, TableCohort
from diffchest.params.whole import Params

# frontal radiographs by the distributors' tables (docs/cohorts.md): (pretraining, labelled or test)
PADCHEST, CHEXPERT, MIMIC_CXR, NIH = (68_298, 26_432), (191_027, 668), (237_890, 0), (0, 112_120)
TABLE = (0, 10_000)  # of one's own, where nothing else was said


@dataclass(frozen=True)
class Radiographs:
    """How many are pretrained on (before some are held out), how many are stored, and what was supposed for that."""

    pretrain: int
    stored: int
    assumed: str


def radiographs(params: Params, own: int | None = None) -> Radiographs:
    """Count by cohort; own: radiographs of each cohort with `format: table`, None: `TABLE`."""
    unlabelled, labelled, assumed = 0, 0, []
    for name in params.cohorts.datasets:
        cohort = params.cohorts[name]
        few, many = _drawn(params, name) or _listed(cohort, own)
        unlabelled, labelled = unlabelled + few, labelled + many
        if isinstance(cohort, TableCohort) and own is None:
            assumed.append(f"{name}: {sum(TABLE):,} supposed, say --radiographs")
        elif name not in params.phantom.datasets and cohort.images == "present":
            assumed.append(f"{name}: all that the distributor lists")
    shown = unlabelled if "pretrain" in params.pretrain.roles else 0
    tested = round(labelled * params.split.test_fraction)
    shown += (labelled - tested) * ("finetune" in params.pretrain.roles) + tested * ("test" in params.pretrain.roles)
    return Radiographs(shown, unlabelled + labelled, "; ".join(assumed))


def _drawn(params: Params, name: str) -> tuple[int, int] | None:
    """Phantoms of a cohort: for pretraining, and the others; None where none are drawn."""
    phantom = params.phantom
    if name not in phantom.datasets:
        return None
    labelled = {"padchest": phantom.labelled_images or PADCHEST[1], "chexpert": phantom.chexpert_test_studies}
    return dict(phantom.pretrain_images).get(name, 0), labelled.get(name, 0)  # pyright: ignore[reportCallIssue, reportArgumentType]


def _listed(cohort: AnyCohort, own: int | None) -> tuple[int, int]:
    found = {"padchest": PADCHEST, "chexpert": CHEXPERT, "mimic_cxr": MIMIC_CXR, "nih": NIH}.get(cohort.format, TABLE)
    if isinstance(cohort, TableCohort) and own is not None:
        found = (0, own)
    if isinstance(cohort, MimicCxrCohort | NihCohort | TableCohort):
        found = (sum(found), 0) if cohort.use == "pretrain" else (0, sum(found))
    return found
