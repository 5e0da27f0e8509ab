"""What can go wrong, said in one sentence: what it was, the value, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence


class HearseeError(Exception):
    """Base of every error a user may see; `str()` of it is the whole message, one line.

    `details`: lines that a person may read below it, where values are too many for one.
    """

    def __init__(self, message: str = "", *, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        for line in details:  # notes: a traceback shows them too
            self.add_note(line)

    @property
    def details(self) -> tuple[str, ...]:
        return tuple(getattr(self, "__notes__", ()))


class NotFound(HearseeError):
    """A file, library, item or space that is not there."""


class BadInput(HearseeError):
    """A query, filter, setting or table that cannot be understood."""


class BadMedia(HearseeError):
    """Media that is refused or cannot be decoded; its reason goes into quarantine."""


class Refused(HearseeError):
    """Vectors of another tower, or a library of another space (the embedding contract)."""


class Busy(HearseeError):
    """The library is being written by another process."""


class Damaged(HearseeError):
    """A stored file that is not what the catalog says it is."""
