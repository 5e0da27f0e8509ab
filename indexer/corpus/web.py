"""Fetching over HTTP what others may have written down: few bytes, little time, and no way into a private network.

The rule: an address that the user typed may lie anywhere. One that a table lists must be http or https and lead to a
public address, or to the very host and port that the user typed for the table; so must every redirect, of which there
are at most three. Names are resolved once, and the connection goes to the address that was looked at.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from hearsee.core.errors import BadMedia
from hearsee.core.media.limits import Limits

MAX_REDIRECTS = 3
CONNECT_SECONDS, TOTAL_SECONDS = 10.0, 120.0
BLOCK_BYTES = 2**16
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Trust:
    """Whom an address may lead to: `anywhere`, or public addresses and the one host that the user named."""

    anywhere: bool = False
    host: tuple[str, int] | None = None


TYPED = Trust(anywhere=True)


def host_of(url: str) -> tuple[str, int] | None:
    """The name and port of a web address."""
    parts = urlsplit(url)
    return None if parts.scheme not in _PORTS else (parts.hostname or "", parts.port or _PORTS[parts.scheme])


def fetch(url: str, limits: Limits, trust: Trust) -> bytes:
    """The bytes behind a web address; BadMedia where the rule or the limits say no, OSError where the network does."""
    until = time.monotonic() + TOTAL_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        parts = checked(url)
        with contextlib.closing(_connected(parts, trust)) as connection:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            try:
                connection.request("GET", path, headers={"User-Agent": "hearsee", "Accept-Encoding": "identity"})
                answer = connection.getresponse()
                if answer.status in (301, 302, 303, 307, 308):
                    url = urljoin(url, answer.headers.get("Location") or "")
                    continue
                if answer.status != 200:
                    raise OSError(f"its server answers {answer.status} {answer.reason}"[:80])
                return _body(answer, limits, until)
            except (http.client.HTTPException, UnicodeError, ValueError) as error:
                raise OSError(f"its server answers nonsense ({type(error).__name__})") from None
    raise BadMedia(f"redirected more than {MAX_REDIRECTS} times")


def checked(url: str) -> SplitResult:
    """The parts of an address that may be asked for at all."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadMedia("not a web address") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise BadMedia(f"leads to {parts.scheme or 'nothing'}:// instead of http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise BadMedia("an address with a password in it, which the library would keep: leave it out")
    if port == 0 or any(ord(character) <= 32 or ord(character) > 126 for character in parts.path + parts.query):
        raise BadMedia("not a web address: write spaces and other letters as %20 and the like")
    return parts


def _connected(parts: SplitResult, trust: Trust) -> http.client.HTTPConnection:
    name, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise OSError(f"no address is known for {name[:100]}") from None
    addresses = [str(one[4][0]) for one in found]
    if not trust.anywhere and trust.host != (name, port):
        private = [address for address in addresses if not is_public(address)]
        if private:
            raise BadMedia(f"leads into a private network ({name[:100]} is {private[0]}): only you may name such")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(name, port, timeout=CONNECT_SECONDS)
    plain = socket.create_connection((addresses[0], port), CONNECT_SECONDS)
    if parts.scheme == "https":
        try:
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=name)
        except OSError:
            plain.close()
            raise
    connection.sock = plain  # http.client asks no name server again
    return connection


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet: not private, local, reserved, or such an address in disguise."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inside is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
    return found.is_global and not found.is_multicast


def _body(answer: http.client.HTTPResponse, limits: Limits, until: float) -> bytes:
    promised = answer.length
    if promised is not None and promised > limits.max_file_bytes:
        raise BadMedia(f"a file of {promised:,} bytes, the limit is {limits.max_file_bytes:,}")
    raw = bytearray()
    while block := answer.read1(BLOCK_BYTES):
        raw += block
        if len(raw) > limits.max_file_bytes:
            raise BadMedia(f"a file of more than {limits.max_file_bytes:,} bytes, which is the limit")
        if time.monotonic() > until:
            raise OSError(f"not here within {TOTAL_SECONDS:g} s")
    if promised is not None and len(raw) < promised:
        raise OSError(f"only {len(raw):,} of {promised:,} bytes came")
    return bytes(raw)
