"""Why ids of two tables do not match: what they would be equal up to."""

from collections.abc import Callable, Collection

UP_TO: dict[str, Callable[[str], str]] = {  # the mildest first
    "a `.0` at the end (numbers that a program took for fractions; write them as text)": (
        lambda name: name.removesuffix(".0")
    ),
    "leading zeros (numbers against text; write the ids as text)": (
        lambda name: name.lstrip("0") or "0" if name.isdigit() else name
    ),
    "case": str.casefold,
    "the suffix of a file": lambda name: name.rpartition(".")[0] if "." in name.rpartition("/")[2] else name,
    "a folder or a dataset's name before them": lambda name: name.rpartition("/")[2],
    "a folder before and a suffix behind": lambda name: name.rpartition("/")[2].partition(".")[0],
    "blanks, dashes and underscores": lambda name: "".join(mark for mark in name.casefold() if mark.isalnum()),
}


def equal_up_to(found: Collection[str], wanted: Collection[str]) -> str:
    """What ids of `found` and `wanted`, none of which are equal, differ by alone, with a pair of them; "" if nothing.

    Both are to be those that have no partner.
    """
    for what, plain in UP_TO.items():
        theirs = {plain(name): name for name in reversed(list(found))}
        pairs = [(theirs[plain(name)], name) for name in wanted if plain(name) in theirs]
        if pairs:
            return f"{len(pairs)} of them are equal up to {what}: {pairs[0][0]!r} and {pairs[0][1]!r}"
    return ""
