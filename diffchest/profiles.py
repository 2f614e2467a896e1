"""Apply a profile: merge `profiles/<name>.yaml`, which holds only the values that differ, into `params.yaml`.

    python -m diffchest.profiles            # list the profiles
    python -m diffchest.profiles smoke      # apply one; `git checkout params.yaml` undoes it

A mapping is merged key by key; anything else (numbers, lists) is replaced. Comments of `params.yaml` stay. Nothing is
written unless the result is valid.
"""

import argparse
import io
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from diffchest.files.whole import whole
from diffchest.params.base import PARAMS_FILE, ParamsError
from diffchest.params.whole import Params

PROFILES = Path("profiles")


def merge(base: MutableMapping[str, Any], overlay: MutableMapping[str, Any]) -> None:
    """Merge `overlay` into `base` in place, mapping by mapping; other values are replaced."""
    for key, value in overlay.items():
        old = base.get(key)
        if isinstance(value, MutableMapping) and isinstance(old, MutableMapping):
            merge(old, value)
        else:
            base[key] = value


def apply_profile(profile: Path, params: Path = PARAMS_FILE) -> None:
    """Merge `profile` into `params` and write it back atomically.

    Raises `ParamsError` when the profile does not exist or the merged parameters are not valid; `params` is then
    unchanged.
    """
    if not profile.is_file():
        known = ", ".join(sorted(path.stem for path in profile.parent.glob("*.yaml"))) or "none"
        raise ParamsError(f"{profile}: no such profile (there are: {known})")
    yaml = YAML()
    yaml.width = 120
    yaml.preserve_quotes = True
    merged = yaml.load(params)
    merge(merged, yaml.load(profile) or {})
    text = io.StringIO()
    yaml.dump(merged, text)
    Params.parse(YAML(typ="safe").load(text.getvalue()), source=f"{params} with {profile}")
    with whole(params) as partial:
        partial.write_text(text.getvalue())


def main() -> None:
    """Command line: list profiles, or apply the one named."""
    parser = argparse.ArgumentParser(prog="python -m diffchest.profiles", description="Apply a profile to params.yaml.")
    parser.add_argument("name", nargs="?", help="profile to apply; without it, list them")
    name = parser.parse_args().name
    if name is None:
        for path in sorted(PROFILES.glob("*.yaml")):
            lines = path.read_text().splitlines()
            print(f"{path.stem:12} {lines[0].lstrip('# ') if lines else ''}")
        return
    try:
        apply_profile(PROFILES / f"{name}.yaml")
    except ParamsError as error:
        sys.exit(str(error))
    print(f"params.yaml now has {PROFILES / name}.yaml; run `make repro`. `git checkout params.yaml` undoes it.")


if __name__ == "__main__":
    main()
