"""What to expect of an entity in its next window, with its spread. The anomaly is what is left.

    past = look_back(values, peers, hour, sums)
    rival = Rival(sums).fit(past, early)               # the entity's own seasonal mean and spread, shrunk
    rows = rows_of(past, rival(past), early)
    net = Expectation(sums, rows.numbers.shape[1])     # is the rival, until it has learned
    learn(net, rows, rows_of(past, rival(past), later), recipe)
    odd = surprise(net(now), now.values, sums)

An expectation is three numbers per feature, (..., F, 3). Those of a count are the logarithms of the mean and of the
dispersion a of a negative binomial distribution, which has the variance mean + a mean^2; the third has no meaning. A
sum is zero or log-normal: mean and logarithm of the standard deviation of its logarithm, logit of its not being zero.
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from scipy.special import betainc
from torch import Tensor, nn
from torch.distributions import NegativeBinomial, Normal

from residual.tabular.past import Past
from residual.tabular.resnet import TabularResNet
from residual.training import History, Judged, Recipe, adamw, train

LEAST, MOST = 1e-4, 1e4  # of a mean, a dispersion or a variance
NARROW = 0.05  # of the logarithm of a sum that never varies, so that it has a density
DROPPED = 0.5  # share of what is inside a block
FAR = 6.0  # standard deviations of an input, beyond which it is as far as there


class Rival(nn.Module):
    """Expects that an entity does what it did, (E, N, F, 3): its mean so far and its spread, shrunk towards its peers'.

    The spread is how far its values were from what was expected of them before.

    Args:
        sums: which features are sums, bool (F,).
        seasonal: by hour of the day, weekends apart, shrunk towards the profile of the peers at the entity's own level.
            Otherwise there is one mean for all windows.
    """

    sums: Tensor

    def __init__(self, sums: Tensor, *, seasonal: bool = True) -> None:
        super().__init__()
        self.seasonal, n = seasonal, len(sums)
        self.register_buffer("sums", sums)
        # Logarithms of the windows that a prior counts for: of the level, of an hour, of the spread.
        self.level, self.hour = (nn.Parameter(torch.full((n + int(sums.sum()),), k)) for k in (2.0, 1.0))
        self.certainty = nn.Parameter(torch.full((n,), 2.0))
        self.spread = nn.Parameter(torch.zeros(n))  # the prior's
        self.slope = nn.Parameter(torch.zeros(n))  # of the logarithm of a count's dispersion over that of its mean

    def forward(self, past: Past) -> Tensor:
        n, sums, means = len(self.sums), self.sums, self._means(past)
        mean = torch.where(sums, means[..., :n], means[..., :n].clamp(min=LEAST))
        value = torch.where(sums & (past.values > 0), past.values.log(), past.values)
        used = past.seen[..., None] & (~sums | (past.values > 0))
        unit = torch.where(sums, torch.ones_like(mean), mean**2)  # a dispersion is what is beyond Poisson's, by this
        beyond = (value - mean) ** 2 - torch.where(sums, torch.zeros_like(mean), mean)
        prior = _windows(self.certainty) * torch.where(sums, torch.ones_like(mean), past.peers[..., :n, 0] ** 2 + LEAST)
        spread = (_before(beyond * used) + prior * self.spread.exp()) / (_before(unit * used) + prior)
        spread, logarithm = spread.clamp(LEAST, MOST).log(), mean.clamp(min=LEAST).log()
        logit = torch.zeros_like(mean)
        logit[..., sums] = means[..., n:].clamp(LEAST, 1 - LEAST).logit()
        spread = torch.where(sums, spread / 2, spread + self.slope * logarithm)
        return torch.stack([torch.where(sums, mean, logarithm), spread, logit], dim=-1)

    def _means(self, past: Past) -> Tensor:
        total, weight, like_peers = past.own.unbind(-1)
        mean, profile = past.peers.unbind(-1)
        level, hour = _windows(self.level), _windows(self.hour)
        if not self.seasonal:
            return (total + level * mean) / (weight + level)
        logarithms = F.pad(self.sums, (0, total.shape[-1] - len(self.sums)))
        above = profile + (total - like_peers) / (weight + level)
        times = profile * (total + level * mean + LEAST) / (like_peers + level * mean + LEAST)
        own, own_weight = past.hour.unbind(-1)
        return (own + hour * torch.where(logarithms, above, times)) / (own_weight + hour)

    def fit(self, past: Past, windows: Tensor) -> Self:
        """Choose how much to shrink, by the log score in some `windows`, bool (N,). No later ones are looked at.

        Raises:
            ValueError: where no entity is there in these windows.
        """
        if not (past.seen & windows).any():
            raise ValueError("windows must hold some of an entity that was seen before, got none")
        self.requires_grad_(True)
        end = int(windows.nonzero().max()) + 1
        early = Past._make([*(field[:, :end] for field in past[:-1]), past.sums])
        some = early.seen & windows[:end]
        optimizer = torch.optim.LBFGS(self.parameters(), max_iter=40, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            lost = _lost(self(early)[some], early.values[some], self.sums)
            lost.backward()
            return lost

        optimizer.step(loss)
        return self.requires_grad_(False)


def _windows(logarithm: Tensor) -> Tensor:
    return logarithm.clamp(-7, 12).exp()


def _before(x: Tensor) -> Tensor:
    """Sums over earlier windows."""
    return F.pad(x.cumsum(dim=1)[:, :-1], (0, 0, 1, 0))


class Rows(NamedTuple):
    """Windows of entities in any order: the rival's expectation (n, F, 3), what else is known (n, D), values (n, F)."""

    base: Tensor
    numbers: Tensor
    values: Tensor


