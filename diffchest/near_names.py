"""Names that a misspelt one may have meant, for messages."""

import difflib
import unicodedata
from collections.abc import Iterable

LISTED = 10  # names that a message lists where none is near


def near_names(name: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6) -> list[str]:
    """Those of `known` that `name` may have meant, the nearest first; case, accents and ß or ss make no difference.

    cutoff: how much alike they must be, from 0 to 1: equal (`difflib`).
    """
    folded: dict[str, list[str]] = {}
    for one in known:
        folded.setdefault(_folded(one), []).append(one)
    close = difflib.get_close_matches(_folded(name), folded, n=most, cutoff=cutoff)
    return [one for spelling in close for one in folded[spelling]][:most]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x' or 'y'?`, or where none is near, which names there are."""
    names = list(known)
    near = near_names(name, names)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"there are {', '.join(map(repr, names[:LISTED]))}{more}" if names else "there are none"


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(mark for mark in plain if not unicodedata.combining(mark)).split())
