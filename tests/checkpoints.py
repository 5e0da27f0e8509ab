"""Checkpoints of random weights in the layouts that real ones have, so that loaders are tested where no hub is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ("a", "photo", "of", "the", "dog", "cat", "rain", "on", "roof", "bell", "rings", "man", "plays", "guitar", "in")


def open_clip_folder(
    folder: Path,
    *,
    siglip: bool = False,
    pickled: bool = False,
    preprocess: dict[str, Any] | None = None,
    layers: int = 2,
) -> Path:
    """A hub-style folder: open_clip_config.json and its weights, safetensors unless `pickled`."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    text: dict[str, Any] = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": layers}
    model: dict[str, Any] = {
        "embed_dim": 48,
        "vision_cfg": {"image_size": 64, "layers": layers, "width": 64, "patch_size": 16, "head_width": 32},
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


def tokenizer(folder: Path) -> None:
    """A byte-level tokenizer that can spell anything, with a few words of its own, in the layout of a hub."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    built = Tokenizer(models.BPE(unk_token="<unk>"))
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    built.train_from_iterator([" ".join(WORDS)] * 4, trainer)
    built.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=built, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", pad_token="<pad>",
        unk_token="<unk>", mask_token="<mask>", model_max_length=128,
    )  # fmt: skip
    wrapped.save_pretrained(folder)


VOCABULARY = 300


def clap_folder(folder: Path, *, fused: bool = False, pickled: bool = False) -> Path:
    """Configuration, weights, feature extractor and tokenizer, as LAION's folders on a hub."""
    import transformers

    text = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text |= {
        "intermediate_size": 64,
        "max_position_embeddings": 130,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
    }
    heard = {
        "patch_embeds_hidden_size": 16,
        "hidden_size": 128,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
    }
    heard |= {"enable_fusion": fused, "num_classes": 5, "fusion_type": "aff_2d" if fused else None}
    config = transformers.ClapConfig(text_config=text, audio_config=heard, projection_dim=24)
    _save(transformers.ClapModel, config, folder, pickled=pickled)
    transformers.ClapFeatureExtractor(truncation="fusion" if fused else "rand_trunc").save_pretrained(folder)
    tokenizer(folder)
    return folder


def bert_folder(folder: Path) -> Path:
    import transformers

    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=130, pad_token_id=1,
    )  # fmt: skip
    _save(transformers.BertModel, config, folder)
    tokenizer(folder)
    return folder


def resnet_folder(folder: Path) -> Path:
    import transformers

    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])
    _save(transformers.ResNetModel, config, folder)
    processor = transformers.ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.875)
    processor.save_pretrained(folder)
    return folder


def dino_folder(folder: Path) -> Path:
    import transformers

    config = transformers.Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14
    )
    _save(transformers.Dinov2Model, config, folder)
    transformers.BitImageProcessor(size={"shortest_edge": 64}, crop_size={"height": 56, "width": 56}).save_pretrained(
        folder
    )
    return folder


def vit_folder(folder: Path) -> Path:
    import transformers

    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=48, patch_size=16
    )
    _save(transformers.ViTModel, config, folder)
    transformers.ViTImageProcessor(size={"height": 48, "width": 48}).save_pretrained(folder)
    return folder


def wav2vec_folder(folder: Path) -> Path:
    import transformers

    config = transformers.Wav2Vec2Config(
        vocab_size=32, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        conv_dim=[16] * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    _save(transformers.Wav2Vec2Model, config, folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    return folder


def ast_folder(folder: Path) -> Path:
    import transformers

    config = transformers.ASTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_length=128
    )
    _save(transformers.ASTModel, config, folder)
    transformers.ASTFeatureExtractor(max_length=128).save_pretrained(folder)
    return folder


def _save(kind: Any, config: Any, folder: Path, *, pickled: bool = False) -> None:
    """A model of random weights that are large enough to matter."""
    import torch
    import transformers
    from safetensors.torch import save_file

    transformers.utils.logging.disable_progress_bar()
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = kind(config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim > 1 and "embed" not in name:
                value.normal_(0, 1.5 / value[0].numel() ** 0.5)
    config.architectures = [kind.__name__]
    config.save_pretrained(folder)
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    if pickled:
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
