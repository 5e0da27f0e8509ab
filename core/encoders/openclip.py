"""CLIP-like models through open_clip: a picture and a text tower that share one loaded model."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearsee.core.contract import Contract
from hearsee.core.encoders import openclip_last, prepare_picture, prepare_text
from hearsee.core.encoders.device import LOADING, Run, in_batches, pixels
from hearsee.core.encoders.weights import State, fingerprint, read_object, read_weights, weights_file, weights_state
from hearsee.core.errors import BadInput, Damaged, NotFound
from hearsee.core.media.decode import DECODER
from hearsee.core.media.kinds import Piece
from hearsee.core.modality import Modality
from hearsee.core.models import find_model
from hearsee.core.vectors import Vectors

if TYPE_CHECKING:
    import torch

CONFIG = "open_clip_config.json"
TOKENIZER_OPTIONS = {"clean", "strip_sep_token", "language"}  # others go to transformers, such as trust_remote_code
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # OpenAI's, open_clip's default


@dataclass(frozen=True)
class Source:
    """Where a model comes from: a folder with its configuration, or one of open_clip's names and a file."""

    model: str  # as open_clip calls it: ViT-B-32, or local-dir:…
    weights: Path
    folder: Path
    preprocess: str  # JSON of open_clip's preprocess_cfg, as far as the model's own differ from the defaults

    @cached_property
    def config(self) -> dict[str, Any]:
        if self.model.startswith("local-dir:"):
            found: dict[str, Any] = _read_config(self.folder)["model_cfg"]
            return found
        import open_clip

        known: dict[str, Any] = open_clip.get_model_config(self.model)
        return known


def find_source(model: str, pretrained: str | None) -> Source:
    """A folder or `owner/name` on a hub (with open_clip_config.json), or a model's name with a tag or a checkpoint."""
    if pretrained is None:
        return _from_folder(find_model(model))
    import open_clip

    if open_clip.get_model_config(model) is None:
        raise NotFound(f"open_clip knows no model {model!r}: open_clip.list_models() lists them")
    checkpoint = Path(pretrained).expanduser()
    if checkpoint.is_file():
        return Source(model, checkpoint, checkpoint, "{}")
    tag = open_clip.get_pretrained_cfg(model, pretrained)
    if not tag:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(model))
        raise NotFound(f"no weights {pretrained!r} of {model}: neither a file nor one of its tags {tags}")
    repository = str(tag.get("hf_hub") or "").strip("/")
    if not repository:
        raise NotFound(f"{model}/{pretrained} is on no hub: fetch {tag.get('url')} and give the file as `pretrained`")
    folder = find_model(repository)
    if (folder / CONFIG).is_file():
        return _from_folder(folder)
    kept = {key: tag[key] for key in ("mean", "std", "interpolation", "resize_mode", "fill_color") if tag.get(key)}
    return Source(model, weights_file(folder), folder, json.dumps(kept, sort_keys=True))


def _from_folder(folder: Path) -> Source:
    preprocess = _read_config(folder).get("preprocess_cfg", {})
    return Source(f"local-dir:{folder}", weights_file(folder), folder, json.dumps(preprocess, sort_keys=True))


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise NotFound(f"{folder} holds no {CONFIG}: name the model too, such as model=ViT-B-32 pretrained={folder}/…")
    config = read_object(path)
    try:
        _check_config(config["model_cfg"])
        if not isinstance(config.get("preprocess_cfg", {}), dict):
            raise TypeError("preprocess_cfg is no object")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Damaged(f"{path} is not open_clip's description of a model ({error!r}): fetch it again") from None
    return config


def _check_config(model: dict[str, Any]) -> None:
    """The numbers that are read here; open_clip checks the rest when it builds the model."""
    sizes = model["vision_cfg"].get("image_size", 224)
    numbers = [model["embed_dim"], model["text_cfg"].get("context_length", 77)]
    numbers += [sizes] if isinstance(sizes, int) else [sizes[0], sizes[1]]
    if not all(isinstance(number, int) and 0 < number < 2**16 for number in numbers):
        raise ValueError(f"embed_dim, context_length and image_size are {numbers}")
    strange = sorted((model["text_cfg"].get("tokenizer_kwargs") or {}).keys() - TOKENIZER_OPTIONS)
    if strange:
        raise ValueError(f"tokenizer_kwargs may hold {', '.join(sorted(TOKENIZER_OPTIONS))}, not {strange[0][:60]}")


