"""From a cohort's section in `params.yaml` to its tables."""

from diffchest.cohorts.bit_depth import settle_bits
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
            read = read_padchest(dataset, cohort)
        case ChexpertCohort():
            read = read_chexpert(dataset, cohort)
        case MimicCxrCohort():
            read = read_mimic_cxr(dataset, cohort)
        case NihCohort():
            read = read_nih(dataset, cohort)
        case TableCohort():
            read = read_table_cohort(dataset, cohort)
    return settle_bits(dataset, read, cohort.root, of_dicom=isinstance(cohort, PadchestCohort))
