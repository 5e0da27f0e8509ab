"""The training loop: batches in, the towers of the best validation score out."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from hearsee.indexer.align.cached_gradients import cached_backward
from hearsee.indexer.align.checkpoint import Checkpoints, State, packed_optimizer, unpack_optimizer
from hearsee.indexer.align.gathered import (
    add_up,
    begin_alike,
    everyones,
    first,
    gathered,
    gathered_numbers,
    mine,
    number,
    of_the_first,
    processes,
)
from hearsee.indexer.align.losses import Match, Temperature, contrastive


@dataclass(frozen=True)
class Batch:
    """What the towers read, by modality, and which rows belong together: by matches, or by their groups."""

    inputs: Mapping[str, Tensor]
    matches: Sequence[Match] = ()
    groups: Mapping[str, Tensor] = field(default_factory=dict)  # (rows,): equal numbers show the same thing


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn; learning rises for a twentieth of the steps, then falls as a cosine to zero."""

    epochs: int
    batches: int  # in an epoch
    rate: float = 2e-3
    weight_decay: float = 0.05
    average: float = 0.998  # of the running mean of weights that is validated and returned
    bfloat16: bool = False  # faster where the processor multiplies it
    scale: float = 1 / 0.07  # of cosines, to begin with; it is learned, too
    patience: int | None = None  # epochs without a better score after which it stops; none: it goes on to the end
    chunk: int | None = None  # rows that a tower takes at once, the batch being too large for its memory
    device: str = "cpu"
    compiled: bool = False  # by torch.compile; worth its minutes on a GPU
    side_by_side: bool = True  # towers in threads of their own: good for several small ones on a processor


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to."""

    number: int
    epochs: int
    loss: float
    score: float  # validation, higher is better
    seconds: float
    seconds_left: float
    resumed: bool = False  # it was over before this run began


class Contrastive(nn.Module):
    """The loss over the matches of a batch."""

    def __init__(self, scale: float = 1 / 0.07) -> None:
        super().__init__()
        self.temperature = Temperature(scale)

    def forward(self, rows: Mapping[str, Tensor], batch: Batch) -> Tensor:
        return contrastive(rows, batch.matches, self.temperature())


def fit(
    towers: nn.ModuleDict,
    batches: Callable[[int], Iterable[Batch]],
    plan: Plan,
    validate: Callable[[nn.ModuleDict], float],
    report: Callable[[Epoch], None],
    loss: nn.Module | None = None,
    checkpoints: Checkpoints | None = None,
) -> nn.ModuleDict:
    """Trains the towers in place and returns the averaged copy that validated best.

    `loss` takes the towers' rows by modality and the batch; what it learns itself is learned along. With `checkpoints`
    every epoch's end is kept, and a run that was stopped goes on from the last one as if it had not been: `batches`
    must draw from the epoch's number alone.
    """
    run = _Run(towers.to(plan.device), (loss or Contrastive(plan.scale)).to(plan.device), plan)
    if checkpoints is not None and (state := checkpoints.load()) is not None:
        run.resume(state)
        for epoch in run.told:
            report(epoch)
    started = time.monotonic() - run.seconds
    while len(run.told) < plan.epochs and not run.tired:
        done = len(run.told)
        losses = run.epoch(batches(done))
        score = validate(run.average.eval())
        spent = time.monotonic() - started
        left = spent / (done + 1) * (plan.epochs - done - 1)
        run.note(Epoch(done + 1, plan.epochs, sum(losses) / max(1, len(losses)), run.agreed(score), spent, left))
        if checkpoints is not None:
            state = run.state()  # by all processes, for each has draws of its own
            if first():
                checkpoints.save(state)
        report(run.told[-1])
    return run.best.eval().to("cpu")


class _Run:
    """One training run: everything that changes while it goes on."""

    def __init__(self, towers: nn.ModuleDict, loss: nn.Module, plan: Plan) -> None:
        self.towers, self.loss, self.plan = towers, loss, plan
        begin_alike(towers, plan.device)
        self.average, self.best = copy.deepcopy(towers), copy.deepcopy(towers)
        self.optimizer = torch.optim.AdamW(_parameter_groups(towers, loss, plan.weight_decay), lr=plan.rate)
        factor = _rise_and_fall(plan.epochs * plan.batches)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, factor)
        self.told: list[Epoch] = []
        self.steps = 0
        compiled = plan.compiled
        self._run = {name: torch.compile(tower) if compiled else tower for name, tower in towers.items()}

    @property
    def seconds(self) -> float:
        return self.told[-1].seconds if self.told else 0.0

    @property
    def tired(self) -> bool:
        """Whether the score has not risen for as long as the plan has patience."""
        best = max(self.told, key=lambda epoch: epoch.score, default=None)
        return (
            best is not None and self.plan.patience is not None and len(self.told) - best.number >= self.plan.patience
        )

    def agreed(self, score: float) -> float:
        """All processes stop, and keep, by the score that the first one found."""
        return float(of_the_first(torch.tensor(score, dtype=torch.float64), self.plan.device))

    def note(self, epoch: Epoch) -> None:
        if epoch.score > max((one.score for one in self.told), default=-math.inf):
            self.best = copy.deepcopy(self.average)
        self.told.append(epoch)

    def epoch(self, batches: Iterable[Batch]) -> list[float]:
        losses = []
        self.towers.train()
        with _a_thread_each(self.towers, self.plan.side_by_side and self.plan.device == "cpu") as threads:
            for batch in _one_ahead(batches, threads):
                losses.append(self._step(_shared_out(batch, self.plan.device), threads))
                self.schedule.step()
                self.steps += 1
                # Young averages forget faster, or the first, untrained weights would linger in them.
                _follow(self.average, self.towers, min(self.plan.average, (1 + self.steps) / (10 + self.steps)))
        return [float(loss) for loss in losses]

    def _step(self, batch: Batch, threads: Executor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        if self.plan.chunk is not None:
            run = {name: lambda part, name=name: self._forward(name, part) for name in batch.inputs}
            loss = cached_backward(run, batch.inputs, lambda rows: self._loss(rows, batch), self.plan.chunk)
        else:
            loss = self._whole(batch, threads)
        add_up(self.towers.parameters(), self.loss.parameters())
        torch.nn.utils.clip_grad_norm_(self.towers.parameters(), 1.0)
        self.optimizer.step()
        return loss

    def _whole(self, batch: Batch, threads: Executor) -> Tensor:
        """The loss meets only copies of the rows, so that each tower goes back through its own thread."""
        each = threads.map if self.plan.side_by_side and self.plan.device == "cpu" else map
        names = list(batch.inputs)
        rows = dict(zip(names, each(lambda name: self._forward(name, batch.inputs[name]), names), strict=True))
        copies = {modality: row.detach().requires_grad_() for modality, row in rows.items()}
        loss = self._loss(copies, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        used = [name for name in names if copies[name].grad is not None and rows[name].requires_grad]
        list(each(lambda name: torch.autograd.backward(rows[name], copies[name].grad), used))
        return loss.detach()

    def _forward(self, modality: str, part: Tensor) -> Tensor:
        kind = torch.device(self.plan.device).type
        with torch.autocast(kind, dtype=torch.bfloat16) if self.plan.bfloat16 else nullcontext():
            rows: Tensor = self._run[modality](part)
        return rows.float()

    def _loss(self, rows: Mapping[str, Tensor], batch: Batch) -> Tensor:
        loss: Tensor = self.loss(gathered(rows), batch)
        return loss

    def state(self) -> State:
        """What a run that goes on from here must be given."""
        optimizer = packed_optimizer(self.optimizer)
        modules = {"towers": self.towers, "average": self.average, "best": self.best, "loss": self.loss}
        tensors = {
            f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()
        }
        tensors |= {f"optimizer.{key}": value for key, value in optimizer.tensors.items()}
        tensors["draws"] = everyones(torch.get_rng_state(), self.plan.device)  # (processes, bytes)
        if self.plan.device != "cpu":
            tensors["draws on the device"] = everyones(torch.cuda.get_rng_state(self.plan.device), self.plan.device)
        schedule = {key: value for key, value in self.schedule.state_dict().items() if key != "lr_lambdas"}
        told = [[epoch.loss, epoch.score, epoch.seconds] for epoch in self.told]
        numbers = {"optimizer": optimizer.numbers, "schedule": schedule, "steps": self.steps, "told": told}
        return State(tensors, numbers)

    def resume(self, state: State) -> None:
        def of(name: str) -> dict[str, Tensor]:
            return {key[len(name) + 1 :]: value for key, value in state.tensors.items() if key.startswith(f"{name}.")}

        for name, module in {
            "towers": self.towers,
            "average": self.average,
            "best": self.best,
            "loss": self.loss,
        }.items():
            module.load_state_dict(of(name))
        unpack_optimizer(self.optimizer, State(of("optimizer"), state.numbers["optimizer"]))
        self.schedule.load_state_dict({**state.numbers["schedule"], "lr_lambdas": [None, None]})
        self.steps = int(state.numbers["steps"])
        self.told = [
            Epoch(at, self.plan.epochs, loss, score, seconds, 0.0, resumed=True)
            for at, (loss, score, seconds) in enumerate(state.numbers["told"], 1)
        ]
        torch.set_rng_state(state.tensors["draws"][number()])
        if self.plan.device != "cpu":
            torch.cuda.set_rng_state(state.tensors["draws on the device"][number()], self.plan.device)


def _shared_out(batch: Batch, device: str) -> Batch:
    """This process's share of the batch, where it is learned from; the groups are those of all that is gathered."""
    inputs = {modality: mine(rows).to(device) for modality, rows in batch.inputs.items()}
    groups = {modality: mine(numbers).to(device) for modality, numbers in batch.groups.items()}
    if processes() > 1 and batch.matches:
        raise ValueError("matches are of one process: give the rows' groups")
    return Batch(inputs, batch.matches, gathered_numbers(groups))


