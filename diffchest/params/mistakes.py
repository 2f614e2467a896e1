"""What is wrong in `params.yaml`, in words: the key, what was found, what was expected, what may have been meant."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from diffchest.files.yaml import shown
from diffchest.near_names import near_names

QUOTE = "'"
NUMERIC = re.compile(r"^\s*[+-]?[0-9]")
KEY_CUTOFF = 0.7  # keys are short
UNKNOWN = "unknown key"
FEW = 3  # unknown keys of one section that are told one by one
KINDS = {
    "string_type": "a text",
    "list_type": "a list, such as [one, two]",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "model_type": "keys and values below it",
    "model_attributes_type": "keys and values below it",
    "dict_type": "keys and values below it",
}


def mistakes(error: ValidationError, raw: Any, keys: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """A line for each key that is wrong.

    raw: what was checked; keys: what its fields are called in the file, by name; known: the names of all keys that
    there are. A value that may be of several types has one line, which says what all of them expect.
    """
    names = set(known)
    told: dict[str, list[str]] = {}
    expected: dict[str, dict[str, list[str]]] = {}  # by key and what was found there
    hints: dict[str, str] = {}
    for problem in error.errors():
        kept = _keys_alone(problem["loc"], raw)
        first, *rest = kept or [""]
        key = ".".join([keys.get(first, first), *rest]) or "(whole file)"
        text = _told(problem, kept, names)
        if isinstance(text, tuple):
            key, text = f"{key}.{text[0]}", text[1]
        if text:
            told.setdefault(key, []).append(text)
        else:
            found = shown(problem["input"])
            expected.setdefault(key, {}).setdefault(found, []).append(_expected(problem))
            hints[key] = hints.get(key) or _hint(problem)
    for key, by_value in expected.items():
        several = len(next(iter(by_value.values()))) > 1
        for found, kinds in by_value.items():
            text = f"expected {' or '.join(dict.fromkeys(kinds))}, found {found}"
            told.setdefault(key, []).append(text + (hints[key] if not several or "did you mean" in hints[key] else ""))
    return [f"  {key}: {', or '.join(dict.fromkeys(texts))}" for key, texts in _together(told).items()]


def _together(told: dict[str, list[str]]) -> dict[str, list[str]]:
    """`told` with one line instead of many for a section whose keys are those of another one."""
    unknown: dict[str, list[str]] = {}
    for key, texts in told.items():
        if texts[0].startswith(UNKNOWN):
            section, _, name = key.rpartition(".")
            unknown.setdefault(section or "(whole file)", []).append(name)
    many = {section: names for section, names in unknown.items() if len(names) > FEW}
    lines = {
        section: [f"{len(names)} unknown keys ({', '.join(names[:FEW])}, ...); check its `format` or kind, and indents"]
        for section, names in many.items()
    }
    return lines | {
        key: texts
        for key, texts in told.items()
        if not texts[0].startswith(UNKNOWN) or (key.rpartition(".")[0] or "(whole file)") not in many
    }


def _told(problem: Any, kept: Sequence[str], names: set[str]) -> str | tuple[str, str]:
    """What a problem is where it is no matter of a value's type, else ""; a pair: the key below it comes first."""
    ctx = problem.get("ctx", {})
    match problem["type"]:
        case "extra_forbidden":
            near = near_names(kept[-1], names - {kept[-1]}, most=1, cutoff=KEY_CUTOFF)
            todo = f"did you mean `{near[0]}`?" if near else "check its spelling against params.yaml in git"
            return f"{UNKNOWN} (found {shown(problem['input'])}); {todo}"
        case "missing":
            return "missing; add it"
        case "union_tag_not_found":
            return ctx["discriminator"].strip(QUOTE), "missing; add it"
        case "union_tag_invalid":
            key, possible = ctx["discriminator"].strip(QUOTE), _named(ctx["expected_tags"])
            found = problem["input"].get(key) if isinstance(problem["input"], Mapping) else ctx["tag"]
            return key, f"expected {ctx['expected_tags']}, found {shown(found)}{_near(found, possible)}"
        case "value_error":
            return str(ctx["error"])
    return ""


def _expected(problem: Any) -> str:
    """What a value should have been."""
    if problem["type"] in KINDS:
        return KINDS[problem["type"]]
    if problem["type"] == "literal_error":
        return problem["ctx"]["expected"]
    ctx = problem.get("ctx", {})
    match problem["type"]:
        case "too_short":
            return f"a list of at least {ctx['min_length']} item(s)"
        case "too_long":
            return f"a list of at most {ctx['max_length']} item(s)"
        case "string_too_long":
            return f"a text of at most {ctx['max_length']} character(s)"
        case "string_too_short":
            return f"a text of at least {ctx['min_length']} character(s)"
        case "string_pattern_mismatch":
            return (
                "a text with a letter or digit" if ctx["pattern"] == r"\w" else f"a text of the form {ctx['pattern']}"
            )
    return re.sub(r"^Input should be (?=greater|less)", "a number ", problem["msg"]).removeprefix("Input should be ")


def _hint(problem: Any) -> str:
    """What to do about a near value, and about a number or a yes that YAML takes for text."""
    found = problem["input"]
    if problem["type"] == "literal_error":
        return _near(found, _named(problem["ctx"]["expected"]))
    if isinstance(found, str) and problem["type"].startswith(("int_", "float_")):
        return " (a text: write it without quotation marks and with a decimal point)" if NUMERIC.search(found) else ""
    if problem["type"] == "bool_type":
        return " (write true or false, without quotation marks)"
    if isinstance(found, bool | int | float) and problem["type"] == "string_type":
        return f" (write {QUOTE}{shown(found)}{QUOTE}, in quotation marks)"
    return f" (write [{found}], in brackets)" if problem["type"] == "list_type" and isinstance(found, str) else ""


def _named(listed: str) -> list[str]:
    """The values in a text like `'a', 'b' or 'c'`."""
    return re.findall(r"'([^']*)'", listed)


def _near(found: Any, possible: Sequence[str]) -> str:
    near = near_names(found, possible, most=1) if isinstance(found, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _keys_alone(location: Sequence[Any], raw: Any) -> list[str]:
    """A problem's location without what pydantic adds to it: which of several possible types it tried.

    A section whose `format` decides its type has the format in the location, which may be one of its keys, too.
    """
    kept: list[str] = []
    decided: list[Any] = []
    for number, part in enumerate(location, start=1):
        if isinstance(raw, Mapping) and raw.get("format") == part and not any(raw is known for known in decided):
            decided.append(raw)
            continue
        if isinstance(raw, Mapping) and (part in raw or number == len(location)):
            raw = raw.get(part)
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            continue
        kept.append(str(part))
    return kept
