"""Fetching over HTTP what others may have written down: few bytes, little time, and no way into a private network.

The rule: an address that the user typed may lie anywhere. One that a table lists must be http or https and lead to a
public address, or to the very host and port that the user typed for the table; so must every redirect, of which there
are at most three. Names are resolved once, and the connection goes to the address that was looked at.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from hearsee.core.errors import BadMedia
from hearsee.core.media.limits import Limits
from hearsee.indexer.corpus.entries import Hold, free
from hearsee.indexer.corpus.patience import STATUSES, Passing

MAX_REDIRECTS = 3
STALL_SECONDS, TOTAL_SECONDS = 10.0, 120.0  # without a byte; for all of it
BLOCK_BYTES = 2**16
_ADDRESSES = 3  # of one name, tried one after the other
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


def fetch(url: str, limits: Limits, trust: Trust, hold: Hold = free) -> bytes:
    """The bytes behind a web address; BadMedia where the rule or the limits say no, OSError where the network does."""
    until = _Until(time.monotonic() + TOTAL_SECONDS)
    raw = bytearray()
    try:
        with contextlib.closing(blocks(url, limits.max_file_bytes, trust, until)) as coming:
            for block in coming:
                began = time.monotonic()
                hold(len(block))
                until.moment += time.monotonic() - began  # waiting for room is not the server's fault
                raw += block
    except BaseException:
        hold(-len(raw))
        raise
    return bytes(raw)


class _Until:
    """The moment by which all must be here."""

    def __init__(self, moment: float) -> None:
        self.moment = moment

    def left(self) -> float:
        left = self.moment - time.monotonic()
        if left <= 0:
            raise TimeoutError("not here in time")
        return left


def blocks(url: str, most: int, trust: Trust, until: _Until | None = None) -> Generator[bytes, None, None]:
    """The bytes as they come, `most` of them at the most; without `until` it is enough that some always come."""
    for _ in range(MAX_REDIRECTS + 1):
        parts = checked(url)
        with contextlib.closing(_connected(parts, trust, until)) as connection:
            try:
                with contextlib.closing(_asked(connection, parts)) as answer:
                    if answer.status in (301, 302, 303, 307, 308):
                        url = urljoin(url, answer.headers.get("Location") or "")
                        continue
                    yield from _body(answer, most)
                    return
            except http.client.IncompleteRead:
                raise Passing("its server broke off") from None
            except TimeoutError:
                said = f"within {TOTAL_SECONDS:g} s" if until is not None else "any more"
                raise OSError(f"not here {said}, or {STALL_SECONDS:g} s without a byte") from None
            except (http.client.HTTPException, UnicodeError, ValueError) as error:
                if isinstance(error, ConnectionError):  # http.client has one that is both
                    raise
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


def _asked(connection: http.client.HTTPConnection, parts: SplitResult) -> http.client.HTTPResponse:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", path, headers={"User-Agent": "hearsee", "Accept-Encoding": "identity"})
    answer = connection.getresponse()
    if answer.status in (200, 301, 302, 303, 307, 308):
        return answer
    answer.close()
    said = f"its server answers {answer.status} {answer.reason}"[:80]
    if answer.status in STATUSES:
        asked = answer.headers.get("Retry-After", "")
        raise Passing(said, float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else None)
    raise OSError(said)


def _connected(parts: SplitResult, trust: Trust, until: _Until | None) -> http.client.HTTPConnection:
    name, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise OSError(f"no address is known for {name[:100]}") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not trust.anywhere and trust.host != (name, port):
        private = [address for address in addresses if not is_public(address)]
        if private:
            raise BadMedia(f"leads into a private network ({name[:100]} is {private[0]}): only you may name such")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(name, port, timeout=STALL_SECONDS)
    plain = _reached(addresses[:_ADDRESSES], port)
    if parts.scheme == "https":
        try:
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=name)
        except OSError:
            plain.close()
            raise
    connection.sock = _Hurried(plain, until)  # http.client asks no name server again
    return connection


def _reached(addresses: list[str], port: int) -> socket.socket:
    """A connection to the first address that takes one."""
    for place, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), STALL_SECONDS)
        except OSError as error:
            if place < len(addresses) - 1:
                continue
            if isinstance(error, TimeoutError):
                raise OSError(f"no connection within {STALL_SECONDS:g} s") from None
            raise
    raise OSError("no address is known")


class _Hurried:
    """A socket whose bytes must be here by a moment, headers too, however slowly they drip."""

    def __init__(self, inner: socket.socket, until: _Until | None) -> None:
        self._inner, self._until = inner, until

    def sendall(self, data: Any) -> None:
        self._inner.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002  only ever "rb"
        file = self._inner.makefile("rb", buffering=0)  # closed later than the socket, where a server says "close"
        return io.BufferedReader(_Dripping(self._inner, file, self._until), BLOCK_BYTES)

    def close(self) -> None:
        self._inner.close()


class _Dripping(io.RawIOBase):
    def __init__(self, inner: socket.socket, file: socket.SocketIO, until: _Until | None) -> None:
        super().__init__()
        self._inner, self._file, self._until = inner, file, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._until is not None:
            self._inner.settimeout(min(STALL_SECONDS, self._until.left()))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


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


def _body(answer: http.client.HTTPResponse, most: int) -> Generator[bytes, None, None]:
    promised, came = answer.length, 0
    if promised is not None and promised > most:
        raise BadMedia(f"a file of {promised:,} bytes, the limit is {most:,}")
    while block := answer.read1(BLOCK_BYTES):
        came += len(block)
        if came > most:
            raise BadMedia(f"a file of more than {most:,} bytes, which is the limit")
        yield block
    if promised is not None and came < promised:
        raise Passing(f"only {came:,} of {promised:,} bytes came")