@contextmanager
def _a_thread_each(towers: nn.ModuleDict, side_by_side: bool) -> Iterator[Executor]:
    """Towers side by side, the cores shared among them: small networks gain little from many cores each."""
    cores = torch.get_num_threads()
    if side_by_side:
        torch.set_num_threads(max(1, cores // len(towers)))
    try:
        with ThreadPoolExecutor(len(towers) + 1) as threads:  # one more makes the next batch
            yield threads
    finally:
        torch.set_num_threads(cores)


def _one_ahead(batches: Iterable[Batch], threads: Executor) -> Iterator[Batch]:
    """The same batches, each made while the one before is learned from."""
    rest = iter(batches)
    coming = threads.submit(next, rest, None)
    while (batch := coming.result()) is not None:
        coming = threads.submit(next, rest, None)
        yield batch


def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Moves each averaged weight a little towards the model's; counters are copied."""
    ours, theirs = average.state_dict(), model.state_dict()
    for name, value in ours.items():
        if value.is_floating_point():
            value.lerp_(theirs[name], 1 - keep)
        else:
            value.copy_(theirs[name])


def _parameter_groups(towers: nn.Module, loss: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay for matrices only: biases, norms and the temperature have no reason to be small; nothing that is frozen."""
    learned = [weight for weight in towers.parameters() if weight.requires_grad]
    matrices = [weight for weight in learned if weight.ndim > 1]
    others = [weight for weight in learned if weight.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": [*others, *loss.parameters()], "weight_decay": 0.0},
    ]


def _rise_and_fall(steps: int) -> Callable[[int], float]:
    rise = max(1, steps // 20)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, steps - rise)))) / 2

    return factor
