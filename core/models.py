"""Where weights are looked for: a folder, HEARSEE_MODELS, the hub's cache, then the hub itself."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies

from hearsee.core.errors import NotFound

logger = logging.getLogger(__name__)

WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth")
FETCHED = ("*.json", "*.txt", "*.model", "*.safetensors")  # from a hub: pickled weights only where there are no others
SECONDS = 10  # to wait for a hub's first answer
REACHED_SECONDS = 8.0  # for its name and a connection: the client itself would wait for minutes where nothing answers
ADDRESS_SECONDS = 1.5  # for each of its addresses: those of IPv6 may lead nowhere


def find_model(
    name: str, needs: Sequence[str] = WEIGHTS, environ: Mapping[str, str] | None = None, *, fetch: bool = True
) -> Path:
    """The folder that holds the model `name` (a path, or `owner/name` as on a hub) with a file like `needs`."""
    environ = os.environ if environ is None else environ
    looked = [] if environ.get("HEARSEE_MODELS") or _is_path(name) else ["HEARSEE_MODELS, which is not set"]
    for folder in candidates(name, environ):
        looked.append(str(folder))
        if folder.is_dir() and any(path.is_file() for pattern in needs for path in folder.glob(pattern)):
            return folder
    why = "it is a path"
    if fetch and not _is_path(name):
        found, why = _fetch(name, needs, environ)
        if found is not None:
            return found
    wanted = needs[0] if len(needs) == 1 else f"one of {', '.join(needs)}"
    raise NotFound(
        f"no weights of {name!r}: looked for {wanted} in {', '.join(looked)}, and no hub answers ({why}); fetch it on "
        f"a machine that reaches one (`hf download {name} --local-dir MODELS/{name}`) and set HEARSEE_MODELS=MODELS, "
        "or use --space toybox, which works offline"
    )


def candidates(name: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Every place where the model may lie, best first."""
    if _is_path(name):
        yield Path(name).expanduser()
        return
    for folder in filter(None, environ.get("HEARSEE_MODELS", "").split(os.pathsep)):
        root = Path(folder).expanduser()
        yield root / name
        yield root / name.replace("/", "--")
    yield from _snapshots(hub_cache(environ) / f"models--{name.replace('/', '--')}")


def hub_cache(environ: Mapping[str, str]) -> Path:
    """Where hub clients keep what they fetched."""
    if environ.get("HF_HUB_CACHE"):
        return Path(environ["HF_HUB_CACHE"]).expanduser()
    home = environ.get("HF_HOME") or f"{environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    return Path(home).expanduser() / "hub"


def _snapshots(cached: Path) -> Iterator[Path]:
    """The revision that `main` points at, then the others, newest first."""
    main = cached / "refs" / "main"
    current = cached / "snapshots" / main.read_text().strip() if main.is_file() else None
    yield current or cached
    others = [path for path in (cached / "snapshots").glob("*") if path != current]
    yield from sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)


def _out_of_reach(url: str) -> str:
    """Why nothing can be asked at that address, said within seconds; nothing where it can, or where a proxy asks."""
    address = urlsplit(url)
    host, port = address.hostname or "", address.port or (80 if address.scheme == "http" else 443)
    if address.scheme in getproxies() or "all" in getproxies():
        return ""
    found: Queue[str] = Queue()

    def knock() -> None:
        try:
            socket.create_connection((host, port), ADDRESS_SECONDS).close()
        except OSError as error:
            found.put(f"{host}: {error.strerror or error}")
        else:
            found.put("")

    # In a thread of its own: a name may be looked for longer than any limit that a socket knows.
    Thread(target=knock, name="knock", daemon=True).start()
    try:
        return found.get(timeout=REACHED_SECONDS)
    except Empty:
        return f"{host}: no answer within {REACHED_SECONDS:g} s"


def _is_path(name: str) -> bool:
    return name.startswith(("/", "./", "../", "~", ".\\")) or Path(name).is_dir()


def _fetch(name: str, needs: Sequence[str], environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """Ask the hub; where it cannot be reached, the reason in a few words."""
    if environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return None, "HF_HUB_OFFLINE is set"
    try:
        from huggingface_hub import constants, snapshot_download
    except ImportError:
        return None, 'huggingface_hub is not installed: pip install "hearsee[towers]"'
    if why := _out_of_reach(constants.ENDPOINT):
        return None, why
    logger.info("fetching %s from the hub", name)
    try:
        for patterns in (FETCHED, (*FETCHED, *WEIGHTS, *needs)):
            folder = Path(snapshot_download(name, allow_patterns=list(patterns), etag_timeout=SECONDS))
            if any(path.is_file() for pattern in needs for path in folder.glob(pattern)):
                return folder, ""
    except Exception as error:  # the client has no common error for "not reachable"
        return None, " ".join(f"{type(error).__name__}: {error}".split())[:120]
    return None, "it has no such files"
