"""Training heads over backbone vectors that are there already: no media is read.

    split_ = split(table_of({"image": photos, "text": captions}, {"image": of_photo, "text": of_caption}), seed=0)
    heads, report = train_heads(split_, HeadRecipe(dim=256, seed=0))
    print(report.sentence)
    rows = heads.by_modality[Modality.IMAGE].apply(photos)   # numpy, as search projects them

Rows with equal group numbers belong together; each modality may have several rows of a group, or none. With `old`
heads the training starts from them and the report compares with them; without, it compares with chance.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hearsee.core.errors import BadInput, HearseeError, Refused
from hearsee.core.head import MLP, Head, Heads
from hearsee.core.modality import Modality
from hearsee.indexer.align.checkpoint import Checkpoints
from hearsee.indexer.align.data import Split, Table, paired_groups, pairs_of
from hearsee.indexer.align.first import Anchors, chosen_ridge, first_heads
from hearsee.indexer.align.gathered import number, processes, same_everywhere
from hearsee.indexer.align.heads import KINDS, TrainedHead, new_heads
from hearsee.indexer.align.loop import Batch, Epoch, Plan, fit
from hearsee.indexer.align.objective import INFO_NCE, GroupLoss
from hearsee.indexer.align.recall import answers, mean_recall, projected
from hearsee.indexer.align.report import Report, Step, judge
from hearsee.indexer.align.sampling import Sampler

AUTO, BEST, RANDOM = "auto", "best", "random"


@dataclass(frozen=True)
class HeadRecipe:
    """Everything that decides the heads, together with the split and the old heads."""

    seed: int = 0
    start: str = AUTO  # old heads, or where there are none by regression; best: whichever validates better; random
    kind: str = MLP  # or linear
    dim: int | None = None  # of the shared space; none: that of the old heads
    width: int = 512  # of the residual's hidden layer
    dropout: float = 0.1  # in it
    loss: str = INFO_NCE  # or sigmoid
    epochs: int = 60
    batch: int = 1024  # groups
    positives: int = 1  # rows of one modality that a group brings into a batch
    rate: float = 3e-4  # it starts from what is good already
    weight_decay: float = 0.05
    average: float = 0.99
    patience: int | None = 15
    noise: float = 0.0  # on the vectors, as a share of their length
    fuse_mix: float = 0.0  # alpha of the mixing shares; 0: off
    modality_dropout: float = 0.0  # share of the groups with three modalities that lose one
    consistency: float = 0.0  # weight of the pull towards a group's middle
    hard_negatives: int = 0  # nearest wrong groups that a group brings into its batch
    chunk: int | None = None  # rows that a head takes at once, the batch being too large for the memory
    bfloat16: bool = False
    compiled: bool = False
    device: str = "cpu"


def train_heads(
    given: Split,
    recipe: HeadRecipe,
    *,
    old: Mapping[str, Head] | None = None,
    folder: Path | None = None,
    space: str = "",
    say: Callable[[str], None] = lambda _: None,
    watch: Callable[[Epoch], None] = lambda _: None,
    anchors: Anchors | None = None,
) -> tuple[Heads, Report]:
    """The heads that validated best, and what they are worth on the groups held out.

    `anchors` are rows that are known to say the same without any pair of ours; the regression starts from them, too.

    With a `folder` every epoch ends in a checkpoint there, and a run that was stopped goes on from the last one;
    `space` names the space that the vectors are of, so that no other run does.
    """
    table = given.train
    _check(given, recipe, old)
    dim = recipe.dim or _dim_of(old)
    started, history = time.monotonic(), list[Step]()
    loss = GroupLoss(recipe.loss, recipe.consistency, recipe.bfloat16)
    checkpoints = run_checkpoints(folder, given, _identity(recipe, old, space, anchors), recipe.device, say)
    start = _start(given, recipe, old, dim, say, anchors)
    torch.manual_seed(recipe.seed)
    heads = new_heads(table, start, recipe.kind, dim, recipe.width, recipe.dropout)
    if processes() > 1:
        torch.manual_seed(recipe.seed * 1009 + number())  # else all would drop out the same places of other rows
    begun = core_heads(heads)
    least = _recall(begun, given)
    batch = min(recipe.batch, len(paired_groups(table)))
    sampler = Sampler.of(table, replace(recipe, batch=batch), heads)
    plan = Plan(
        recipe.epochs, sampler.batches, rate=recipe.rate, weight_decay=recipe.weight_decay, average=recipe.average,
        bfloat16=recipe.bfloat16, patience=recipe.patience, device=recipe.device, compiled=recipe.compiled,
        chunk=recipe.chunk, side_by_side=False,
    )  # fmt: skip

    def epoch_of(epoch: int) -> Iterator[Batch]:
        return sampler.epoch(epoch)

    def validate(average: nn.ModuleDict) -> float:
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # answered in the next lines, with what to do
                return _recall(core_heads(average), given)
        except BadInput:
            raise HearseeError(
                f"training lost its way: its heads no longer give numbers; use a rate below {recipe.rate:g}"
            ) from None

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

    best = fit(heads, epoch_of, plan, validate, tell, loss, checkpoints)
    top = max(history, key=lambda step: step.recall)
    new = core_heads(best) if top.recall > least else begun  # training may not be worth it
    held = given.held
    before = None if old is None else answers(projected(old, held), held)
    verdict = judge(before, answers(projected(new, held), held), recipe.seed)
    counted = {name: len(part.known) for name, part in vars(given).items()}
    report = Report(
        **vars(verdict), groups=counted, history=history, best_epoch=top.epoch if top.recall > least else 0,
        seconds=time.monotonic() - started, notes=table.notes, recipe=asdict(recipe),
    )  # fmt: skip
    about = {"recipe": asdict(recipe), "groups": counted, "verdict": report.verdict, "sentence": report.sentence}
    return Heads({Modality.named(name): head for name, head in new.items()}, dim, about=about), report


def _start(
    given: Split,
    recipe: HeadRecipe,
    old: Mapping[str, Head] | None,
    dim: int,
    say: Callable[[str], None],
    anchors: Anchors | None,
) -> Mapping[str, Head] | None:
    """The heads that training goes on from; none: drawn at random."""
    if recipe.start == RANDOM:
        return None
    if recipe.start == AUTO and old is not None:
        return old
    ways: dict[str, Mapping[str, Head]] = {} if old is None else {"the old heads": old}
    ridge = chosen_ridge(given.train, dim, anchors)
    ways[f"regression, ridge {ridge:g}"] = first_heads(given.train, dim, ridge, anchors)
    found = {way: _recall(heads, given) for way, heads in ways.items()}
    best = max(found, key=lambda way: found[way])  # the old heads where none is better
    say(f"starting from {best}: validation: mean recall {found[best]:.3f}")
    return ways[best]


def _recall(heads: Mapping[str, Head], given: Split) -> float:
    return mean_recall(answers(projected(heads, given.validation), given.validation))


def core_heads(modules: nn.ModuleDict) -> dict[str, Head]:
    return {name: module.head() for name, module in modules.items() if isinstance(module, TrainedHead)}


def _dim_of(old: Mapping[str, Head] | None) -> int:
    dims = {head.matrix.shape[1] for head in (old or {}).values() if head.matrix is not None}
    if len(dims) != 1:
        raise BadInput("the shared space has no dimension: say how many numbers it has, as in --dim 256")
    return int(dims.pop())


def _check(given: Split, recipe: HeadRecipe, old: Mapping[str, Head] | None) -> None:
    for name, least in {"epochs": 1, "batch": 2, "positives": 1, "seed": 0, "hard_negatives": 0, "width": 1}.items():
        if getattr(recipe, name) < least:
            raise BadInput(f"{name} is {getattr(recipe, name)}: it must be {least} at least")
    if recipe.chunk is not None and recipe.chunk < 1:
        raise BadInput(f"chunk is {recipe.chunk}: it must be 1 at least")
    for name in ("rate", "noise", "fuse_mix", "modality_dropout", "consistency", "weight_decay", "dropout"):
        if not 0 <= getattr(recipe, name) < np.inf or (name == "rate" and not recipe.rate):
            raise BadInput(f"{name} is {getattr(recipe, name)}: it must be a number above 0, or 0 to leave it out")
    if recipe.kind not in KINDS:
        raise BadInput(f"no head is called {recipe.kind!r}: use one of {', '.join(KINDS)}")
    if recipe.start not in (AUTO, BEST, RANDOM):
        raise BadInput(f"no start is called {recipe.start!r}: use {AUTO}, {BEST} or {RANDOM}")
    pairs = {name: set(pairs_of(part)) for name, part in vars(given).items()}
    for name, words in (("validation", "to stop by"), ("held", "to judge by")):
        part: Table = getattr(given, name)
        if not pairs[name]:
            raise BadInput(f"no pairs are left {words}: give more groups")
        unknown = part.vectors.keys() - given.train.vectors.keys()
        if unknown:
            raise BadInput(f"{', '.join(sorted(unknown))} stands among the groups {words}, but none to learn from")
    missing = given.train.vectors.keys() - (given.train.vectors if old is None else old).keys()
    if missing:
        raise BadInput(f"there is no old {', '.join(sorted(missing))} head to compare with: give one for each modality")


def run_checkpoints(
    folder: Path | None, given: Split, identity: Mapping[str, str], device: str, say: Callable[[str], None]
) -> Checkpoints | None:
    """What is refused, another run's checkpoint or processes that do not agree, is so before anything is worked out.

    A checkpoint must agree in the identity and in the data: going on with anything else would be another training.
    """
    if folder is None and processes() == 1:
        return None
    digest = hashlib.sha256()
    for part in (given.train, given.validation):
        for modality in sorted(part.vectors):
            digest.update(modality.encode() + np.ascontiguousarray(part.groups[modality]).tobytes())
            digest.update(np.ascontiguousarray(part.vectors[modality]).data)
    whole = {**identity, "data": digest.hexdigest(), "processes": str(processes())}
    if not same_everywhere(str(whole), device):
        raise Refused("the processes of this run see other data or other options: start all with the same command")
    if folder is None:
        return None
    checkpoints = Checkpoints(folder, whole, say)
    checkpoints.load()
    return checkpoints


def _identity(
    recipe: HeadRecipe, old: Mapping[str, Head] | None, space: str, anchors: Anchors | None
) -> dict[str, str]:
    digest = hashlib.sha256()
    for name, rows in sorted((anchors or {}).items()):
        digest.update(name.encode() + np.ascontiguousarray(rows).tobytes())
    heads = {name: head.fingerprint for name, head in sorted((old or {}).items())}
    learned = {name: str(value) for name, value in sorted(asdict(recipe).items())}
    return {"space": space, "old heads": str(heads), "anchors": digest.hexdigest(), **learned}
