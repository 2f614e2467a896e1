"""Apply profiles: merge `profiles/<name>.yaml`, which holds only what differs, into the committed `params.yaml`.

    python -m diffchest.profiles               # list them, and what params.yaml holds now
    python -m diffchest.profiles smoke         # the committed params.yaml with the values of smoke
    python -m diffchest.profiles smoke mine    # ... and those of mine on top
    python -m diffchest.profiles default       # the committed params.yaml again
    python -m diffchest.profiles new ward --table folder/index.csv   # write profiles/ward.yaml for such radiographs

A mapping is merged key by key; anything else (numbers, lists) is replaced. Comments of `params.yaml` stay. Nothing is
written unless the result is valid. Profiles never stack from one call to the next: each begins with `params.yaml` of
the last commit that holds no profile (a run on a branch of its own may be committed with one), or, without git, as it
was before the first. Values that were changed by hand since then are told,
and nothing is written until `--keep` or `--discard` says what is to become of them.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from diffchest.errors import DataError
from diffchest.files.whole import whole
from diffchest.files.yaml import as_mapping, editable, editable_text, parse_yaml, read_mapping, read_text, shown
from diffchest.own_profile.filling import UNFILLED, new_profile, unfilled
from diffchest.params.base import PARAMS_FILE, ParamsError
from diffchest.params.whole import Params
from diffchest.paths import RUNS
from diffchest.progress import notice, run, summary

PROFILES = Path("profiles")
DEFAULT = "default"
NEW = "new"
WRITTEN = RUNS / "profiles" / "written.json"  # the values that this command wrote: others were changed by hand
BEFORE = RUNS / "profiles" / "before.yaml"  # without git: params.yaml before the first profile
NAMED = "# Values of profile"  # how the first line of params.yaml begins while profiles are in it
LISTED = 12  # values that a message lists
GONE = "(removed)"

Own = Literal["refuse", "keep", "discard"]
Changes = Mapping[tuple[str, ...], tuple[Any, Any]]


@dataclass(frozen=True)
class Base:
    """What profiles are merged into: the text of `params.yaml`, and what messages call it."""

    text: str
    name: str


def merge(base: MutableMapping[str, Any], overlay: Mapping[str, Any]) -> None:
    """Merge `overlay` into `base` in place, mapping by mapping; other values are replaced."""
    for key, value in overlay.items():
        old = base.get(key)
        if isinstance(value, Mapping) and isinstance(old, MutableMapping):
            merge(old, value)
        else:
            base[key] = value


def apply_profiles(profiles: Sequence[Path], params: Path = PARAMS_FILE, *, own: Own = "refuse") -> Base:
    """Make `params` the committed one with `profiles` merged into it in this order; none: the committed one alone.

    `own`: what becomes of values that were changed by hand: `keep` puts them on top, `discard` drops them. Returns
    what the profiles were merged into. Raises `DataError`, and leaves `params` as it is, when
    there are such values and `own` is `refuse`, when a profile cannot be read, and when the result is not valid.
    """
    base = base_of(params)
    merged = editable(base.text, source=base.name)
    changes: Changes = _by_hand(params, base, merged) if own != "discard" else {}
    if changes and own == "refuse":
        raise ParamsError(_told(changes, params))
    _merge_files(merged, profiles)
    ours = json.dumps(merged, ensure_ascii=False, default=str)
    for keys, (now, _) in changes.items():
        _put(merged, keys, now)
    text = editable_text(merged) if profiles or changes else base.text
    names = " with ".join([base.name, *map(str, profiles)]) + (" and the values changed by hand" if changes else "")
    Params.parse(as_mapping(parse_yaml(text, source=names), source=names), source=names)
    _write(params, _header(text, profiles), ours=ours, base=base, default=not profiles)
    return base


def with_profiles(names: Sequence[str], params: Path = PARAMS_FILE) -> Params:
    """What `params` would be with these profiles, while nothing is written; of none, `params` as it is.

    Raises `DataError` as `apply_profiles`.
    """
    if not names:
        return Params.load(params)
    base, profiles = base_of(params), [PROFILES / f"{name}.yaml" for name in names if name != DEFAULT]
    merged = editable(base.text, source=base.name)
    _merge_files(merged, profiles)
    named = " with ".join([base.name, *map(str, profiles)])
    return Params.parse(as_mapping(parse_yaml(editable_text(merged), source=named), source=named), source=named)


def _merge_files(merged: MutableMapping[str, Any], profiles: Sequence[Path]) -> None:
    """Merge profiles into `merged`; `ParamsError` for one that is not there or not filled in."""
    for profile in profiles:
        if not profile.is_file():
            known = ", ".join(sorted(path.stem for path in profile.parent.glob("*.yaml"))) or "none"
            raise ParamsError(f"{profile}: no such profile (there are: {known})")
        overlay = read_mapping(profile)
        if waiting := unfilled(overlay):
            raise ParamsError(
                f"{profile}: {len(waiting)} value(s) are still {UNFILLED}: {', '.join(waiting)}; write what is meant, "
                "as the comment beside each says"
            )
        merge(merged, overlay)


def base_of(params: Path) -> Base:
    """`params` of the last commit without a profile, or without git as it was before the first profile.

    Raises `ParamsError` when there is neither and it holds a profile.
    """
    committed = _committed(params)
    if committed is not None:
        return Base(committed, f"{params} of the last commit without a profile")
    before = params.parent / BEFORE
    if before.is_file():
        return Base(read_text(before), f"{params} as it was before the first profile ({before})")
    text = read_text(params)
    if text.startswith(NAMED):
        raise ParamsError(
            f"{params}: holds a profile already ({text.splitlines()[0].lstrip('# ')}), and what it was before is in "
            f"neither git nor {before}; put the params.yaml of the download in its place"
        )
    return Base(text, f"{params} as it is (no commit of git has it)")


def by_hand(params: Path = PARAMS_FILE) -> list[str]:
    """The keys of `params` that neither its last commit nor the profiles in it explain."""
    base = base_of(params)
    return [".".join(keys) for keys in _by_hand(params, base, parse_yaml(base.text, source=base.name))]


def _committed(params: Path) -> str | None:
    """The text of `params` in the last commit that has it without a profile, or, where all have one, in the last.

    None without git, a repository, a commit, or `params` in it.
    """
    if shutil.which("git") is None or not params.parent.is_dir():
        return None
    last = _git(params, "show", f"HEAD:./{params.name}")
    if last is None or not last.startswith(NAMED):
        return last
    for commit in (_git(params, "rev-list", "HEAD", "--", params.name) or "").split():
        text = _git(params, "show", f"{commit}:./{params.name}")
        if text is not None and not text.startswith(NAMED):
            return text
    return last


def _git(params: Path, *command: str) -> str | None:
    """What git prints in the folder of `params`; None where it fails."""
    done = subprocess.run(["git", *command], cwd=params.parent, capture_output=True, check=False)
    return None if done.returncode else done.stdout.decode("utf-8", errors="replace")


def _by_hand(params: Path, base: Base, values: Any) -> Changes:
    """What was changed by hand: by key, the value now and before; `GONE` for none. values: those of `base`."""
    if not params.exists() or read_text(params) == base.text:
        return {}
    now, before = _leaves(read_mapping(params)), _leaves(values)
    written = params.parent / WRITTEN
    ours = _leaves(json.loads(read_text(written))) if written.is_file() else before
    keys = [*now, *(keys for keys in ours if not any(other[: len(keys)] == keys for other in now))]
    found = {key: (now.get(key, GONE), ours.get(key, GONE)) for key in keys}
    return {key: (new, old) for key, (new, old) in found.items() if new not in (old, before.get(key, GONE))}


def _leaves(content: Any, keys: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every value that is no mapping, or an empty one, by its keys."""
    if not isinstance(content, Mapping) or not content:
        return {keys: content}
    return {inner: leaf for key, value in content.items() for inner, leaf in _leaves(value, (*keys, str(key))).items()}


