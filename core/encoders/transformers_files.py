"""Models in the layout of transformers: a folder of configuration, weights and tokenizer, read safely."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hearsee.core.encoders.weights import read_object, read_weights, weights_file
from hearsee.core.errors import Damaged, Refused


def read_json(folder: Path, name: str) -> dict[str, Any]:
    return read_object(folder / name)


def read_config(folder: Path) -> Any:
    """The configuration as transformers understands it; code that a folder brings along is never run."""
    from transformers import AutoConfig

    kind = read_json(folder, "config.json").get("model_type")
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise Refused(f"{folder} holds a model of type {kind!r} that cannot be used: {_short(error)}") from None


def load_model(kind: Any, folder: Path, config: Any, *, spare: Iterable[str] = ()) -> Any:
    """The model with every weight it has; one that lacks weights is refused, but for those under the `spare` names."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    weights = weights_file(folder)
    try:
        model, report = kind.from_pretrained(
            None, config=config, state_dict=read_weights(weights), output_loading_info=True
        )
    except (ValueError, RuntimeError, KeyError, AttributeError, TypeError) as error:
        raise Damaged(f"{weights} does not hold the weights of its model: {_short(error)}") from None
    lacking = sorted(name for name in report["missing_keys"] if not any(part in name for part in spare))
    lacking += [str(name) for name in report.get("mismatched_keys", ())]
    if lacking:
        raise Damaged(f"{weights} lacks {len(lacking)} of its model's weights, such as {lacking[0]}: fetch it again")
    return model


def load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise Damaged(f"{folder} holds no tokenizer that can be read: {_short(error)}") from None


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
