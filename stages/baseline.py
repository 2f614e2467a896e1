"""Score the test radiographs with a comparison model; its name, a section of `baselines`, is the only argument."""

import sys

from diffchest import paths
from diffchest.baselines.models import BaselineParams as Params
from diffchest.baselines.models import Task, score
from diffchest.contracts.scores import write_scores
from diffchest.files.tables import write_table
from diffchest.progress import run, summary


def main() -> None:
    """Write the model's scores, and how each finding came to its own."""
    name = sys.argv[1]
    scored = score(Task.read(Params.load(key=name)))
    findings, images = scored.scores.columns.tolist(), scored.image_ids
    write_scores(paths.scores(name), scored.scores.to_numpy(), model=name, image_ids=images, findings=findings)
    write_table(paths.table(f"baseline_{name}"), scored.table)
    summary(f"baseline {name}", f"{scored.about}, {len(findings)} findings, {len(images):,} test images")


if __name__ == "__main__":
    run(main)
