"""What the real encoders of `align.py` see: vectors of photos and sounds, computed once and kept in a folder."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
RATE, WINDOW, HOP = 16_000, 15_600, 7_800  # YAMNet's input is 0.975 s; windows overlap by half
SILENT = 1e-4  # of full scale: ESC-50 fills short clips up with zeros
SIDE = 224
VERSION = 1  # of how media are cut and what is kept of them: with another one everything is computed anew
CROP = 0.7  # of each side: middle and corners, beside the whole photo; each mirrored, too
MOBILENET_1 = "mobilenet/mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
MOBILENET_2 = "mobilenet/tf2_mobilenet_v2_1.0_224_ptq.tflite"
YAMNET = "yamnet/yamnet.tflite"


@dataclass(frozen=True)
class Photos:
    names: tuple[str, ...]
    first: Floats  # (photos, views, 1024): MobileNet v1; the first view is the whole photo, the second its mirror image
    second: Floats  # (photos, views, 1280): MobileNet v2


@dataclass(frozen=True)
class Sounds:
    names: tuple[str, ...]
    vectors: Floats  # (windows, 1024)
    scores: Floats  # (windows, 521): chances of YAMNet's own classes
    clips: NDArray[np.int64]  # (windows,): places in `names`


def photo_names(data: Path) -> tuple[str, ...]:
    return tuple(sorted({row["image"] for row in table(data / "flickr8k/captions.csv")}))


def photos(data: Path, cache: Path) -> Photos:
    names = photo_names(data)

    def see() -> dict[str, NDArray[Any]]:
        nets = {
            "first": _network(data / MOBILENET_1, "AvgPool_1a/AvgPool"),
            "second": _network(data / MOBILENET_2, "GlobalPool/Mean"),
        }
        seen: dict[str, list[Floats]] = {name: [] for name in nets}
        for name in names:
            views = list(_views(data / "flickr8k" / name))
            for net, run in nets.items():
                seen[net].append(np.stack([run(view)[0] for view in views]))
        return {net: np.stack(rows).astype(np.float16) for net, rows in seen.items()}

    found = kept(cache, "flickr8k", [data / MOBILENET_1, data / MOBILENET_2], names, see)
    return Photos(names, found["first"].astype(np.float32), found["second"].astype(np.float32))


def sounds(data: Path, cache: Path) -> Sounds:
    names = tuple(row["audio"] for row in table(data / "esc50/labels.csv"))

    def hear() -> dict[str, NDArray[Any]]:
        run = _network(data / YAMNET, "global_average_pooling2d/Mean")
        heard: list[tuple[Floats, Floats]] = []
        clips = []
        for number, name in enumerate(names):
            for window in _windows(data / "esc50" / name):
                heard.append(run(window))
                clips.append(number)
        vectors, scores = (np.stack(rows).astype(np.float32) for rows in zip(*heard, strict=True))
        return {"vectors": vectors, "scores": scores, "clips": np.array(clips)}

    found = kept(cache, "esc50", [data / YAMNET], names, hear)
    return Sounds(names, found["vectors"], found["scores"], found["clips"])


def class_weights(data: Path, cache: Path) -> Floats:
    """What YAMNet's last layer looks for in a vector, by class, (521, 1024)."""

    def read() -> dict[str, NDArray[Any]]:
        net = _opened(data / YAMNET)
        last = next(one for one in net.get_tensor_details() if one["shape"].tolist() == [521, 1024])
        return {"weights": _floats(net, last).reshape(521, 1024)}

    return kept(cache, "yamnet", [data / YAMNET], (), read)["weights"].astype(np.float32)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def kept(
    cache: Path, name: str, weights: list[Path], media: tuple[str, ...], make: Callable[[], Mapping[str, NDArray[Any]]]
) -> dict[str, NDArray[Any]]:
    """The arrays, made once for these weights and these media."""
    digest = hashlib.sha256(json.dumps([VERSION, media]).encode())
    for path in weights:
        digest.update(path.read_bytes())
    path = cache / f"{name}-{digest.hexdigest()[:12]}.npz"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, **dict(make()))  # type: ignore[arg-type]
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _network(path: Path, layer: str) -> Callable[[NDArray[Any]], tuple[Floats, Floats]]:
    """The network as a function: what the layer of that name holds, and what comes out at the end."""
    net = _opened(path)
    into, out = net.get_input_details()[0], net.get_output_details()[0]
    # Several tensors carry the name; the layer's own is the one with a row for the one input and many numbers in it.
    inside = next(
        detail for detail in net.get_tensor_details()
        if layer in detail["name"] and detail["shape"][:1] == 1 and np.prod(detail["shape"]) >= 1000
    )  # fmt: skip

    def run(given: NDArray[Any]) -> tuple[Floats, Floats]:
        net.set_tensor(into["index"], given.reshape(into["shape"]).astype(into["dtype"]))
        net.invoke()
        return _floats(net, inside), _floats(net, out)

    return run


def _opened(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]
    except ImportError as error:
        raise SystemExit("the encoders of the shared data need a package: pip install ai-edge-litert") from error
    net = Interpreter(model_path=str(path), experimental_preserve_all_tensors=True, num_threads=1)
    net.allocate_tensors()
    return net


def _floats(net: Any, detail: Mapping[str, Any]) -> Floats:
    numbers: Floats = net.get_tensor(detail["index"]).reshape(-1).astype(np.float32)
    scale, zero = detail["quantization"]
    return numbers if not scale else np.float32(scale) * (numbers - np.float32(zero))


def _views(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The whole photo, its middle and its corners, and each in the mirror: (224, 224, 3)."""
    with Image.open(path) as file:
        photo = file.convert("RGB")
    wide, high = photo.size
    w, h = wide * CROP, high * CROP
    places = [((wide - w) / 2, (high - h) / 2), (0, 0), (wide - w, 0), (0, high - h), (wide - w, high - h)]
    for box in [(0, 0, wide, high), *((x, y, x + w, y + h) for x, y in places)]:
        view = np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))
        yield view
        yield view[:, ::-1]


def _windows(path: Path) -> list[Floats]:
    """Windows of a clip at YAMNet's rate, without those where nothing is heard."""
    import soundfile
    import torch
    from torchaudio.functional import resample

    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = resample(torch.from_numpy(wave.mean(axis=1)), rate, RATE).numpy()
    cut = [mono[start : start + WINDOW] for start in range(0, len(mono) - WINDOW + 1, HOP)]
    return [window for window in cut if np.abs(window).max() > SILENT] or cut[:1]
