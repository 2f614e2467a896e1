"""The public label tables, which phantoms are drawn from and readers are tested on."""

from typing import Annotated

from diffchest.params.base import Key, StageParams
from diffchest.params.phantom import PhantomDataset
from diffchest.paths import PUBLIC_TABLES
from diffchest.phantom.public_labels import fetch_tables
from diffchest.progress import run, summary

NOT_NEEDED = "No phantoms are drawn (phantom.datasets is empty in params.yaml), so no public table is needed.\n"


class Params(StageParams):
    """What `tables` reads of params.yaml."""

    phantoms: Annotated[list[PhantomDataset], Key("phantom.datasets")]


def main() -> None:
    """Fetch the tables, or say in a README that none is needed."""
    if not Params.load().phantoms:
        PUBLIC_TABLES.mkdir(parents=True, exist_ok=True)
        (PUBLIC_TABLES / "README.txt").write_text(NOT_NEEDED, encoding="utf-8")
        summary("tables", "no phantoms, no tables")
        return
    tables = fetch_tables(PUBLIC_TABLES)
    summary("tables", ", ".join(f"{path.name} ({path.stat().st_size / 1e6:.1f} MB)" for path in tables))


if __name__ == "__main__":
    run(main)
