"""What must not be committed by accident: reports of radiographs that are no phantoms.

    python -m diffchest.publishing             # what git runs before a commit: refuse it, or say nothing
    python -m diffchest.publishing --install   # let git run it (`make install` does); a hook of your own stays

Where a cohort is not drawn by the stage `phantom`, reports hold pictures and ids of real patients. `reports.public` in
`params.yaml` says that they may be public. `git commit --no-verify` is git's own way past any hook.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diffchest.errors import DataError
from diffchest.files.yaml import as_mapping, parse_yaml, read_mapping
from diffchest.params.base import PARAMS_FILE
from diffchest.paths import PHANTOM, REPORTS
from diffchest.progress import notice, run

LOCK = Path("dvc.lock")
RATINGS = Path("ratings")
HOOK = "pre-commit"
OURS = "python -m diffchest.publishing"  # what a hook of ours says
SCRIPT = f"""#!/bin/sh
# No reports of real radiographs in a commit: {OURS}
if [ ! -x "{{python}}" ]; then
    git diff --cached --name-only | grep -qE '^(reports|ratings)/|^dvc[.]lock$|^params[.]yaml$' || exit 0
    echo "{{python}} is gone, so reports cannot be checked; run make install, or commit with --no-verify" >&2
    exit 1
fi
exec "{{python}}" -m diffchest.publishing
"""


def real_cohorts(params: Mapping[str, Any]) -> list[str]:
    """The cohorts of a parameter file that take part and that the stage `phantom` does not draw."""
    cohorts, drawn = params.get("cohorts") or {}, (params.get("phantom") or {}).get("datasets") or []
    return [name for name in cohorts.get("datasets") or [] if not _is_drawn(name, cohorts.get(name) or {}, drawn)]


def real_cohorts_of_lock(lock: Mapping[str, Any]) -> list[str]:
    """The cohorts that `dvc.lock` says the last run read, and that were not drawn."""
    said = {
        name: (stage.get("params") or {}).get(str(PARAMS_FILE), {})
        for name, stage in (lock.get("stages") or {}).items()
    }
    drawn = said.get("phantom", {}).get("phantom", {}).get("datasets") or []
    read = {name.partition("@")[2]: keys for name, keys in said.items() if name.startswith("ingest@")}
    return [name for name, keys in read.items() if not _is_drawn(name, keys.get(f"cohorts.{name}") or {}, drawn)]


def _is_drawn(name: str, section: Mapping[str, Any], drawn: Sequence[str]) -> bool:
    return name in drawn and os.path.abspath(section.get("root", "")) == os.path.abspath(PHANTOM / name)


def guarded(path: str) -> bool:
    """Whether a file of the repository may hold pictures, ids or numbers of the radiographs."""
    inside = path.startswith((f"{REPORTS}/", f"{RATINGS}/")) and path != f"{RATINGS}/README.md"
    return inside or path in (str(LOCK), str(PARAMS_FILE))


def check_commit() -> None:
    """Raise `DataError` when what is about to be committed comes from radiographs that are no phantoms.

    Asked are `params.yaml` and `dvc.lock`, both as they are and as they would be committed: after a profile was taken
    back, the lock still says what reports were made from.
    """
    staged = [path for path in _git("diff", "--cached", "--name-only", "--diff-filter=ACMR", "-z").split("\0") if path]
    held = [path for path in staged if guarded(path)]
    if not held or (PARAMS_FILE.is_file() and _is_public(read_mapping(PARAMS_FILE))):
        return
    found = [name for text, source in _texts(PARAMS_FILE) for name in real_cohorts(_read(text, source))]
    found += [name for text, source in _texts(LOCK) for name in real_cohorts_of_lock(_read(text, source))]
    if found:
        places = dict.fromkeys(path.split("/")[0] for path in held)
        more = f" and {len(held) - 3} more" if len(held) > 3 else ""
        raise DataError(
            f"not committed: {', '.join(held[:3])}{more}: made from radiographs that are no phantoms "
            f"({', '.join(dict.fromkeys(found))}), and may hold pictures and ids of patients\n"
            f"take them out (`git restore --staged {' '.join(places)}`), or set reports.public to true in params.yaml "
            "where the data may be public"
        )


def tell(params: Mapping[str, Any]) -> None:
    """Say that reports must not be committed, where that is so."""
    real = real_cohorts(params)
    if real and not _is_public(params):
        notice(
            f"{', '.join(real)}: no phantoms, so {REPORTS}/ may hold pictures and ids of patients: do not commit it "
            "(`reports.public` in params.yaml; git refuses it after `make install`)"
        )


def install() -> None:
    """Let git run `check_commit` before each commit; without a repository nothing, and hooks of the user's own stay."""
    try:
        hooks, own = Path(_git("rev-parse", "--git-path", "hooks").strip()), _git("config", "--get", "core.hooksPath")
    except DataError:
        return
    hook = hooks / HOOK
    if own.strip() or (hook.exists() and OURS not in hook.read_text(encoding="utf-8", errors="replace")):
        notice(f"{hook} is yours and stays; add `{OURS}` to it, so that no report of real patients is committed")
        return
    hooks.mkdir(parents=True, exist_ok=True)
    hook.write_text(SCRIPT.format(python=sys.executable), encoding="utf-8")
    hook.chmod(0o755)


def _is_public(params: Mapping[str, Any]) -> bool:
    return (params.get("reports") or {}).get("public") is True


def _read(text: str, source: str) -> dict[str, Any]:
    return as_mapping(parse_yaml(text, source=source), source=source)


def _texts(path: Path) -> list[tuple[str, str]]:
    """A file as it is and, where that is another, as it would be committed, with what messages call it."""
    now = [(path.read_text(encoding="utf-8"), str(path))] if path.is_file() else []
    staged = _git("show", f":{path}", missing="")
    return now + ([(staged, f"{path} as staged")] if staged and staged not in [text for text, _ in now] else [])


def _git(*arguments: str, missing: str | None = None) -> str:
    """What git prints; where it fails, `missing`, or `DataError` without it. `git config` fails for what is not set."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, encoding="utf-8", errors="replace", check=False)
    except FileNotFoundError:
        raise DataError("git is not installed") from None
    if done.returncode and missing is None and arguments[0] != "config":
        raise DataError(f"git {arguments[0]}: {done.stderr.strip()}")
    return missing if done.returncode and missing is not None else done.stdout


def main() -> None:
    """Command line: check what is staged, or install the hook that does."""
    parser = argparse.ArgumentParser(prog="python -m diffchest.publishing", description=str(__doc__).splitlines()[0])
    parser.add_argument("--install", action="store_true", help="let git run this before each commit")
    install() if parser.parse_args().install else check_commit()


if __name__ == "__main__":
    run(main)