def _put(content: MutableMapping[str, Any], keys: tuple[str, ...], value: Any) -> None:
    """Set or, for `GONE`, remove a value by its keys, and a section that this leaves empty."""
    first, *rest = keys
    if not rest and value is GONE:
        content.pop(first, None)
    elif not rest:
        content[first] = value
    else:
        if not isinstance(content.get(first), MutableMapping):
            content[first] = {}
        _put(content[first], tuple(rest), value)
        if value is GONE and not content[first]:
            del content[first]


def _told(changes: Changes, params: Path) -> str:
    lines = [f"{params}: {len(changes)} value(s) were changed by hand and would be lost:"]
    for keys, (new, old) in list(changes.items())[:LISTED]:
        now, instead = (value if value is GONE else shown(value) for value in (new, old))
        lines.append(f"  {'.'.join(keys)}: {now}" + ("" if old is GONE else f", instead of {instead}"))
    if len(changes) > LISTED:
        lines.append(f"  and {len(changes) - LISTED} more")
    return "\n".join([*lines, "say --keep to have them on top of the profile, or --discard to drop them"])


def _header(text: str, profiles: Sequence[Path]) -> str:
    """`text` with a first line that says which profiles are in it, if any are."""
    if not profiles:
        return text
    names = ", ".join(path.stem for path in profiles)
    undo = f"`python -m diffchest.profiles {DEFAULT}` takes them back"
    return f"{NAMED}{'s' if len(profiles) > 1 else ''} {names}; {undo}\n{text}"


