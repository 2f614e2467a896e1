"""What radiologists said of the studies of a test set (CheXpert), for `data_efficiency` to compare heads with."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from diffchest.errors import DataError


def write_benchmark_readers(path: Path, readers: Mapping[str, pd.DataFrame]) -> None:
    """Write the labels of each reader, a table with index study_id and a column per finding; none is a table too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = [table.rename_axis("study_id").reset_index().assign(reader=name) for name, table in readers.items()]
    frame = pd.concat(tables) if tables else pd.DataFrame({"reader": [], "study_id": []}, dtype=str)
    frame.to_parquet(path, index=False)


def read_benchmark_readers(path: Path) -> dict[str, pd.DataFrame]:
    """The labels of each reader by name: index study_id, a column per finding, codes as in the dataset.

    Raises `DataError` when the file is missing.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `dvc repro ingest`")
    frame = pd.read_parquet(path)
    return {
        str(reader): table.drop(columns="reader").set_index("study_id")
        for reader, table in frame.groupby("reader", sort=False)
    }