def rows_of(past: Past, base: Tensor, windows: Tensor) -> Rows:
    """All entities that were seen before, in some `windows`, bool (N,)."""
    some = past.seen & windows
    return Rows(base[some], past.numbers[some], past.values[some])


class Expectation(nn.Module):
    """What a network makes of the rival's expectation, (n, F, 3): at first just that.

    Who the entity is the rival knows; that it is new, its age says. So nothing has to be learned for each entity.

    Args:
        sums: which features are sums, bool (F,).
        n_numbers: D of the rows.
        width, n_blocks: of the network, a `TabularResNet`.
        skip: add the rival's expectation to what the network says. Otherwise it is one of the inputs and no more.

    Raises:
        ValueError: when called, for one row in train mode, and for numbers that are not finite.
    """

    sums: Tensor

    def __init__(self, sums: Tensor, n_numbers: int, *, width: int = 64, n_blocks: int = 2, skip: bool = True) -> None:
        super().__init__()
        self.skip, n = skip, 3 * len(sums)
        self.register_buffer("sums", sums)
        self.scale = nn.BatchNorm1d(n + n_numbers, affine=False)
        self.branch = TabularResNet(
            n + n_numbers, [], d_embedding=1, d_block=width, n_blocks=n_blocks, d_hidden_multiplier=1,
            dropouts=(DROPPED, 0),
        )  # fmt: skip
        self.output = nn.Linear(width, n)
        if skip:
            nn.init.zeros_(self.output.weight)
            nn.init.zeros_(self.output.bias)

    def forward(self, rows: Rows) -> Tensor:
        if self.training and len(rows.base) < 2:
            raise ValueError(f"batch norm needs at least 2 rows in train mode, got {len(rows.base)}")
        inputs = self.scale(torch.cat([rows.base.flatten(1), rows.numbers], dim=1)).clamp(-FAR, FAR)
        change: Tensor = self.output(self.branch(inputs)).view(rows.base.shape)
        return rows.base + change if self.skip else change


def learn(net: Expectation, rows: Rows, later: Rows, recipe: Recipe, *, progress: bool = True) -> History:
    """Train on `rows`, and keep the weights that expect best what is in `later`, be it those from before training.

    The history's losses are minus the log score of a window, summed over its features. The order of rows comes from the
    recipe's seed, what is dropped out from torch's global random numbers.

    Raises:
        ValueError: for fewer rows than one batch, or no later ones.
    """
    n, size = len(rows.values), recipe.batch_size
    if n < size or not len(later.values):
        raise ValueError(
            f"rows must be at least a batch of {size}, and later ones some, got {n} and {len(later.values)}"
        )

    def batches(step: int) -> Iterator[Rows]:
        for epoch in range(step // (n // size), recipe.epochs):
            generator = torch.Generator().manual_seed(1_000_003 * recipe.seed + epoch)
            for some in torch.randperm(n, generator=generator)[: n // size * size].split(size):
                yield Rows(*(field[some] for field in rows))

    def objective(some: Rows) -> Judged:
        return Judged(_lost(net(some), some.values, net.sums), torch.tensor(0), 0)

    @torch.no_grad()
    def validate() -> float:
        return float(_lost(net.eval()(later), later.values, net.sums))

    return train(
        net, adamw(net, recipe), recipe, batches, objective,
        steps=recipe.epochs * (n // size), every=n // size, validate=validate, progress=progress,
    )  # fmt: skip


def _lost(expected: Tensor, values: Tensor, sums: Tensor) -> Tensor:
    return -log_score(expected, values, sums).mean(dim=0).sum()


def log_score(expected: Tensor, values: Tensor, sums: Tensor) -> Tensor:
    """The logarithm of the probability of each value, or of the density of a sum, float64 (..., F)."""
    (mean, a), (location, spread, logit), values = *_split(expected, sums), values.double()
    score = torch.empty_like(values)
    counted = NegativeBinomial(1 / a, logits=(mean * a).log(), validate_args=False)
    score[..., ~sums] = counted.log_prob(values[..., ~sums])
    summed = values[..., sums]
    log = summed.clamp(min=LEAST).log()
    above = F.logsigmoid(logit) + Normal(location, spread, validate_args=False).log_prob(log) - log
    score[..., sums] = torch.where(summed > 0, above, F.logsigmoid(-logit))
    return score


@torch.no_grad()
def surprise(expected: Tensor, values: Tensor, sums: Tensor) -> Tensor:
    """Minus the logarithm to base 10 of the probability of a value at least as high, float64 (..., F); at most 300."""
    (mean, a), (location, spread, logit), values = *_split(expected, sums), values.double()
    share = torch.ones_like(values)
    counted, summed = values[..., ~sums], values[..., sums]
    above = torch.as_tensor(betainc(*(x.numpy() for x in (counted.clamp(min=1), 1 / a, mean * a / (1 + mean * a)))))
    share[..., ~sums] = torch.where(counted > 0, above, 1.0)
    above = logit.sigmoid() * torch.special.ndtr((location - summed.clamp(min=LEAST).log()) / spread)
    share[..., sums] = torch.where(summed > 0, above, 1.0)
    return -share.clamp(min=1e-300).log10()


def _split(expected: Tensor, sums: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    """Mean and dispersion of counts; location and spread of the logarithm of sums, and their logit; all in float64."""
    location, spread, logit = expected.double().unbind(-1)
    counts = location[..., ~sums].clamp(-20, 20).exp(), spread[..., ~sums].clamp(-9, 9).exp()
    return counts, (location[..., sums], spread[..., sums].exp() + NARROW, logit[..., sums])
