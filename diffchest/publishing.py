"""What must not be published by accident: reports of radiographs that are no phantoms.

    python -m diffchest.publishing             # what git runs before a commit: refuse it, or say nothing
    python -m diffchest.publishing --push      # ... and before a push, told on stdin what is pushed
    python -m diffchest.publishing --install   # let git run both (`make install` does); a hook of your own stays

Where a cohort is not drawn by the stage `phantom`, reports hold pictures and ids of real patients. Such a run is
committed on a branch `private/...` alone, and pushed never, from whatever branch. `reports.public` in `params.yaml`
says that they may be public. `--no-verify` is git's own way past any hook.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from diffchest.errors import DataError
from diffchest.files.yaml import as_mapping, parse_yaml, read_mapping
from diffchest.params.base import PARAMS_FILE
from diffchest.paths import PHANTOM, REPORTS
from diffchest.progress import notice, run

LOCK = Path("dvc.lock")
RATINGS = Path("ratings")
PRIVATE = "private/"  # how branches begin on which a run of real radiographs may be committed
OURS = "python -m diffchest.publishing"  # what a hook of ours says
PUSH = "--push"
NONE = set("0")  # characters of the hash that git gives for a branch that is not there
HOOKS = {
    "pre-commit": f"""#!/bin/sh
# No reports of real radiographs in a commit: {OURS}
if [ ! -x "{{python}}" ]; then
    git diff --cached --name-only | grep -qE '^(reports|ratings)/|^dvc[.]lock$|^params[.]yaml$' || exit 0
    echo "{{python}} is gone, so reports cannot be checked; run make install, or commit with --no-verify" >&2
    exit 1
fi
exec "{{python}}" -m diffchest.publishing
""",
    "pre-push": f"""#!/bin/sh
# No reports of real radiographs in a push: {OURS} {PUSH}
if [ ! -x "{{python}}" ]; then
    echo "{{python}} is gone, so what is pushed cannot be checked; run make install, or push with --no-verify" >&2
    exit 1
fi
exec "{{python}}" -m diffchest.publishing {PUSH} "$@"
""",
}


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
    back, the lock still says what reports were made from. A branch `private/...` takes them, while pushes are checked.
    """
    staged = [path for path in _git("diff", "--cached", "--name-only", "--diff-filter=ACMR", "-z").split("\0") if path]
    held = [path for path in staged if guarded(path)]
    if not held or (PARAMS_FILE.is_file() and _is_public(read_mapping(PARAMS_FILE))):
        return
    found = [name for text, source in _texts(PARAMS_FILE) for name in real_cohorts(_read(text, source))]
    found += [name for text, source in _texts(LOCK) for name in real_cohorts_of_lock(_read(text, source))]
    private = _git("symbolic-ref", "--short", "--quiet", "HEAD", missing="").startswith(PRIVATE)
    if not found or (private and _pushes_are_checked()):
        return
    places = dict.fromkeys(path.split("/")[0] for path in held)
    more = f" and {len(held) - 3} more" if len(held) > 3 else ""
    how = (
        f"nothing checks what is pushed from this branch: let `make install` write the hook, or add `{OURS} {PUSH}` to "
        "your own pre-push hook"
        if private
        else f"commit them on a branch that no push takes along (`git switch --create {PRIVATE}NAME`)"
    )
    raise DataError(
        f"not committed: {', '.join(held[:3])}{more}: made from radiographs that are no phantoms "
        f"({', '.join(dict.fromkeys(found))}), and may hold pictures and ids of patients\n{how}; or take them out "
        f"(`git restore --staged {' '.join(places)}`), or set reports.public to true in params.yaml where the data may "
        "be public"
    )


