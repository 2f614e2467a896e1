"""Try a classifier before it is audited: open it by its descriptor, and score some radiographs.

    python -m diffchest.classifiers film.png other.dcm --classifier model.onnx --descriptor model.yaml

Prints what was read of it and a line per radiograph: its log-odds for each output; --out writes them as CSV.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from diffchest.classifiers.opening import open_classifier
from diffchest.classifiers.scored import Scored
from diffchest.errors import DataError
from diffchest.files.tables import write_table
from diffchest.images.decoding import decode, quiet_decoders
from diffchest.images.sources import SUFFIXES
from diffchest.images.squares import to_square
from diffchest.options import whole_number
from diffchest.params.classifiers import read_descriptor
from diffchest.progress import run, summary


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m diffchest.classifiers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("radiographs", nargs="+", type=Path, help="PNG, JPEG or DICOM files, or folders of them")
    parser.add_argument("--classifier", type=Path, help="a file, .onnx or a program of torch; else the descriptor's")
    parser.add_argument("--descriptor", type=Path, help="a YAML file (docs/classifiers.md); else what the file says")
    parser.add_argument(
        "--size", type=whole_number(1), default=512, help="side of the squares that it is given, px; default: 512"
    )
    parser.add_argument("--out", type=Path, help="CSV to write: image, and a column of log-odds per output")
    asked = parser.parse_args()
    if asked.classifier is None and asked.descriptor is None:
        parser.error("give --classifier, --descriptor or both")
    return asked


def main() -> None:
    """Open, score, tell."""
    asked = options()
    if asked.out and asked.out.is_dir():
        raise DataError(f"{asked.out}: is a folder; --out takes the CSV file to write, such as {asked.out}/scores.csv")
    source = str(asked.descriptor or asked.classifier)
    classifier = open_classifier(read_descriptor(asked.descriptor, file=asked.classifier), source=source)
    _tell(classifier)
    files = _files(asked.radiographs)
    logits = classifier.logits(np.stack([_square(file, asked.size) for file in files]))
    table = pd.DataFrame(logits, columns=classifier.outputs)
    table.insert(0, "image", [str(file) for file in files])
    print(table.to_string(index=False, float_format="%.3f", max_rows=40))
    if asked.out:
        write_table(asked.out, table)
    summary("classifiers", f"{len(files)} radiographs, {len(classifier.outputs)} outputs, in log-odds")


def _tell(classifier: Scored) -> None:
    described = classifier.described
    print(f"picture: {described.picture}")
    if described.pixels is not None:
        print(f"pixels:  {described.pixels}")
    print(f"output:  {described.outputs.kind}: {', '.join(classifier.outputs)}")
    for field, where in described.read_from.items():
        print(f"{field}: read from {where}")


def _files(named: list[Path]) -> list[Path]:
    """The files named, and the radiographs in the folders named, sorted."""
    found: list[Path] = []
    for path in named:
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path}: no {', '.join(SUFFIXES)} file in this folder; give radiographs")
        found += inside
    return found


def _square(file: Path, size: int) -> np.ndarray:
    """A radiograph of a file, uint8 [size, size]."""
    try:
        with quiet_decoders():
            return to_square(decode(file.read_bytes()), size)
    except FileNotFoundError:
        raise DataError(f"{file}: no such file; give radiographs as PNG, JPEG or DICOM") from None
    except DataError as error:
        raise DataError(f"{file}: {error}; expected a radiograph as PNG, JPEG or DICOM") from None


if __name__ == "__main__":
    run(main)
