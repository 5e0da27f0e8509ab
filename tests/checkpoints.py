"""Checkpoints of random weights in the layouts that real ones have, so that loaders are tested where no hub is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ("a", "photo", "of", "the", "dog", "cat", "rain", "on", "roof", "bell", "rings", "man", "plays", "guitar", "in")


def open_clip_folder(
    folder: Path, *, siglip: bool = False, pickled: bool = False, preprocess: dict[str, Any] | None = None
) -> Path:
    """A hub-style folder: open_clip_config.json and its weights, safetensors unless `pickled`."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    text: dict[str, Any] = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
    model: dict[str, Any] = {
        "embed_dim": 48,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32},
        "text_cfg": text,
    }
    if siglip:
        model["custom_text"] = True
        model["init_logit_bias"] = -10
        text |= {"no_causal_mask": True, "proj_bias": True, "pool_type": "last", "context_length": 16}
    shown = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "interpolation": "bicubic"} | (preprocess or {})
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model, "preprocess_cfg": shown}))
    torch.manual_seed(0)
    built = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    weights = {name: value.contiguous() for name, value in built.state_dict().items()}
    if pickled:
        torch.save({"state_dict": weights}, folder / "open_clip_pytorch_model.bin")
    else:
        save_file(weights, folder / "open_clip_model.safetensors")
    return folder


def open_clip_checkpoint(path: Path, model: str = "ViT-S-32-alt") -> Path:
    """A bare state dict of one of open_clip's own models, as its training writes it."""
    import open_clip
    import torch

    torch.manual_seed(0)
    weights = open_clip.create_model(model).state_dict()
    torch.save({"epoch": 1, "state_dict": {f"module.{name}": value for name, value in weights.items()}}, path)
    return path


def pictures(count: int = 5, seed: int = 0) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Smooth noise of several shapes, (height, width, 3)."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    shapes = [(90, 120), (120, 90), (64, 64), (300, 77), (50, 220), (33, 41)]
    found = []
    for place in range(count):
        height, width = shapes[place % len(shapes)]
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        found.append(np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)))
    return found


def sounds(
    count: int = 4, rate: int = 48_000, seconds: float = 1.0, seed: int = 0
) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Tones under noise, (frames,), each of another length."""
    rng = np.random.default_rng(seed)
    found = []
    for place in range(count):
        at = np.arange(round(rate * seconds * (1 + 0.25 * place))) / rate
        tone = np.sin(2 * np.pi * 220 * (place + 1) * at) * 0.3 + rng.standard_normal(len(at)) * 0.05
        found.append(tone.astype(np.float32))
    return found
