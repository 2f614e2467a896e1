"""Contact sheets and tables for the readers who name the confounders (reader study, step 1)."""

from typing import Annotated

from diffchest import paths
from diffchest.contracts.explained import Explained
from diffchest.params.base import Key, Seed, StageParams
from diffchest.params.counterfactuals import Towards
from diffchest.progress import run, summary
from diffchest.readers.sheets import PAIRS, write_reader_sheets


class Params(StageParams):
    """What `reader_sheets` reads of params.yaml."""

    towards: Annotated[Towards, Key("explain.towards")]
    seed: Annotated[Seed, Key("explain.seed")]
    targets: Annotated[list[str], Key("explain.targets")]


def main() -> None:
    """Write a sheet and a table for every one of `explain.targets`, of at most `PAIRS` measured counterfactuals."""
    params = Params.load()
    measured = [explained.of(params.targets) for explained in Explained.load_all(paths.MEASURED)]
    groups = [explained.sample(PAIRS, seed=params.seed) for explained in measured]
    sheets = write_reader_sheets(paths.READER_SHEETS, groups, params.towards)
    summary("reader_sheets", f"{len(sheets)} sheets in {paths.READER_SHEETS}")


if __name__ == "__main__":
    run(main)