def _write(params: Path, text: str, *, ours: str, base: Base, default: bool) -> None:
    """Write `params`, and what the next call has to know: `ours` without what was changed by hand, and the base."""
    folder = params.parent / WRITTEN.parent
    if _committed(params) is None and not default:
        _write_text(params.parent / BEFORE, base.text)
    if not default:
        _write_text(params.parent / WRITTEN, ours)
    _write_text(params, text)
    if default:
        shutil.rmtree(folder, ignore_errors=True)


def _write_text(path: Path, text: str) -> None:
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _list(params: Path = PARAMS_FILE) -> None:
    """Print the profiles, and what `params` holds."""
    for path in sorted(PROFILES.glob("*.yaml")):
        first = read_text(path).partition("\n")[0]
        print(f"{path.stem:12} {first.lstrip('# ')}")
    print(f"{DEFAULT:12} params.yaml of the last commit that has it without a profile")
    if params.is_file():
        first = read_text(params).partition("\n")[0]
        print(f"\nparams.yaml: {first.lstrip('# ') if first.startswith(NAMED) else 'no profile'}")
        print(f"changed by hand: {', '.join(by_hand(params)) or 'nothing'}")


def write_new(arguments: Sequence[str]) -> None:
    """Command line of `new`: write a profile for radiographs of one's own; never over another file."""
    parser = argparse.ArgumentParser(
        prog=f"python -m diffchest.profiles {NEW}", description="Write a profile for radiographs of your own."
    )
    parser.add_argument("name", help="of the profile and of its cohort")
    parser.add_argument("--table", type=Path, help="the table of the radiographs, in the folder that holds them all")
    options = parser.parse_args(arguments)
    path = PROFILES / f"{options.name}.yaml"
    if options.name in (NEW, DEFAULT):
        raise DataError(f"{options.name!r} is a word of this command; give the profile another name")
    text = new_profile(options.name, options.table)
    if path.exists():
        raise DataError(f"{path}: is there already, and is not written over; take another name, or delete it")
    _write_text(path, text)
    waiting = unfilled(read_mapping(path))
    todo = f"fill in {', '.join(waiting)}" if waiting else "read it"
    summary("profiles", f"{path} is written; {todo}, then run `python -m diffchest.profiles {options.name}`")


def main() -> None:
    """Command line: list profiles, apply those named, or write a new one."""
    if sys.argv[1:2] == [NEW]:
        write_new(sys.argv[2:])
        return
    summary_line = "Apply profiles to the committed params.yaml."
    parser = argparse.ArgumentParser(prog="python -m diffchest.profiles", description=summary_line)
    parser.add_argument(
        "names",
        nargs="*",
        help=f"profiles, merged in this order; {DEFAULT}: none; {NEW} NAME: write one; none: list them",
    )
    own = parser.add_mutually_exclusive_group()
    own.add_argument("--keep", action="store_const", const="keep", dest="own", help="values changed by hand go on top")
    own.add_argument("--discard", action="store_const", const="discard", dest="own", help="... or are dropped")
    options = parser.parse_args()
    if not options.names:
        _list()
        return
    if DEFAULT in options.names and len(options.names) > 1:
        raise DataError(f"`{DEFAULT}` takes every profile back; name it alone")
    names = [name for name in options.names if name != DEFAULT]
    base = apply_profiles([PROFILES / f"{name}.yaml" for name in names], own=options.own or "refuse")
    if base.text.startswith(NAMED):
        notice(f"every commit of params.yaml holds a profile ({base.text.splitlines()[0].lstrip('# ')})")
    added = f" with {' and then '.join(names)}" if names else ""
    undo = f"; `python -m diffchest.profiles {DEFAULT}` takes it back" if names else ""
    summary("profiles", f"params.yaml is {base.name}{added}; run `make repro`{undo}")


if __name__ == "__main__":
    run(main)
