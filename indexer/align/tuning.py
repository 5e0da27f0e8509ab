"""Training towers themselves on a library's pairs: small updates of their layers (low rank), or all of their weights.

    trained = train_towers(library, TowerRecipe(rank=8), settings)
    write_tuned(out, library, trained)   # the folder of a new space: hearsee index --space OUT

Media are decoded once, by the ordinary decoders; towers that are not chosen stay as they are, and their stored vectors
stand for them. The loop, the loss, the batches, the report and the checkpoints are those of heads.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hearsee.core.errors import BadInput, HearseeError
from hearsee.core.head import LINEAR, MLP, Head
from hearsee.core.modality import Modality
from hearsee.core.settings import Settings
from hearsee.core.space import Space
from hearsee.core.vectors import Vectors, unit
from hearsee.indexer.align.data import Split, Table, paired_groups, split
from hearsee.indexer.align.gathered import number
from hearsee.indexer.align.heads import TrainedHead, new_heads
from hearsee.indexer.align.loop import Batch, Epoch, Plan, fit
from hearsee.indexer.align.lowrank import low_rank, merge
from hearsee.indexer.align.objective import INFO_NCE, GroupLoss
from hearsee.indexer.align.pieces import Pieces, read_pieces
from hearsee.indexer.align.recall import answers, mean_recall, projected
from hearsee.indexer.align.report import Report, Step, judge
from hearsee.indexer.align.sampling import Sampler
from hearsee.indexer.align.tables import library_table
from hearsee.indexer.align.training import run_checkpoints
from hearsee.indexer.align.tunable import Tunable, tunable
from hearsee.indexer.files import make_folder
from hearsee.indexer.library import Library

EPOCHS, STEPS = 10, 100
RATES = {"low rank": 5e-4, "whole": 5e-5}  # all weights at once are soon led astray
FROZEN = (nn.modules.batchnorm._BatchNorm,)


@dataclass(frozen=True)
class TowerRecipe:
    """Everything that decides the towers, together with the library and its space."""

    seed: int = 0
    rank: int | None = 8  # of the updates; none: whole towers
    towers: tuple[str, ...] = ()  # which learn; none named: all that can be compared with another
    loss: str = INFO_NCE
    epochs: int | None = None  # none: EPOCHS, and more where so few groups would make fewer than STEPS steps
    batch: int = 128  # groups
    chunk: int | None = None  # pieces that go through a tower at once
    positives: int = 1
    rate: float | None = None  # none: by whether whole towers learn
    weight_decay: float = 0.01
    average: float = 0.99
    patience: int | None = None  # epochs without a better score; none: a third of them
    consistency: float = 0.0
    modality_dropout: float = 0.0
    bfloat16: bool = False
    compiled: bool = False
    device: str = "cpu"
    noise: float = 0.0  # of latents, which a tower that learns has none of: these three are for heads
    fuse_mix: float = 0.0
    hard_negatives: int = 0

    @property
    def speed(self) -> float:
        return RATES["whole" if self.rank is None else "low rank"] if self.rate is None else self.rate


class Tuned(nn.Module):
    """A tower and the head behind it; what a batch is like is never learned, only what its rows are."""

    def __init__(self, network: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.network, self.head = network, head

    def forward(self, given: Tensor) -> Tensor:
        rows: Tensor = self.head(self.network(given))
        return rows

    def train(self, mode: bool = True) -> Tuned:
        super().train(mode)
        for module in self.modules():
            if isinstance(module, FROZEN):  # chunks of a batch, and queries later, have no statistics of their own
                module.eval()
        return self


@dataclass(frozen=True)
class TrainedTowers:
    """What was learned; `tunables` say how it is written."""

    towers: nn.ModuleDict  # Tuned, by modality
    tunables: Mapping[str, Tunable]
    report: Report


def train_towers(
    library: Library, recipe: TowerRecipe, settings: Settings, *, folder: Path | None = None,
    say: Callable[[str], None] = lambda _: None, watch: Callable[[Epoch], None] = lambda _: None,
) -> TrainedTowers:  # fmt: skip
    """The towers that validated best, and what they are worth on groups held out, against the library as it is."""
    started, space = time.monotonic(), library.space
    stored = library_table(library)
    chosen = _chosen(recipe, stored, space)
    with _room(folder) as place:
        table, pieces = read_pieces(library, stored, chosen, place, settings, say)
        given = split(table, recipe.seed)
        tunables = {name: tunable(space.tower(Modality.named(name))) for name in chosen}
        run = _Learning(space, stored, given, pieces, tunables, recipe)
        return run.to_the_end(folder, say, watch, started)


@contextmanager
def _room(folder: Path | None) -> Iterator[Path]:
    """Where pieces lie while towers learn; emptied, even of what a run that was killed left there."""
    if folder is None:
        with TemporaryDirectory(prefix="pieces-") as place:
            yield Path(place)
        return
    mine = folder / f"pieces-{number()}"
    shutil.rmtree(mine, ignore_errors=True)
    make_folder(mine)
    try:
        yield mine
    finally:
        shutil.rmtree(mine, ignore_errors=True)


class _Learning:
    """One run: batches of pieces, and of stored vectors where a tower stays as it is."""

    def __init__(
        self, space: Space, stored: Table, given: Split, pieces: Pieces, tunables: Mapping[str, Tunable],
        recipe: TowerRecipe,
    ) -> None:  # fmt: skip
        self.given, self.pieces, self.tunables, self.recipe = given, pieces, tunables, recipe
        self.old = {modality.value: space.head(modality) for modality in space.towers}
        self.space = space
        # What the library answers with now: the stored vectors of the very points that are held out.
        self.before = answers(projected(self.old, _with_vectors(given.held, stored)), given.held)
        torch.manual_seed(recipe.seed)
        self.towers = nn.ModuleDict({name: self._tower(name, stored) for name in sorted(given.train.vectors)})

    def to_the_end(
        self, folder: Path | None, say: Callable[[str], None], watch: Callable[[Epoch], None], started: float
    ) -> TrainedTowers:
        recipe, table = self.recipe, self.given.train
        history = list[Step]()
        batch = min(recipe.batch, len(paired_groups(table)))
        sampler = Sampler.of(table, replace(recipe, batch=batch), nn.ModuleDict())
        epochs = recipe.epochs or max(EPOCHS, -(-STEPS // sampler.batches))
        patience = recipe.patience or max(3, epochs // 3)
        plan = Plan(
            epochs, sampler.batches, rate=recipe.speed, weight_decay=recipe.weight_decay,
            average=recipe.average, bfloat16=recipe.bfloat16, patience=patience, device=recipe.device,
            compiled=recipe.compiled, chunk=recipe.chunk, side_by_side=False,
        )  # fmt: skip
        identity = {name: str(value) for name, value in sorted(asdict(recipe).items())}
        with self.pieces.path.open("rb") as file:
            read = hashlib.file_digest(file, "sha256").hexdigest()
        identity = {"space": self.space.fingerprint, "pieces": read, **identity}
        checkpoints = run_checkpoints(folder, self.given, identity, recipe.device, say)
        least = self._recall(self.towers.to(recipe.device).eval())
        say(f"as they are: validation: mean recall {least:.3f}")

        def batches(epoch: int) -> Iterator[Batch]:
            for one in sampler.epoch(epoch):
                yield Batch({name: self._inputs(name, rows) for name, rows in one.inputs.items()}, groups=one.groups)

        def tell(epoch: Epoch) -> None:
            history.append(Step(epoch.number, epoch.loss, epoch.score))
            watch(epoch)
            if not epoch.resumed:
                say(
                    f"epoch {epoch.number}/{epoch.epochs}  loss {epoch.loss:.3f}  validation: mean recall "
                    f"{epoch.score:.3f}  {epoch.seconds:.0f} s, {epoch.seconds_left:.0f} s left"
                )
            elif epoch.number == 1:
                say(f"going on from {folder}")

        loss = GroupLoss(recipe.loss, recipe.consistency, recipe.bfloat16)
        best = fit(self.towers, batches, plan, self._recall, tell, loss, checkpoints)
        top = max(history, key=lambda step: step.recall)
        after = answers(self._rows(best.to(recipe.device), self.given.held), self.given.held)
        verdict = judge(self.before, after, recipe.seed, "towers")
        counted = {name: len(part.known) for name, part in vars(self.given).items()}
        report = Report(
            **vars(verdict), groups=counted, history=history, best_epoch=top.epoch, notes=self.given.train.notes,
            seconds=time.monotonic() - started, recipe=asdict(recipe),
        )  # fmt: skip
        return TrainedTowers(best.to("cpu"), self.tunables, report)

    def _tower(self, name: str, stored: Table) -> nn.Module:
        head = _head(name, self.old[name], stored, self.space.dim)
        if name not in self.tunables:
            return Tuned(nn.Identity(), head).requires_grad_(False)
        network = self.tunables[name].network
        if self.recipe.rank is not None:
            try:
                low_rank(network, self.recipe.rank)
            except BadInput as error:
                raise BadInput(f"{name}: {error}; train it with --whole") from None
        return Tuned(network, head)

    def _inputs(self, name: str, rows: Any) -> Tensor:
        numbers = np.asarray(rows)
        if name not in self.tunables:
            return torch.from_numpy(np.asarray(numbers, np.float32))
        return self.tunables[name].inputs(self.pieces.of(numbers[:, 0]))

    def _rows(self, towers: nn.ModuleDict, table: Table) -> dict[str, Vectors]:
        """The table's rows in the shared space."""
        size, found = self.recipe.chunk or self.recipe.batch, {}
        with torch.inference_mode():
            for name, rows in table.vectors.items():
                device = next((weight.device for weight in towers.parameters()), torch.device("cpu"))
                parts = [
                    towers[name](self._inputs(name, rows[at : at + size]).to(device)).float().cpu().numpy()
                    for at in range(0, len(rows), size)
                ]
                found[name] = unit(np.concatenate(parts), f"{name} vectors")
        return found

    def _recall(self, towers: nn.ModuleDict) -> float:
        try:
            return mean_recall(answers(self._rows(towers, self.given.validation), self.given.validation))
        except BadInput:
            raise HearseeError(
                f"training lost its way: its towers no longer give numbers; use a rate below {self.recipe.speed:g}"
            ) from None


