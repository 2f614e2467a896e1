"""Check the whole of params.yaml: every section, and what must hold between them, before anything long begins."""

from diffchest import paths
from diffchest.params.whole import Params
from diffchest.progress import run, summary
from diffchest.publishing import tell

AGREED = "params.yaml has every section, no unknown key, and sections that agree.\n"


def main() -> None:
    """Write always the same file, so that a changed parameter reruns this stage and nothing that waits for it."""
    tell(Params.load().model_dump())
    paths.CHECKED_PARAMS.parent.mkdir(parents=True, exist_ok=True)
    paths.CHECKED_PARAMS.write_text(AGREED, encoding="utf-8")
    summary("check_params", "params.yaml is whole")


if __name__ == "__main__":
    run(main)