def check_push(pushed: Iterable[str], remote: str) -> None:
    """Raise `DataError` when a push would publish a run of radiographs that are no phantoms, on whatever branch.

    pushed: git's lines, `<local ref> <local hash> <remote ref> <hash there>`. Every commit that the remote has not, as
    far as is known here, is asked by its own `params.yaml` and `dvc.lock`: one that was merged, or undone by a later
    one, is published too.
    """
    asked: dict[tuple[str, str], list[str]] = {}
    for local, commit, _, there in (line.split() for line in pushed):
        if set(commit) == NONE:
            continue  # a branch is deleted there
        known = [] if set(there) == NONE or _git("cat-file", "-t", there, missing="") == "" else [there]
        known += [f"--remotes={remote}"] if remote else []
        new = ["rev-list", "--full-history", commit, "--not", *known, "--"]
        for each in _git(*new, str(PARAMS_FILE), str(LOCK), str(REPORTS), str(RATINGS)).split():
            texts = (_git("show", f"{each}:{PARAMS_FILE}", missing=""), _git("show", f"{each}:{LOCK}", missing=""))
            if texts not in asked:
                asked[texts] = _real_in(*texts, source=each[:10])
            if asked[texts]:
                raise DataError(
                    f"not pushed: {local} has commit {each[:10]}, whose reports are made from radiographs that are no "
                    f"phantoms ({', '.join(asked[texts])}), and may hold pictures and ids of patients\n"
                    f"push a branch that does not have this commit; runs of patients stay on branches {PRIVATE}..., "
                    "which are neither merged nor pushed (docs/experiments.md)"
                )


def _real_in(params: str, lock: str, *, source: str) -> list[str]:
    """The cohorts of one commit that are not drawn and may not be public."""
    said = _read(params, f"{PARAMS_FILE} of {source}") if params else {}
    if _is_public(said):
        return []
    run_of = _read(lock, f"{LOCK} of {source}") if lock else {}
    return list(dict.fromkeys([*real_cohorts(said), *real_cohorts_of_lock(run_of)]))


def tell(params: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> None:
    """Say where a run of real radiographs is kept, and where it must not go; nothing of phantoms."""
    real = real_cohorts(params)
    if not real or _is_public(params):
        return
    notice(
        f"{', '.join(real)}: no phantoms, so {REPORTS}/ may hold pictures and ids of patients: commit it on a branch "
        f"{PRIVATE}... alone, and do not push it (docs/experiments.md; git refuses both after `make install`)"
    )
    if "DVC_EXP_BASELINE_REV" in environment:  # DVC sets it for the stages of an experiment
        notice(
            "`dvc exp run` puts these pictures and ids into git's objects (refs/exps), where no hook looks: do not "
            "`dvc exp push` them; `dvc exp remove`, `git reflog expire --expire=now --all` and `git gc --prune=now` "
            "delete them. `dvc repro` on a private branch makes none"
        )


def install() -> None:
    """Let git run both checks; without a repository nothing, and hooks of the user's own stay."""
    try:
        hooks, own = Path(_git("rev-parse", "--git-path", "hooks").strip()), _git("config", "--get", "core.hooksPath")
    except DataError:
        return
    for name, script in HOOKS.items():
        hook, command = hooks / name, f"{OURS} {PUSH}" if name == "pre-push" else OURS
        if own.strip() or (hook.exists() and OURS not in hook.read_text(encoding="utf-8", errors="replace")):
            notice(f"{hook} is yours and stays; add `{command}` to it, so that no report of real patients is published")
            continue
        hooks.mkdir(parents=True, exist_ok=True)
        hook.write_text(script.format(python=sys.executable), encoding="utf-8")
        hook.chmod(0o755)


def _pushes_are_checked() -> bool:
    hook = Path(_git("rev-parse", "--git-path", "hooks/pre-push").strip())
    return os.access(hook, os.X_OK) and f"publishing {PUSH}" in hook.read_text(encoding="utf-8", errors="replace")


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
    """Command line: check what is staged or pushed, or install the hooks that do."""
    parser = argparse.ArgumentParser(prog="python -m diffchest.publishing", description=str(__doc__).splitlines()[0])
    parser.add_argument("--install", action="store_true", help="let git run this before each commit and each push")
    parser.add_argument(PUSH, action="store_true", help="check what git says on stdin that it pushes")
    parser.add_argument("remote", nargs="*", help="name and address of where it is pushed to, as git gives them")
    options = parser.parse_args()
    if options.install:
        install()
    elif options.push:
        check_push(sys.stdin, options.remote[0] if options.remote else "")
    else:
        check_commit()


if __name__ == "__main__":
    run(main)