def learned_heads(trained: TrainedTowers) -> dict[Modality, Head]:
    """The heads behind the towers; none where a tower lives in the space itself."""
    found = {}
    for name, module in trained.towers.items():
        assert isinstance(module, Tuned)
        if isinstance(module.head, TrainedHead):
            found[Modality.named(name)] = module.head.head()
    return found


def learned_networks(trained: TrainedTowers) -> dict[Modality, nn.Module]:
    """Networks as they were built, what was learned of low rank inside their layers."""
    found = {}
    for name in trained.tunables:
        module = trained.towers[name]
        assert isinstance(module, Tuned)
        found[Modality.named(name)] = merge(module.network)
    return found


def _chosen(recipe: TowerRecipe, stored: Table, space: Space) -> Sequence[str]:
    there = sorted(stored.vectors)
    unknown = [name for name in recipe.towers if name not in there]
    if unknown:
        raise BadInput(f"no pairs for the tower of {', '.join(unknown)}: groups hold {', '.join(there)}")
    chosen = sorted(recipe.towers) or there
    if recipe.rank is not None and recipe.rank < 1:
        raise BadInput(f"the rank is {recipe.rank}: it must be 1 at least")
    few = min(one for one in (recipe.epochs, recipe.patience, recipe.chunk, 1) if one is not None)
    if few < 1 or recipe.batch < 2 or not 0 < recipe.speed < np.inf:
        raise BadInput("epochs, patience and chunk must be 1 at least, a batch 2, and the rate a number above 0")
    for name in chosen:
        space.tower(Modality.named(name))
    return chosen


def _head(name: str, head: Head, stored: Table, dim: int) -> nn.Module:
    """The space's head as a module that goes on learning; nothing where the tower lives in the space."""
    if head.matrix is None:
        return nn.Identity()
    one = Table({name: stored.vectors[name]}, {name: stored.groups[name]}, {name: stored.items[name]})
    made = new_heads(one, {name: head}, MLP if head.kind == MLP else LINEAR, dim, 1, 0.0)[name]
    assert isinstance(made, TrainedHead)
    if not head.more:  # a bare matrix takes nothing away
        with torch.no_grad():
            made.centre.zero_()
            made.bias.zero_()
    return made


def _with_vectors(part: Table, stored: Table) -> Table:
    """The part with stored vectors: points are known by their item, and by their place in it."""
    vectors = {}
    for name in part.vectors:
        mine = np.isin(stored.items[name], part.items[name])
        vectors[name] = stored.vectors[name][mine]
    return Table(vectors, part.groups, part.items, part.names)
