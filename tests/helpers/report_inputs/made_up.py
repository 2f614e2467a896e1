"""What the made-up inputs of figures and report share: findings, pictures and tables."""

import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.files.tables import write_table
from diffchest.phantom.render import draw

NOT_DRAWN = ("heart insufficiency", "hilar congestion", "kyphosis", "vertebral degenerative changes", "catheter")


SIZE = 48


def write_csv(name: str, **columns) -> None:
    """Write a table; columns without values make it header-only."""
    write_table(paths.table(name), pd.DataFrame(columns))


def phantom(findings: list[str], number: int) -> np.ndarray:
    """One drawn radiograph, uint8 [SIZE, SIZE]."""
    return np.rint(draw(findings, patient=str(number), image="0", size=SIZE) * 255).astype(np.uint8)