@dataclass(frozen=True)
class OpenClipTower:
    """One tower of an open_clip model; the model is loaded with the first piece and shared with the other tower."""

    modality: Modality
    source: Source
    run: Run = field(default_factory=Run)
    fused: bool = False  # see hearsee.core.encoders.prepare_picture, also for `draft`
    draft: float = 0.0

    @property
    def dim(self) -> int:
        return int(self.source.config["embed_dim"])

    @property
    def context(self) -> int:
        return int(self.source.config["text_cfg"].get("context_length", 77))

    @cached_property
    def picture_options(self) -> dict[str, Any]:
        """What open_clip's own transform does at inference, as options of the preparation."""
        given = json.loads(self.source.preprocess)
        size = self.source.config["vision_cfg"].get("image_size", 224)
        tall, wide = (size, size) if isinstance(size, int) else size
        mode = given.get("resize_mode") or "shortest"
        kind = (
            "bilinear"
            if given.get("interpolation") == "bilinear" and (mode != "shortest" or tall == wide)
            else "bicubic"
        )
        options = {"mode": mode, "resize": [tall, wide], "filter": kind, "fill": int(given.get("fill_color") or 0)}
        if self.fused:
            options["fused"] = True
        if self.draft:
            options["draft"] = self.draft
        return options if mode == "squash" else options | {"crop": [tall, wide]}

    @property
    def scaling(self) -> tuple[Sequence[float], Sequence[float]]:
        given = json.loads(self.source.preprocess)
        return given.get("mean") or MEAN, given.get("std") or STD

    @property
    def preparation(self) -> str:
        if self.modality is Modality.IMAGE:
            return f"{prepare_picture.NAME}?{json.dumps(self.picture_options, sort_keys=True)}"
        return f'{prepare_text.NAME}?{{"tokens": {self.context - 2}}}'

    @cached_property
    def contract(self) -> Contract:
        rule: Mapping[str, Any]
        if self.modality is Modality.IMAGE:
            mean, std = self.scaling
            rule = {"rule": prepare_picture.RULE, **self.picture_options, "mean": list(mean), "std": list(std)}
            windows = "the whole picture"
        else:
            rule = {"rule": prepare_text.RULE, "tokenizer": "the model's own", "context": self.context}
            windows = prepare_text.windows_rule(self.context - 2)
        name = self.source.model if not self.source.model.startswith("local-dir:") else self.source.folder.name
        weights = fingerprint(self.source.folder, self.source.weights)
        preprocessing = json.dumps({**rule, "by": "open_clip 3"}, sort_keys=True)
        return Contract(f"open_clip-{self.modality} {name}", weights, preprocessing, windows, DECODER, "float16")

    def encode(self, pieces: Sequence[Piece]) -> Vectors:
        model = load(self.source, self.run)
        if self.modality is Modality.IMAGE:
            mean, std = self.scaling
            return in_batches(
                pieces,
                lambda places: model.see(pixels([pieces[p] for p in places], mean, std, self.run)),
                self.run.size,
            )
        tokens = model.tokens([prepare_text.words_of(piece) for piece in pieces])
        lengths = model.lengths(tokens).tolist()
        device = self.run.torch_device()

        def read(places: Sequence[int]) -> torch.Tensor:
            longest = max(lengths[place] for place in places)
            found: torch.Tensor = model.read(tokens[list(places), :longest].to(device))
            return found

        return in_batches(pieces, read, 2 * self.run.size, lengths, self.run.fewest)


def open_clip_tower(
    modality: Modality,
    *,
    model: str,
    pretrained: str | None = None,
    fused: bool = False,
    draft: float = 0.0,
    **run: Any,
) -> OpenClipTower:
    if modality is Modality.AUDIO:
        raise BadInput("open_clip has no tower for audio: it sees pictures and reads texts")
    return OpenClipTower(modality, find_source(model, pretrained), Run(**run), fused, draft)


