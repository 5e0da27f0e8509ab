"""A bridge between two spaces that both read texts: captions alone train the head that carries one into the other.

Both spaces read the same captions; the head learns to turn what the one made of a caption into what the other made of
it. Then it carries the first space's sounds, which lie near its texts but not among them. Three things close that gap:
each kind's middle is taken away, noise hides what only exact texts would tell, and sounds of a library, where there
are any, say where the middle of sounds is and which noise is theirs. Pictures of a library, where there are any, do the
same on the other side: captions moved to where pictures lie, and blurred as they are, are met beside the captions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hearsee.core.errors import BadInput
from hearsee.core.head import Head
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.heads import TrainedHead
from hearsee.indexer.align.loop import Batch, Epoch, Plan, fit
from hearsee.indexer.align.objective import GroupLoss

FEWEST = 100  # captions: with fewer, nothing that is learned can be judged
CARRIED, READ, SEEN = "audio", "text", "image"  # what the head carries, and what it is to meet


@dataclass(frozen=True)
class BridgeRecipe:
    """How the head is learned, together with the captions and the sounds."""

    seed: int = 0
    centre: bool = True  # take the middle of texts, and of sounds, away
    noise: float = 0.4  # even noise on texts, as a share of how far they lie from their middle
    memory: float = 1.0  # how much noise of the kind that a library's sounds have beyond texts; 0: none
    ridge: float = 0.2  # of the closed form that learning starts from, as a share of the mean variance
    epochs: int = 20  # 0: the closed form alone
    batch: int = 512
    rate: float = 1e-3
    held: float = 0.1  # of the captions, to judge by


@dataclass(frozen=True)
class BridgeReport:
    """What the head is worth on captions that it did not learn from; sounds were not asked."""

    captions: int
    held: int
    sounds: int  # of a library, unpaired
    pictures: int  # the same
    closed_form: float  # recall@10 of the held captions, carried, among the other space's vectors of them
    learned: float
    recipe: dict[str, Any]


def build_bridge(
    read: Vectors,
    told: Vectors,
    heard: Vectors | None = None,
    seen: Vectors | None = None,
    recipe: BridgeRecipe | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Head, BridgeReport]:
    """The head from the space of `read` into that of `told`, row i of both being caption i.

    `heard` are any sounds in the first space, `seen` any pictures in the second; neither is paired with anything.
    Without sounds the middle of texts stands in for theirs, and nothing is known of their noise.
    """
    recipe = recipe or BridgeRecipe()
    _check(read, told, heard, seen, recipe)
    read, told = unit(read, "captions of the one space"), unit(told, "captions of the other space")
    sounds = None if heard is None or not len(heard) else unit(heard, "sounds")
    pictures = None if seen is None or not len(seen) else unit(seen, "pictures")
    order = np.random.default_rng([recipe.seed, 79]).permutation(len(read))
    cut = max(1, round(recipe.held * len(order)))
    held, train = order[:cut], order[cut:]
    start = closed_form(read[train], told[train], sounds, recipe)
    module = learned(start, (read, told), (sounds, pictures), (train, held), recipe, say) if recipe.epochs else start
    scores = [_recall(one, read[held], told[held]) for one in (start, module)]
    head = for_sounds(module, sounds, recipe)
    counts = [0 if rows is None else len(rows) for rows in (sounds, pictures)]
    return head, BridgeReport(len(train), len(held), counts[0], counts[1], scores[0], scores[1], asdict(recipe))


def closed_form(read: Vectors, told: Vectors, sounds: Vectors | None, recipe: BridgeRecipe) -> TrainedHead:
    """Ridge regression of one space's captions on the other's; the noise enters as the variance that it would add."""
    x, y = read.astype(np.float64), told.astype(np.float64)
    middle = x.mean(axis=0) if recipe.centre else np.zeros(x.shape[1])
    x, target = x - middle, y - y.mean(axis=0)
    spread = x.T @ x / len(x)
    cross = x.T @ target / len(x)
    if sounds is not None and recipe.memory:
        own = recipe.memory * excess(x, sounds)
        spread += own.T @ own
    spread += recipe.ridge * np.trace(spread) / len(spread) * np.eye(len(spread))
    matrix = np.linalg.solve(spread, cross)
    module = TrainedHead(_tensor(matrix), _tensor(middle), 0, 0.0)
    with torch.no_grad():
        module.bias.copy_(_tensor(y.mean(axis=0)))
    return module


def excess(read: Any, sounds: Vectors) -> Any:
    """Where sounds vary more than texts do: (dim, dim), of which random sums have as much variance as sounds have more.

    A caption that is blurred so is as uncertain as a sound is; no pair of the two is needed to know it.
    """
    heard, said = (rows - rows.mean(axis=0, dtype=np.float64) for rows in (sounds, read))
    values, directions = np.linalg.eigh(heard.T @ heard / len(heard) - said.T @ said / len(said))
    return (directions * np.sqrt(np.maximum(values, 0))).T


def learned(
    start: TrainedHead,
    captions: tuple[Vectors, Vectors],
    library: tuple[Vectors | None, Vectors | None],
    parts: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    recipe: BridgeRecipe,
    say: Callable[[str], None],
) -> TrainedHead:
    """The closed form made better by the contrastive loss: a caption carried must find its own among all others."""
    (read, told), (sounds, pictures), (train, held) = captions, library, parts
    torch.manual_seed(recipe.seed)
    rows, goals = torch.from_numpy(read[train]), torch.from_numpy(told[train])
    noise = Noise.of(read[train], sounds, recipe)
    blur = None if pictures is None else Noise.of(told[train], pictures, replace(recipe, noise=0.0))
    move = None if pictures is None else _tensor(pictures.mean(axis=0) - told[train].mean(axis=0))
    size = min(recipe.batch, len(train))
    steps = len(train) // size

    def batches(epoch: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(recipe.seed * 100_003 + epoch)
        order = torch.randperm(len(rows), generator=generator)
        for step in range(steps):
            at = order[step * size : (step + 1) * size]
            numbers = torch.arange(len(at))
            inputs = {CARRIED: noise.on(rows[at], generator), READ: goals[at]}
            if blur is not None and move is not None:
                inputs[SEEN] = blur.on(goals[at] + move, generator)
            yield Batch(inputs, groups=dict.fromkeys(inputs, numbers))

    def validate(average: nn.ModuleDict) -> float:
        return _recall(average[CARRIED], read[held], told[held])

    def watch(epoch: Epoch) -> None:
        say(f"epoch {epoch.number}/{epoch.epochs}  loss {epoch.loss:.3f}  held-out captions: {epoch.score:.3f}")

    # No early stop: held-out captions carry no sounds' noise, so they would choose the head that trusts texts most.
    plan = Plan(recipe.epochs, steps, rate=recipe.rate, average=0.99, side_by_side=False)
    towers = nn.ModuleDict({CARRIED: _twin(start), READ: nn.Identity(), SEEN: nn.Identity()})
    last = _Last()
    fit(towers, batches, plan, last.of(validate), watch, GroupLoss())
    found = last.towers[CARRIED]
    assert isinstance(found, TrainedHead)
    return found.eval()


@dataclass(frozen=True)
class Noise:
    """What is added to a caption's vector to make it as uncertain as a sound's."""

    level: float  # length of the even noise
    sounds: Tensor | None  # see `excess`

    @classmethod
    def of(cls, read: Vectors, sounds: Vectors | None, recipe: BridgeRecipe) -> Noise:
        spread = float(np.linalg.norm(read - read.mean(axis=0), axis=1).mean())
        own = None if sounds is None or not recipe.memory else _tensor(recipe.memory * excess(read, sounds))
        return cls(recipe.noise * spread, own)

    def on(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        if self.level:
            drawn = torch.randn(rows.shape, generator=generator)
            rows = rows + drawn * (self.level / rows.shape[1] ** 0.5)
        if self.sounds is not None:
            rows = rows + torch.randn(rows.shape, generator=generator) @ self.sounds
        return rows


def for_sounds(module: TrainedHead, sounds: Vectors | None, recipe: BridgeRecipe) -> Head:
    """The head as it carries sounds: their own middle is taken away where a library told it."""
    head = module.head()
    if sounds is None or not recipe.centre:
        return head
    return Head(head.matrix, {**head.more, "centre": sounds.mean(axis=0)})


class _Last:
    """Keeps the towers of the last epoch, whatever their score."""

    towers: nn.ModuleDict

    def of(self, validate: Callable[[nn.ModuleDict], float]) -> Callable[[nn.ModuleDict], float]:
        def keeping(towers: nn.ModuleDict) -> float:
            self.towers = towers
            return validate(towers)

        return keeping


def _twin(head: TrainedHead) -> TrainedHead:
    twin = TrainedHead((head.start + head.change).detach(), head.centre.clone(), 0, 0.0)
    with torch.no_grad():
        twin.bias.copy_(head.bias)
    return twin


def _recall(module: nn.Module, read: Vectors, told: Vectors, k: int = 10) -> float:
    with torch.no_grad():
        carried = functional.normalize(module(torch.from_numpy(read)), dim=1)
        scores = carried @ torch.from_numpy(told).T
        ahead = (scores >= scores.diagonal()[:, None]).sum(dim=1)
    return float((ahead <= k).float().mean())


def _tensor(rows: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(np.asarray(rows, np.float32).copy())


def _check(read: Vectors, told: Vectors, heard: Vectors | None, seen: Vectors | None, recipe: BridgeRecipe) -> None:
    if len(read) != len(told):
        raise BadInput(f"{len(read):,} captions of one space and {len(told):,} of the other: read the same in both")
    if len(read) < FEWEST:
        raise BadInput(f"{len(read)} captions: a bridge needs {FEWEST} at least, and thousands to be any good")
    for what, rows, mine in (("sounds", heard, read), ("pictures", seen, told)):
        if rows is not None and len(rows) and rows.shape[1] != mine.shape[1]:
            raise BadInput(f"{what} of {rows.shape[1]} numbers and captions of {mine.shape[1]}: they are of two spaces")
    for name, least in {"seed": 0, "epochs": 0, "batch": 2}.items():
        if getattr(recipe, name) < least:
            raise BadInput(f"{name} is {getattr(recipe, name)}: it must be {least} at least")
    for name in ("noise", "memory", "ridge", "rate", "held"):
        if not 0 <= getattr(recipe, name) < np.inf or (name in ("rate", "held") and not 0 < getattr(recipe, name) < 1):
            raise BadInput(f"{name} is {getattr(recipe, name)}: it must be a number from 0")
