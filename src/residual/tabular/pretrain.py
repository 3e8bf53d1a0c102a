"""Learning from rows without labels. Told in `book/part4/without-labels.md`.

Two objectives, to be trained by `residual.training.train`. `MaskedParts` hides some parts of a row and predicts them
from the others, as BERT does with words (Devlin et al. 2019) and VIME with columns (Yoon et al. 2020). `Contrastive`
finds a row among others after most of its parts were exchanged (SCARF, Bahri et al. 2022).
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from residual.tabular.batches import Batch
from residual.tabular.categories import FIRST, UNKNOWN, Categories
from residual.tabular.encode import TableEncoder
from residual.tabular.resnet import TabularResNet
from residual.training import Judged

Step = tuple[int, Batch]  # what an objective judges: its random numbers are those of the step


@dataclass(frozen=True)
class Parts:
    """Which numbers and codes of a row are hidden together.

    A part is an object of the schema, such as all of `device.*`, or attributes of one stem, such as `status` and
    `status_id`: one of them would give the others away. What is given is a part for each column.

    Attributes:
        names: of the parts, P of them.
        numeric, categorical: int64 (f,) and (c,), the part of each number and code; the count of unexpected columns,
            which belongs to none, is given P.
        given: bool (P,), what is never hidden and never predicted: who acts, when, and what came before.
        codes: the places in `categorical` that can be predicted: of each column whose values have names.
        numbers: likewise in `numeric`.
        present: places in `numeric` of what says whether each of these numbers is there.
    """

    names: tuple[str, ...]
    numeric: Tensor
    categorical: Tensor
    given: Tensor
    codes: tuple[int, ...]
    numbers: tuple[int, ...]
    present: tuple[int, ...]

    @classmethod
    def of(cls, encoder: TableEncoder, given: Collection[str]) -> "Parts":
        """The parts of what a fitted encoder gives.

        Raises:
            ValueError: for a `given` column that the encoder does not know.
        """
        if unknown := sorted(set(given) - encoder.columns_.keys()):
            raise ValueError(f"given columns must be among those of the encoder, got {', '.join(unknown)}")
        filled = {path: column for path, column in encoder.columns_.items() if column.filled}
        part_of = {path: path if path in given else re.split(r"[._]", path)[0] for path in filled}
        place = {name: number for number, name in enumerate(dict.fromkeys(part_of.values()))}
        numeric, categorical = [len(place)], list[int]()
        codes, numbers, present = list[int](), list[int](), list[int]()
        for path, column in filled.items():
            names, kind = column.numeric_names(), column.parts[0]
            if path not in given and isinstance(kind, Categories) and not kind.hashed:
                codes.append(len(categorical))
            if path not in given and {path, f"{path}:present"} <= {*names}:
                numbers.append(len(numeric) + names.index(path))
                present.append(len(numeric) + names.index(f"{path}:present"))
            numeric += [place[part_of[path]]] * len(names)
            categorical += [place[part_of[path]]] * len(column.cardinalities())
        return cls(
            names=tuple(place),
            numeric=torch.tensor(numeric),
            categorical=torch.tensor(categorical, dtype=torch.int64),
            given=torch.tensor([name in given for name in place]),
            codes=tuple(codes),
            numbers=tuple(numbers),
            present=tuple(present),
        )


class MaskedParts(nn.Module):
    """Hide parts of rows, and predict them from what is left.

    Hidden numbers and codes become 0, as if they were null, and each hidden part adds a learned vector to the skip path
    where it begins. Only what is there is predicted: codes by a softmax over the values of their column, numbers by one
    value. Some given codes are taken for unknown in each batch, so that somebody new is nothing new to the network.

    Args:
        net: the network, of the encoder's columns. Its embeddings are what is wanted in the end.
        parts: of the encoder's columns.
        hide: share of the parts that are hidden.
        forget: share of the given codes that are taken for unknown.
        seed: of what is hidden and taken for unknown.
    """

    def __init__(
        self, net: TabularResNet, parts: Parts, *, hide: float = 0.3, forget: float = 0.1, seed: int = 0
    ) -> None:
        super().__init__()
        self.net, self.parts, self.hide, self.forget, self.seed = net, parts, hide, forget, seed
        width = net.input_projection.out_features
        self.sizes = net.cardinalities[list(parts.codes)].tolist()
        self.begins = [0, *accumulate(self.sizes)]
        self.hidden = nn.Parameter(torch.zeros(len(parts.names), width))
        self.last = nn.Sequential(nn.BatchNorm1d(width), nn.ReLU())
        self.codes = nn.Linear(width, sum(self.sizes))
        self.numbers = nn.Linear(width, len(parts.numbers))

    def drawn(self, n: int, generator: torch.Generator) -> Tensor:
        """Which parts of n rows to hide, bool (n, P)."""
        return (torch.rand(n, len(self.parts.names), generator=generator) < self.hide) & ~self.parts.given

    def read(self, numeric: Tensor, categorical: Tensor, hidden: Tensor) -> Tensor:
        """Rows without their hidden parts, as predictions are made of: (N, d_block). `hidden` is bool (N, P)."""
        gone = F.pad(hidden, (0, 1))
        numbers = numeric.masked_fill(gone[:, self.parts.numeric], 0.0)
        codes = categorical.masked_fill(gone[:, self.parts.categorical], 0)
        out: Tensor = self.last(self.net.embed(numbers, codes, hidden.float() @ self.hidden))
        return out

    def logits(self, read: Tensor, place: int) -> Tensor:
        """Logits of the codes of the column `parts.codes[place]`, (N, cardinality), from what `read` gives."""
        span = slice(self.begins[place], self.begins[place + 1])
        return F.linear(read, self.codes.weight[span], self.codes.bias[span])

    def forward(self, step: Step) -> Judged:
        """The mean surprise of a hidden code, in nats, and the mean loss of a hidden number (Huber's), added up."""
        number, (numeric, categorical, _) = step
        parts, generator = self.parts, _generator(self.seed, number)
        hidden = self.drawn(len(numeric), generator)
        lost = torch.rand(categorical.shape, generator=generator) < self.forget
        lost = lost & F.pad(parts.given, (0, 1))[parts.categorical]
        hidden, lost = hidden.to(numeric.device), lost.to(numeric.device) & (categorical > UNKNOWN)
        read = self.read(numeric, categorical.masked_fill(lost, UNKNOWN), hidden)
        surprise, wrong, answers = read.new_zeros(()), read.new_zeros(()), 0
        columns = list(parts.codes)
        asked = (hidden[:, parts.categorical[columns]] & (categorical[:, columns] >= FIRST)).T
        # Slices of the weights would each have a gradient as large as the whole.
        weights = (parameter.split(self.sizes) for parameter in self.codes.parameters())
        for column, among, weight, bias in zip(columns, asked, *weights, strict=True):
            rows = among.nonzero()[:, 0]
            logits, codes = F.linear(read[rows], weight, bias), categorical[rows, column].long()
            surprise = surprise + F.cross_entropy(logits, codes, reduction="sum")
            wrong = wrong + (logits.argmax(1) != codes).sum()
            answers += len(rows)
        there = hidden[:, parts.numeric[list(parts.numbers)]] & (numeric[:, list(parts.present)] > 0)
        off = F.smooth_l1_loss(self.numbers(read), numeric[:, list(parts.numbers)], reduction="none")
        return Judged(surprise / max(answers, 1) + off[there].sum() / max(int(there.sum()), 1), wrong.detach(), answers)


class Contrastive(nn.Module):
    """Find each row of a batch by a copy of it, most of whose parts come from other rows of the batch.

    The loss is the cross-entropy of finding it, by the cosines of two projections (InfoNCE, van den Oord et al. 2018).

    Args:
        net: the network, of the encoder's columns.
        parts: of the encoder's columns.
        exchange: share of the parts that come from other rows; SCARF's is 0.6.
        temperature: by which cosines are divided.
        seed: of what is exchanged.
    """

    def __init__(
        self, net: TabularResNet, parts: Parts, *, exchange: float = 0.6, temperature: float = 0.2, seed: int = 0
    ) -> None:
        super().__init__()
        self.net, self.parts, self.exchange, self.temperature, self.seed = net, parts, exchange, temperature, seed
        width = net.input_projection.out_features
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def drawn(self, n: int, generator: torch.Generator) -> Tensor:
        """The row that each part of n rows comes from, int64 (n, P)."""
        own, shape = torch.arange(n)[:, None], (n, len(self.parts.names))
        other = torch.randint(n, shape, generator=generator)
        return torch.where(torch.rand(shape, generator=generator) < self.exchange, other, own)

    def exchanged(self, numeric: Tensor, categorical: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Rows whose parts come from other rows; `source` is int64 (N, P)."""
        own = torch.arange(len(numeric))[:, None]
        source = torch.cat([source, own], dim=1).to(numeric.device)
        return numeric.gather(0, source[:, self.parts.numeric]), categorical.gather(
            0, source[:, self.parts.categorical]
        )

    def forward(self, step: Step) -> Judged:
        """The mean of -log p, where p is what a row's copy gives to the row among all of the batch."""
        number, (numeric, categorical, _) = step
        source = self.drawn(len(numeric), _generator(self.seed, number))
        views = (numeric, categorical), self.exchanged(numeric, categorical, source)
        rows, copies = (F.normalize(self.head(self.net.embed(*view)), dim=1) for view in views)
        cosines, own = copies @ rows.T / self.temperature, torch.arange(len(rows), device=rows.device)
        return Judged(F.cross_entropy(cosines, own), (cosines.argmax(1) != own).sum(), len(rows))


def _generator(seed: int, number: int) -> torch.Generator:
    """Of a step: a run that goes on needs no random state from before."""
    return torch.Generator().manual_seed(1_000_003 * seed + number)


def steps_of(passes: Callable[[int, int], Iterator[Batch]], per_pass: int) -> Callable[[int], Iterator[Step]]:
    """Numbered batches from a step on, pass after pass, as `train` asks for them.

    Args:
        passes: the batches of a pass, by its number and that of the first batch that is wanted.
        per_pass: how many batches each has.
    """

    def batches(step: int) -> Iterator[Step]:
        while True:
            for batch in passes(step // per_pass, step % per_pass):
                yield step, batch
                step += 1

    return batches


@torch.no_grad()
def mean_loss(objective: nn.Module, steps: Sequence[Step]) -> float:
    """The loss of an objective over some batches, in evaluation mode: what early stopping looks at."""
    objective.eval()
    return sum(objective(step).loss.item() for step in steps) / len(steps)
