"""One finding, one spelling: names that differ by case or white space alone are no two findings."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping

from diffchest.errors import DataError


def same_name(name: str) -> str:
    """What spellings of one name have in common: case, the amount of white space, and how accents are stored."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()


def check_spellings(counts: Mapping[str, int], *, where: str, what: str = "findings") -> None:
    """Raise `DataError` when names differ by case or white space alone; `counts`: how often each of them occurs."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups[same_name(name)].append(name)
    several = [sorted(names, key=lambda name: (-counts[name], name)) for names in groups.values() if len(names) > 1]
    if several:
        told = "; ".join(", ".join(f"{name!r} ({counts[name]:,})" for name in names) for names in several[:5])
        raise DataError(
            f"{where}: {len(several)} {what} are spelled in several ways, which differ by case or white space alone "
            f"(with their counts): {told}; spell each in one way"
        )
