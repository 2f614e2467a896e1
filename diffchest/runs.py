"""Go to the run of another branch: its parameters, reports, data and models, and nothing left of the run before.

    python -m diffchest.runs private/hospital   # to a run that was committed there
    python -m diffchest.runs main               # and back

`git switch` alone leaves `data/` and `models/` as they are, with tables of patients in them, and `dvc checkout` keeps
what the other run knows nothing of and fails for what was never computed here. Here every output of the run that is
left goes, once it is sure that DVC's cache holds it, so that coming back brings it again; then those of the other run
come, as far as the cache holds those. Files that no run made, such as `data/raw/`, are never touched.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from diffchest.errors import DataError
from diffchest.files.yaml import as_mapping, read_mapping
from diffchest.paths import DATA, MODELS
from diffchest.progress import run, summary
from diffchest.publishing import LOCK

CACHED = (DATA, MODELS)  # folders whose outputs DVC's cache holds; git has those of `reports/`


def outputs(lock: Path = LOCK) -> dict[Path, str]:
    """The outputs in `data/` and `models/` that `dvc.lock` names, with the MD5 of each; empty without a lock."""
    stages: dict[str, Any] = read_mapping(lock).get("stages") or {} if lock.is_file() else {}
    outs = (as_mapping(out, source=str(lock)) for stage in stages.values() for out in stage.get("outs") or [])
    return {path: out["md5"] for out in outs if (path := Path(out["path"])).parts[0] in [str(top) for top in CACHED]}


def go(branch: str) -> tuple[int, int]:
    """Switch to `branch` and its run; returns how many outputs are there, and how many are in no cache here.

    Raises `DataError`, and changes nothing, where a change of a tracked file is not committed, where the cache lacks an
    output that is here or holds another than the one that is here, and where git cannot switch.
    """
    if _run("git", "status", "--porcelain", "--untracked-files=no", "--", "."):
        raise DataError(
            "the run here is not committed, and would be lost: `git add params.yaml dvc.lock reports` and `git commit` "
            "keep it (of real radiographs on a branch `private/...`), `git restore .` drops it"
        )
    objects = Path(_run(sys.executable, "-m", "dvc", "cache", "dir")) / "files" / "md5"
    before = {path: _object(objects, digest).exists() for path, digest in outputs().items() if path.exists()}
    lost = [path for path, kept in before.items() if not kept and not (path.is_dir() and not any(path.iterdir()))]
    if lost:  # `dvc checkout` deletes what it put there, whether its cache still has it or not
        raise DataError(
            f"{lost[0]}{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}: DVC's cache does not hold it, so it "
            f"would be lost: `dvc commit {lost[0]}` keeps it as it is, or delete it"
        )
    said = json.loads(_run(sys.executable, "-m", "dvc", "data", "status", "--json"))
    changed = [str(path) for path in before if str(path) in said.get("uncommitted", {}).get("modified", [])]
    if changed:  # such as weights that were put in place of those of stage `pretrain`
        raise DataError(
            f"{', '.join(changed)}: not what dvc.lock says, and would be lost: `dvc commit {changed[0]}` and a commit "
            f"of dvc.lock keep it, `dvc checkout --force {changed[0]}` drops it"
        )
    _run("git", "switch", branch)
    for path in before:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    _run(sys.executable, "-m", "dvc", "checkout", "--quiet", "--allow-missing")
    after = outputs()
    return len(after), sum(not _object(objects, digest).exists() for digest in after.values())


def _object(objects: Path, digest: str) -> Path:
    return objects / digest[:2] / digest[2:]


def _run(*command: str) -> str:
    """What a command prints; `DataError` with what it says where it fails."""
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise DataError(f"{' '.join(command[-3:])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def main() -> None:
    """Command line: go to the run of a branch."""
    parser = argparse.ArgumentParser(prog="python -m diffchest.runs", description=str(__doc__).splitlines()[0])
    parser.add_argument("branch", help="a branch of git")
    branch = parser.parse_args().branch
    there, missing = go(branch)
    absent = f"; {missing} were never computed here, or are gone from the cache: `make repro` makes them"
    summary("runs", f"{branch}: its dvc.lock has {there} outputs in data/ and models/" + (absent if missing else ""))


if __name__ == "__main__":
    run(main)
