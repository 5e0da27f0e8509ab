"""What every request passes first: its host is ours, its body is bounded, and its answer carries safe headers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hearsee.api.http.problems import problem

MAX_BODY_BYTES = 64 * 2**20
PAUSE_SECONDS = 30.0  # the longest between two pieces of a body: whoever sends slower holds a place for nothing
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": PAGE_POLICY,
}


@dataclass(frozen=True)
class Guard:
    """ASGI middleware; `hosts` None lets every name through (a service bound to more than this machine)."""

    app: ASGIApp
    hosts: Collection[str] | None = LOCAL_HOSTS
    max_body_bytes: int = MAX_BODY_BYTES
    pause_seconds: float = PAUSE_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SAFE.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        # A page elsewhere can point a name of its own at this machine; such a request carries that name.
        host = _without_port(headers.get("host", ""))
        if self.hosts is not None and host not in self.hosts:
            told = problem(421, "Refused", f"this service does not answer for the host {host!r}: use http://127.0.0.1")
            await told(scope, receive, send_safely)
            return
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.max_body_bytes:
            await self._too_large()(scope, receive, send_safely)
            return
        await self._counted(scope, receive, send_safely)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A body sent in chunks says no length: count it, and cut it off where it grows too large or does not come."""
        seen = 0
        whole = started = False

        async def receive_counted() -> Message:
            nonlocal seen, whole
            # After the body comes only the news that the client has left, and that may take its time.
            message = await asyncio.wait_for(receive(), None if whole else self.pause_seconds)
            whole = not message.get("more_body", False)
            seen += len(message.get("body", b""))
            if seen > self.max_body_bytes:
                raise _TooLargeError
            return message

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive_counted, send_noted)
        except _TooLargeError:
            if not started:
                await self._too_large()(scope, receive, send)
        except TimeoutError:
            if started or whole:
                raise
            slow = f"nothing more of the body came for {self.pause_seconds:g} seconds: send it again"
            await problem(408, "Too slow", slow, close=True)(scope, receive, send)

    def _too_large(self) -> ASGIApp:
        megabytes = self.max_body_bytes // 2**20
        return problem(413, "Too large", f"the body is larger than {megabytes} MB: send smaller media or fewer of them")


class _TooLargeError(Exception):
    pass


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
