"""Towers of other packages, and real weights where there are any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearsee.core.errors import NotFound
from hearsee.core.media.kinds import Picture, Words
from hearsee.core.media.prepare import find_preparation
from hearsee.core.modality import Modality
from hearsee.core.models import find_model

PLUGIN = """
from hearsee.core.encoders.hash import HashEncoder

def tower(modality, *, dim):
    return HashEncoder(modality, dim)
"""
ASK = """
import sys
from hearsee.core.encoders.table import make_tower, tower_names
from hearsee.core.modality import Modality
assert "parrot" in tower_names(), tower_names()
assert make_tower("parrot", Modality.TEXT, {"dim": 7}).dim == 7
assert not {"torch", "open_clip", "transformers", "onnxruntime"} & sys.modules.keys()
"""


def test_a_package_brings_a_tower_through_its_entry_point(tmp_path: Path) -> None:
    """An installed package is a module and a folder of metadata; no library of models is imported for it."""
    (tmp_path / "parrot.py").write_text(PLUGIN)
    metadata = tmp_path / "parrot-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parrot\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[hearsee.towers]\nparrot = parrot:tower\n")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.weights
def test_real_weights_know_what_they_see() -> None:
    from hearsee.core.encoders.table import make_tower

    try:
        find_model("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", fetch=False)
    except NotFound as missing:
        pytest.skip(str(missing))
    options = {"model": "ViT-B-32", "pretrained": "laion2b_s34b_b79k"}
    seen, read = (make_tower("open_clip", modality, options) for modality in (Modality.IMAGE, Modality.TEXT))
    colours = {"red": (220, 20, 20), "green": (20, 180, 20), "blue": (20, 20, 220)}
    flat = [np.full((240, 320, 3), colour, np.uint8) for colour in colours.values()]
    pictures = seen.encode([find_preparation(seen.preparation)(Picture(one))[0] for one in flat])
    texts = read.encode([find_preparation(read.preparation)(Words(f"a plain {name} picture"))[0] for name in colours])
    assert ((pictures @ texts.T).argmax(axis=1) == np.arange(3)).all()
