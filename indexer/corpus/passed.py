"""Files that are neither pictures nor sounds nor texts: counted by their endings, so that nobody misses them unsaid."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

MOST_ENDINGS = 100  # told apart; names are made by others
MOST_CHARACTERS = 12  # a longer ending is part of a name
OTHER, NONE = "other", "no ending"
SHOWN = 5


class Passed(Counter[str]):
    """How many files were passed over, by ending."""

    def note(self, name: str) -> None:
        ending = PurePosixPath(name).suffix.lower() or NONE
        plain = len(ending) <= MOST_CHARACTERS and ending.isprintable()
        self[ending if plain and (ending in self or len(self) < MOST_ENDINGS) else OTHER] += 1


def said_of(passed: Counter[str]) -> str:
    """Such as "3 files of other kinds passed over (.heic 2, .pdf 1)"; nothing where there are none."""
    total = passed.total()
    if not total:
        return ""
    first = sorted(passed.items(), key=lambda one: (-one[1], one[0]))
    kinds = [f"{ending} {files:,}" for ending, files in first[:SHOWN]]
    rest = sum(files for _, files in first[SHOWN:])
    kinds += [f"others {rest:,}"] if rest else []
    several = "files of other kinds" if total > 1 else "file of another kind"
    return f"{total:,} {several} passed over ({', '.join(kinds)})"
