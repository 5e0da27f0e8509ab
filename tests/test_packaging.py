"""The wheel: everything in it, and alone in an environment that cannot see the checkout it works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("api", "core", "indexer", "search", "toybox")
ALSO = ("pyproject.toml", "README.md", "LICENSE")
DATA = {".md", ".json", ".safetensors", ".html", ".css", ".js", ".svg", ".jpg", ".ogg", ".mp3"}
BUILD = ("-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation", "--no-index")


def command(*args: object, folder: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run([*map(str, args)], cwd=folder, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ALSO:
        shutil.copy(ROOT / name, source / name)
    command(sys.executable, *BUILD, "--wheel-dir", place, source, folder=place)
    return next(place.glob("hearsee-*.whl"))


def files_of(room: str) -> Sequence[Path]:
    kept = (path for path in (ROOT / room).rglob("*") if path.suffix in DATA | {".py"})
    return sorted(path.relative_to(ROOT) for path in kept if "__pycache__" not in path.parts)


def test_every_file_of_every_room_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if ".dist-info/" not in name}
    meant = {f"hearsee/{path.as_posix()}" for room in ROOMS for path in files_of(room)}
    assert packed == meant
    assert "hearsee/__init__.py" not in packed  # a namespace, so that others may add to it
    for name in ("api/web/index.html", "indexer/catalog/migrations/env.py"):
        assert f"hearsee/{name}" in packed


def test_its_metadata_says_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        info = next(name for name in opened.namelist() if name.endswith("/METADATA"))
        metadata = opened.read(info).decode()
        points = opened.read(info.replace("METADATA", "entry_points.txt")).decode()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"cpu", "gpu", "postgres", "dev"} <= set(extras)
    assert all(f"Provides-Extra: {extra}" in metadata for extra in extras)
    assert "License-Expression: Apache-2.0" in metadata
    assert "hearsee = hearsee.api.main:main" in points


@pytest.fixture(scope="module")
def alone(wheel: Path) -> Iterator[Path]:
    """An environment with the wheel in it; this one lends what the wheel needs, but not its link to the checkout."""
    with tempfile.TemporaryDirectory() as place:  # not pytest's own, which may lie inside the checkout
        _install(wheel, Path(place))
        yield Path(place)


def _install(wheel: Path, place: Path) -> None:
    command(sys.executable, "-m", "venv", "--without-pip", place / "env", folder=place)
    python = place / "env" / "bin" / "python"
    command(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, folder=place)
    packages = Path(
        command(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=place).strip()
    )
    # A folder named in a .pth file goes onto the path, but the .pth files in it are not followed.
    lent = Path(pytest.__file__).parents[1]
    (packages / "lent.pth").write_text(f"{lent}\n")


def test_alone_it_runs_the_demo(alone: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HEARSEE"))}
    empty = alone / "empty"
    empty.mkdir()
    where = command(
        alone / "env/bin/python", "-c", "import hearsee.core as c; print(c.__file__)", folder=empty, env=env
    )
    assert not Path(where.strip()).is_relative_to(ROOT)
    said = command(alone / "env/bin/hearsee", "demo", "--items", 90, "--json", folder=empty, env=env)
    tour = json.loads(said)
    assert tour["items"] == {"audio": 30, "image": 30, "text": 30}
    assert len(tour["recall"]) == 6
    assert all(cuts["recall@1"] <= cuts["recall@5"] <= cuts["recall@10"] for cuts in tour["recall"].values())
    assert len(tour["searches"]) == 6
    assert all(search["hits"] for search in tour["searches"])
    assert list(empty.iterdir()) == []
