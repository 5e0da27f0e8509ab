"""What can go wrong, said in one sentence: what it was, the value, and what to do next."""

from __future__ import annotations


class HearseeError(Exception):
    """Base of every error a user may see; `str()` of it is the whole message, one line."""


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
