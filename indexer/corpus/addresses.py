"""Addresses as a library keeps and shows them: what opens a door stays outside."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import parse_qsl, urljoin, urlsplit, urlunsplit

WEB = ("http", "https")
STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")  # what a table of this machine may name beside the web

# Names of query fields that sign a link or carry a key; what else stands in a query says which thing is meant.
_SECRET = re.compile(
    r"x-(amz|goog|oss|cos|obs)-.*|.*(signature|token|secret|password|passwd|credential|api[-_]?key).*"
    r"|auth(orization|[-_]?key)?|sig|key|awsaccesskeyid|googleaccessid|key-pair-id|pwd|pass|jwt|hmac|session(id)?",
    re.IGNORECASE,
)
# Fields that only say how long and for what a signature holds: gone with it.
_OF_SIGNATURE = re.compile(r"expires?|policy|se|st|sp|sv|sr|spr|ss|srt|sip|sk(oid|tid|t|e|s|v)", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^/?#\s@]*:[^/?#\s]*@")


def scheme_of(url: str) -> str:
    return url.partition("://")[0].lower() if "://" in url else ""


def is_remote(name: str) -> bool:
    return scheme_of(name) not in ("", "file")


def shown(url: str) -> str:
    """The address without passwords, keys and signatures: what a library keeps, and what messages say."""
    if not is_remote(url):
        return url
    url = without_password(url)
    try:
        parts = urlsplit(url)
        fields = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return url.partition("?")[0]
    secret = [name for name, _ in fields if _SECRET.fullmatch(name)]
    if not secret:
        return url
    gone = {*secret, *(name for name, _ in fields if _OF_SIGNATURE.fullmatch(name))}
    # The fields that stay keep the letters that they were written with.
    kept = [field for field in parts.query.split("&") if _name(field) not in gone]
    return urlunsplit(parts._replace(query="&".join(kept)))


def without_password(text: str) -> str:
    """Any text, such as what a library says went wrong, without NAME:PASSWORD@ in its addresses."""
    return _PASSWORD.sub("://", text)


def listed(value: str, base: str | None) -> str | None:
    """The address that a table's cell means: its own, or one below that of the table; none for a local file."""
    if is_remote(value):
        return value
    if base is None:
        return None
    if scheme_of(base) in WEB:
        return urljoin(base, value)
    return base.rpartition("/")[0] + "/" + posixpath.normpath("/" + value).lstrip("/")


def same_store(url: str, base: str) -> bool:
    return (scheme_of(url), urlsplit(url).netloc) == (scheme_of(base), urlsplit(base).netloc)


def _name(field: str) -> str:
    found = parse_qsl(field, keep_blank_values=True)
    return found[0][0] if found else ""
