"""sentence-transformers' own encode, run in an environment of its own: random weights are made, then timed on demand.

Each line on stdin is a JSON list of files; the answer is one line with what `encode` took for them, by the clock
and in CPU seconds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

BATCH = 32  # its own default


def main() -> None:
    folder, shape = Path(sys.argv[1]), json.loads(sys.argv[2])
    if not (folder / "model.safetensors").is_file():
        make(folder, shape)
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found, unused-ignore]
    from sentence_transformers.sentence_transformer.modules import (  # type: ignore[import-not-found, unused-ignore]
        Transformer,
    )

    model = SentenceTransformer(modules=[Transformer(str(folder))], device="cpu")
    for line in sys.stdin:
        files = json.loads(line)
        began, spent = time.perf_counter(), time.process_time()
        rows = model.encode(files, batch_size=BATCH)
        took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - spent}
        answer = {**took, "rows": rows.shape[0], "dim": rows.shape[1]}
        print(json.dumps(answer), flush=True)


def make(folder: Path, shape: dict[str, int]) -> None:
    """CLIP as transformers knows it, with a picture tower of this shape; no text is read: the other tower is small."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models

    seen = {
        "hidden_size": shape["width"],
        "intermediate_size": 4 * shape["width"],
        "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["width"] // 64,
        "patch_size": shape["patch"],
        "image_size": shape["size"],
        "hidden_act": "gelu",
    }
    read = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = transformers.CLIPConfig(text_config=read, vision_config=seen, projection_dim=shape["dim"])
    torch.manual_seed(1)
    model: Any = transformers.CLIPModel(config)
    model.save_pretrained(folder)
    words = Tokenizer(models.BPE(vocab={"<|startoftext|>": 0, "<|endoftext|>": 1, "a": 2}, merges=[]))
    tokenizer = transformers.CLIPTokenizerFast(tokenizer_object=words)
    size = {"shortest_edge": shape["size"]}
    transformers.CLIPProcessor(transformers.CLIPImageProcessor(size=size), tokenizer).save_pretrained(folder)


if __name__ == "__main__":
    main()
