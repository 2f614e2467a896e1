"""From a cohort's section in `params.yaml` to its tables."""

from diffchest.cohorts.chexpert import read_chexpert
from diffchest.cohorts.cohort import Cohort
from diffchest.cohorts.mimic_cxr import read_mimic_cxr
from diffchest.cohorts.nih import read_nih
from diffchest.cohorts.padchest import read_padchest
from diffchest.cohorts.table import read_table_cohort
from diffchest.params.cohorts import AnyCohort, ChexpertCohort, MimicCxrCohort, NihCohort, PadchestCohort, TableCohort


def read_cohort(dataset: str, cohort: AnyCohort) -> Cohort:
    """Read one cohort in its native format.

    Raises `DataError` when its root or a table is missing, or a column is missing or holds values it cannot.
    """
    match cohort:
        case PadchestCohort():
            return read_padchest(dataset, cohort)
        case ChexpertCohort():
            return read_chexpert(dataset, cohort)
        case MimicCxrCohort():
            return read_mimic_cxr(dataset, cohort)
        case NihCohort():
            return read_nih(dataset, cohort)
        case TableCohort():
            return read_table_cohort(dataset, cohort)
