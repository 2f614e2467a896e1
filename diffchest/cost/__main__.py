"""What a profile costs, before anything is started.

    python -m diffchest.cost                       # of params.yaml as it is
    python -m diffchest.cost paper                 # of the committed params.yaml with a profile; nothing is written
    python -m diffchest.cost mine hospital_gpu     # ... with several, merged in this order
    python -m diffchest.cost --measure             # and a minute of the training step on this machine

Docs: docs/cost.md.
"""

import argparse
import json

from diffchest.cost.devices import UTILISATION
from diffchest.cost.measuring import Measured, measure
from diffchest.cost.printing import cost, text
from diffchest.errors import DataError
from diffchest.params.whole import Params
from diffchest.profiles import with_profiles
from diffchest.progress import run

FINDINGS = 74  # judged in the full PadChest
MOST_FLOPS = 1e12  # of the step that is measured on a CPU


def main() -> None:
    """Print what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m diffchest.cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("profiles", nargs="*", help="merged into the committed params.yaml in this order")
    parser.add_argument("--utilisation", type=float, default=UTILISATION, help="of a GPU's peak (default %(default)s)")
    parser.add_argument("--findings", type=int, default=FINDINGS, help="judged findings (default %(default)s)")
    parser.add_argument("--radiographs", type=int, help="of each cohort of your own (format: table)")
    parser.add_argument("--measure", action="store_true", help="take the step on this machine's CPU for a minute")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if not 0 < options.utilisation <= 1:
        raise DataError(
            f"--utilisation is {options.utilisation:g}; expected a fraction of the peak, above 0, at most 1"
        )
    params = with_profiles(options.profiles)
    told = cost(params, utilisation=options.utilisation, findings=options.findings, own=options.radiographs)
    measured = _measured(params, told["flops"]["training_step"]) if options.measure else None
    if options.json:
        print(json.dumps(told | ({"measured": vars(measured)} if measured else {}), indent=1))
    else:
        print(text(" ".join(options.profiles) or "params.yaml", told, measured))


def _measured(params: Params, flops: float) -> Measured:
    """Measure with as many images as `pretrain` takes at once, fewer where a step would take long."""
    settings = params.pretrain
    number = settings.micro_batch or settings.batch_size
    return measure(params, max(1, min(number, int(MOST_FLOPS / flops))))


if __name__ == "__main__":
    run(main)
