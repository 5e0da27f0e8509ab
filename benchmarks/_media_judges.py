"""What makes vectors of pictures: a ViT of random weights, and a real MobileNet, rounded as it comes and in floats."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hearsee.core.encoders.openclip import MEAN, STD

Judge = Callable[[Any], NDArray[np.float64]]  # normalised pictures (n, 3, 224, 224) -> (n, dim)
MOST = 6.0  # where MobileNet's activation ends


def vit(model: Any) -> Judge:
    import torch

    def vectors(batch: Any) -> NDArray[np.float64]:
        with torch.inference_mode():
            return np.asarray(model.encode_image(batch).numpy(), np.float64)

    return vectors


def rounded_mobilenet(path: Path) -> Judge:
    """As the file has it: eight bits between layers, which make much of little."""
    net = _opened(path)
    (into,), (out,) = net.get_input_details(), net.get_output_details()
    step, zero = out["quantization"]

    def vectors(batch: Any) -> NDArray[np.float64]:
        found = []
        for picture in _whole(batch):
            net.set_tensor(into["index"], picture[None])
            net.invoke()
            found.append((net.get_tensor(out["index"]).reshape(-1).astype(np.float64) - zero) * (step or 1))
        return np.array(found)

    return vectors


def float_mobilenet(path: Path) -> Judge:
    """The same weights, multiplied in float32, as towers do."""
    import torch
    from torch.nn import functional as f

    net = _opened(path)
    held = {one["index"]: one for one in net.get_tensor_details()}

    def weights(index: int) -> torch.Tensor:
        scale, zero = held[index]["quantization"]
        return torch.from_numpy((net.get_tensor(index).astype(np.float32) - zero) * np.float32(scale))

    layers = []
    for step in net._get_ops_details():
        if step["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            source, kernel, bias = (int(place) for place in step["inputs"])
            stride = held[source]["shape"][1] // held[int(step["outputs"][0])]["shape"][1]
            deep = step["op_name"] == "DEPTHWISE_CONV_2D"
            turned = weights(kernel).permute((3, 0, 1, 2) if deep else (0, 3, 1, 2))
            layers.append((turned, weights(bias), int(stride), deep))
    scale, zero = net.get_input_details()[0]["quantization"]

    def vectors(batch: Any) -> NDArray[np.float64]:
        with torch.inference_mode():
            seen = (torch.from_numpy(_whole(batch).astype(np.float32)).permute(0, 3, 1, 2) - zero) * scale
            for kernel, bias, stride, deep in layers:
                if kernel.shape[-1] > 1:  # TFLite pads what is missing at the end first
                    seen = f.pad(seen, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
                groups = len(kernel) if deep else 1
                seen = f.conv2d(seen, kernel, bias, stride, groups=groups).clamp(0, MOST)
            return np.asarray(seen.mean((2, 3)).numpy(), np.float64)

    return vectors


def _opened(path: Path) -> Any:
    net = import_module("ai_edge_litert.interpreter").Interpreter(str(path))  # no dependency of ours
    net.allocate_tensors()
    return net


def _whole(batch: Any) -> NDArray[np.uint8]:
    shown = batch.numpy() * np.reshape(STD, (3, 1, 1)) + np.reshape(MEAN, (3, 1, 1))
    return np.asarray((shown * 255).round().clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1))
