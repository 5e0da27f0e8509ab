"""Where a training run stood: one safetensors file with a JSON in its header, whole or absent at every moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hearsee.core.errors import Damaged, HearseeError, Refused
from hearsee.indexer.files import TEMPORARY, make_folder, publish

FILE = "checkpoint.safetensors"
FORMAT = 2  # 2: the draws of several processes


@dataclass(frozen=True)
class State:
    """Everything that the next step depends on."""

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]  # what JSON holds to the bit


@dataclass(frozen=True)
class Checkpoints:
    """The last state of one run; `identity` says of which run, so that no other one goes on from it."""

    folder: Path
    identity: Mapping[str, str]  # what must be the same, by the name that a person knows it by
    say: Callable[[str], None]

    @property
    def path(self) -> Path:
        return self.folder / FILE

    def load(self) -> State | None:
        """Where to go on from; None where there is nothing, an error where it is another run's."""
        if not self.path.is_file():
            return None
        from safetensors import safe_open

        try:
            with safe_open(self.path, framework="pt") as file:
                told = json.loads((file.metadata() or {})["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            identity, numbers = dict(told["identity"]), dict(told["numbers"])
        except Exception as error:  # safetensors has no common error
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise Damaged(f"{self.path} is no checkpoint ({reason}): remove it to start anew") from None
        mine = {**self.identity, "format": str(FORMAT)}
        other = [name for name in mine if identity.get(name) != mine[name]]
        if other:
            differs = "; ".join(
                f"{name}: {_short(identity.get(name))} against {_short(mine[name])}" for name in other[:2]
            )
            raise Refused(
                f"{self.path} is of another run ({differs}): train as before, name another folder, or remove it to "
                "start anew"
            )
        return State(tensors, numbers)

    def save(self, state: State) -> None:
        """Put it in the place of the last one; where that fails the last one stays, and training goes on."""
        from safetensors.torch import save

        identity = {**self.identity, "format": str(FORMAT)}
        told = json.dumps({"identity": identity, "numbers": dict(state.numbers)}, allow_nan=True)
        whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.tensors.items()}
        try:
            make_folder(self.folder)
            # Left behind by a run that was killed while it wrote; nothing else writes here.
            (self.folder / (FILE + TEMPORARY)).unlink(missing_ok=True)
            publish(self.folder, FILE, lambda sink: sink.write(save(whole, metadata={"state": told})))
        except (HearseeError, OSError) as error:
            kept = "the last good checkpoint stays" if self.path.is_file() else "there is none yet"
            self.say(f"no checkpoint was written, {kept}: {error}")

    def clear(self) -> None:
        """The run is over: nothing is left to go on from."""
        self.path.unlink(missing_ok=True)


def packed_optimizer(optimizer: torch.optim.Optimizer) -> State:
    """An optimizer's state as tensors and numbers."""
    held = optimizer.state_dict()
    tensors = {f"{place}.{name}": value for place, slots in held["state"].items() for name, value in slots.items()}
    return State(tensors, {"groups": held["param_groups"]})


def unpack_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in state.tensors.items():
        place, _, name = key.partition(".")
        slots.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({"state": slots, "param_groups": state.numbers["groups"]})


def _short(value: str | None) -> str:
    text = "unknown" if value is None else value
    return text if len(text) <= 40 else f"{text[:12]}…"