class Model:
    """A loaded model: what its two towers share."""

    def __init__(self, source: Source, run: Run, *, whole: bool = False) -> None:
        """`whole`: the last block is computed everywhere, as open_clip does; the same vectors from a plainer graph."""
        import open_clip

        try:
            own = {"trust_remote_code": False} if source.config["text_cfg"].get("hf_tokenizer_name") else {}
            with quiet(), nobody_asked():
                built = open_clip.create_model(source.model, load_weights=False, pretrained_text=False)
                self.tokenize = open_clip.get_tokenizer(source.model, **own)
        except Exception as error:
            short = " ".join(str(error).split())[:200]
            raise Damaged(f"open_clip cannot build {source.model!r} from its configuration: {short}") from None
        _fill(built, source.weights)
        self.model: Any = run.ready(built)
        self.text: Any = getattr(self.model, "text", self.model)
        self._short_text = not whole and openclip_last.is_plain(self.text.transformer)
        short_picture = not whole and openclip_last.is_plain_picture_tower(self.model.visual)
        self.see = run.faster(self._see_short if short_picture else self.model.encode_image)
        self.read = run.faster(self.model.encode_text if self.end is None else self._read_short)

    def tokens(self, texts: Sequence[str]) -> torch.Tensor:
        """Numbers of tokens, (texts, context)."""
        found: torch.Tensor = self.tokenize(list(texts))
        return found

    def lengths(self, tokens: torch.Tensor) -> torch.Tensor:
        """How many tokens of each text matter: up to its end where nothing behind it is seen, else all."""
        import torch

        if self.end is None:
            return torch.full((len(tokens),), tokens.shape[1])
        return self._ends(tokens) + 1

    @property
    def end(self) -> int | str | None:
        """The end token, where a text's vector is read at it and sees only what is before; `argmax`: the highest."""
        text = self.text
        pool = getattr(text, "text_pool_type", None) or getattr(text, "pool_type", None)
        plain = getattr(text, "attn_mask", None) is not None and getattr(text, "cls_emb", None) is None
        if not plain or getattr(text, "use_pad_mask", False) or pool not in ("argmax", "eos"):
            return None
        if pool == "argmax":
            return "argmax"
        return int(text.text_eos_id if hasattr(text, "text_eos_id") else text.eos_id)

    def _ends(self, tokens: torch.Tensor) -> torch.Tensor:
        end = self.end
        return tokens.eq(end).int().argmax(dim=-1) if isinstance(end, int) else tokens.argmax(dim=-1)

    def _see_short(self, pixels: torch.Tensor) -> torch.Tensor:
        return openclip_last.seen(self.model.visual, pixels)

    def _read_short(self, tokens: torch.Tensor) -> torch.Tensor:
        """open_clip's encode_text for tokens cut behind the longest text's end, (texts, length) -> (texts, dim)."""
        import torch

        text = self.text
        length = tokens.shape[1]
        dtype = text.transformer.get_cast_dtype()
        x = text.token_embedding(tokens).to(dtype) + text.positional_embedding[:length].to(dtype)
        mask, ends = text.attn_mask[:length, :length], self._ends(tokens)
        if self._short_text:
            x = text.ln_final(openclip_last.run(text.transformer, x, ends, mask))
        else:
            x = text.ln_final(text.transformer(x, attn_mask=mask))
            x = x[torch.arange(x.shape[0], device=x.device), ends]
        projection = text.text_projection
        if projection is not None:
            x = projection(x) if isinstance(projection, torch.nn.Linear) else x @ projection
        found: torch.Tensor = x
        return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """open_clip warns through the root logger that it made random weights; they are filled right after."""
    root, silent = logging.getLogger(), logging.NullHandler()

    def ours(record: logging.LogRecord) -> bool:
        return f"{os.sep}open_clip{os.sep}" not in record.pathname

    root.addHandler(silent)  # else logging installs a handler of its own, for good
    root.addFilter(ours)
    try:
        yield
    finally:
        root.removeFilter(ours)
        root.removeHandler(silent)


@contextlib.contextmanager
def nobody_asked() -> Iterator[None]:
    """transformers asks at the terminal whether to run code that a folder brings along: here the answer is no."""
    from transformers import dynamic_module_utils

    before = dynamic_module_utils.TIME_OUT_REMOTE_CODE
    dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0
    try:
        yield
    finally:
        dynamic_module_utils.TIME_OUT_REMOTE_CODE = before


def load(source: Source, run: Run) -> Model:
    with LOADING:
        return _loaded(source, run, weights_state(source.weights))


@lru_cache(maxsize=2)  # the space in use, and one that is filled beside it
def _loaded(source: Source, run: Run, state: tuple[State, ...]) -> Model:  # noqa: ARG001 - part of the cache's key
    return Model(source, run)


def _fill(model: torch.nn.Module, path: Path) -> None:
    """Put the weights in, converted as open_clip does; they are read here, where nothing in them can run."""
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    try:
        tensors = convert_state_dict(model, read_weights(path))
        if "positional_embedding" in tensors and not hasattr(model, "positional_embedding"):
            tensors = convert_to_custom_text_state_dict(tensors)
        for name in ("logit_scale", "logit_bias"):
            value = getattr(model, name, None)
            if value is not None:
                tensors[name] = tensors.get(name, value.detach()).reshape(value.shape)
        tensors.pop("text.transformer.embeddings.position_ids", None)  # older transformers stored it
        model.load_state_dict(tensors, strict=True)
    except (RuntimeError, KeyError, AttributeError, IndexError) as error:
        short = " ".join(str(error).split())[:200]
        raise Damaged(f"{path} does not hold the weights of its model: {short}") from None
