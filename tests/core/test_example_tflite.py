"""The example plug-in: found through its entry points; its networks run where the runtime and their files are."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hearsee.core.models import candidates

EXAMPLE = Path(__file__).parents[2] / "examples" / "tflite"

WORDS = """
import numpy as np
from hearsee.core.encoders.table import make_tower, tower_names
from hearsee.core.errors import BadInput, NotFound
from hearsee.core.media import Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.space import load_space, space_names
assert {"tflite", "hashed_words"} <= set(tower_names())
assert "tflite" in space_names()
tower = make_tower("hashed_words", Modality.TEXT, {"dim": 64})
said = ("two dogs run", "A DOG runs: two!", "rain on a roof", "?!")
rows = tower.encode([find_preparation(tower.preparation)(Words(text))[0] for text in said])
assert rows.shape == (4, 64) and np.allclose((rows**2).sum(axis=1), 1)
same, other = rows[0] @ rows[1], rows[0] @ rows[2]
assert same > 0.75 > 0.5 > other, (same, other)
try:
    load_space("tflite")
except NotFound as missing:
    assert "set HEARSEE_MODELS" in str(missing), missing
else:
    raise AssertionError("there are no networks in an empty folder")
"""

NETWORKS = """
import numpy as np
from hearsee.core.media import Limits, Picture, Sound
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.space import load_space
space = load_space("tflite")
rng = np.random.default_rng(0)
seen, heard = space.tower(Modality.IMAGE), space.tower(Modality.AUDIO)
shown = Picture(np.kron(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), np.ones((40, 40, 1), np.uint8)))
tone = np.sin(np.arange(3 * 16000) / 16000 * 2 * np.pi * 440).astype(np.float32)[:, None]
pieces = find_preparation(heard.preparation)(Sound(tone, 16000))
assert [round(piece.span.start, 3) for piece in pieces] == [0.0, 0.975, 1.95], pieces
windows = heard.encode(pieces)
assert (windows[0] @ windows[1:].T > 0.8).all()
noise = Sound(rng.normal(0, 0.2, (16000, 1)).astype(np.float32).clip(-1, 1), 16000)
assert windows[0] @ heard.encode(find_preparation(heard.preparation)(noise))[0] < 0.8
cut = find_preparation(seen.preparation)(shown)
net = seen.network._run
net.set_tensor(net.get_input_details()[0]["index"], cut[0].data[None])
net.invoke()
out = net.get_output_details()[0]
scale, zero = out["quantization"]
theirs = (net.get_tensor(out["index"]).reshape(-1).astype(np.float32) - zero) * scale
ours = seen.encode(cut)[0]
assert abs(ours @ theirs / np.linalg.norm(theirs) - 1) < 1e-5
assert (seen.dim, heard.dim, space.dim) == (1024, 1024, 512)
assert space.fingerprint == load_space("tflite").fingerprint
"""


def run(script: str, installed: Path, **environ: str) -> None:
    """In a process that sees the example as installed: its code on the path, and the metadata that pip would write."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    metadata = installed / "hearsee_tflite-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {what}\n" for name, what in points.items())
        for group, points in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(groups))
    path = os.pathsep.join([str(installed), str(EXAMPLE)])
    done = subprocess.run(
        [sys.executable, "-B", "-c", script], env={**os.environ, "PYTHONPATH": path, **environ}, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_it_is_found_and_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "installed").mkdir()
    run(WORDS, tmp_path / "installed", HEARSEE_MODELS=str(tmp_path / "empty"))


@pytest.mark.skipif(importlib.util.find_spec("ai_edge_litert") is None, reason="needs pip install ai-edge-litert")
def test_its_networks_see_and_hear(tmp_path: Path) -> None:
    for name in ("mobilenet", "yamnet"):
        if not any(list(folder.glob("*.tflite")) for folder in candidates(name, os.environ)):
            pytest.skip(f"no {name}/*.tflite under HEARSEE_MODELS")
    run(NETWORKS, tmp_path)
