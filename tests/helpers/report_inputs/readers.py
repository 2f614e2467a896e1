"""Made-up tables of the reader study."""

import itertools

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.files.tables import write_metrics
from diffchest.findings.vocabulary import DRAWN
from tests.helpers.report_inputs.made_up import write_csv


def write_readers(rng: np.random.Generator) -> None:
    """Write what `reader_study` leaves."""
    names = [f"simulated {number}" for number in (1, 2, 3)]
    pairs = [(kind, *two) for kind in ("treatment", "physiology") for two in itertools.combinations(names, 2)]
    table = pd.DataFrame(pairs, columns=["kind", "reader_a", "reader_b"])
    write_csv("reader_pairwise", **table.assign(agree=rng.integers(240, 300, 6), total=303))
    for name, count in (("reader_table_1", 11), ("reader_table_2", 6)):
        kappa = rng.uniform(0.5, 0.95, count)
        columns = {
            "diagnosis": list(DRAWN[-count:]),
            "radiographs": 30,
            "confounder_present": rng.integers(1, 30, count),
        }
        columns |= {"ratio_percent": rng.uniform(5, 100, count), "fleiss_kappa": kappa, "kappa_low": kappa - 0.15}
        columns |= {"kappa_high": np.minimum(kappa + 0.1, 1), "agreement": kappa + 0.05, "readers": "; ".join(names)}
        write_csv(name, **columns)
    case = {"kind": ["treatment"], "diagnosis": ["pneumothorax"], "confounder": ["chest drain tube"]}
    write_csv(
        "reader_discordant", **case, image_id=["padchest/1"], said_present=names[:1], said_absent=["; ".join(names[1:])]
    )
    write_metrics(paths.stage_metrics("reader_study"), {"simulated": True, "readers": 3, "treatment": {"kappa": 0.9}})
