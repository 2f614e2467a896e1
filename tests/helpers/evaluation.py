"""Small settings of the evaluation."""

from diffchest.params.evaluation import BootstrapParams, PermutationParams, SubgroupsParams

BOOTSTRAP = BootstrapParams(unit="patient", resamples=200, confidence=0.95, interval="score", seed=0)
TESTS = {"bootstrap": BOOTSTRAP, "permutation": PermutationParams(resamples=500, scores="rank", seed=0)}
GROUPS = SubgroupsParams(attributes=["sex", "age", "view"], age_bands=[40, 60], positives_above=10)
