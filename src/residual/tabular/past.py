"""What is known before each window of a panel: an entity's own past, that of its peers, and the clock.

A panel is a grid, values (E, T, F): what each of E entities did in each of T windows of equal length, which follow each
other, by F features. A feature is a *count* (of events, of different values) or a *sum* (say, of bytes). An entity is
there from its first window with a value above zero on. Of that window nothing is learned, because it was chosen for its
value. Nothing here looks at a window itself, or at later ones.
"""

from typing import NamedTuple

import torch
from torch import Tensor

WEEK = 168  # hours
# How many windows the mean of everybody counts for in that of a group of peers, and that in an hour of its profile.
COMMON = 4.0


class Past(NamedTuple):
    """What is known before each of N windows, those from the second week on.

    A count has one statistic, its value. A sum has two: the logarithm of what is above zero, and whether it is. The
    latter stand behind, C = F + number of sums.

    Attributes:
        values: of the windows themselves, which no other field has seen, (E, N, F).
        seen: whether the entity was there before, (E, N).
        own: by statistic the sum so far, its weight, and what peers would have had in these windows, (E, N, C, 3).
        hour: sum and weight in windows of the same hour of the day, weekends apart, (E, N, C, 2).
        peers: mean of the peers so far, and in windows of this hour, (E, N, C, 2).
        numbers: logarithms of values 1, 2 and 3 windows, a day and a week ago, and of means over six hours, a day and a
            week; what peers did one window ago; the time of day as sines and cosines; the age, (E, N, D).
        sums: which features are sums, (F,).
    """

    values: Tensor
    seen: Tensor
    own: Tensor
    hour: Tensor
    peers: Tensor
    numbers: Tensor
    sums: Tensor


def look_back(values: Tensor, peers: Tensor, hour: Tensor, sums: Tensor) -> Past:
    """Go through a panel in the order of time.

    Args:
        values: float (E, T, F).
        peers: the group of each entity, int64 (E,) from 0.
        hour: of the week, at which each window begins, int64 (T,); 0 is Monday at midnight.
        sums: which features are sums, bool (F,).

    Raises:
        ValueError: for other shapes or types; for a value that is NaN, infinite or negative, and a count that is not
            whole; for groups below 0; for hours that do not go on by one step that divides a day; and for no window
            after the first week.
    """
    day = 24 // _step(values, peers, hour, sums)
    n, week, end = len(values), 7 * day, len(hour)
    active = (values > 0).any(dim=2)
    age = torch.arange(end) - torch.where(active.any(dim=1), active.int().argmax(dim=1), end)[:, None]
    x, weight = _statistics(values, age > 0, sums)
    of_hour = hour * day // 24 % day + day * (hour >= 120)
    own = torch.zeros(2, n, 2 * day, x.shape[2])  # sums and weights
    group = torch.zeros(2, int(peers.max()) + 1, *own.shape[2:])
    known = []
    for t, h in enumerate(of_hour.tolist()):
        if t >= week:
            total, count = group.sum(dim=2)
            mean = (total + COMMON * total.sum(0) / count.sum(0).clamp(min=1)) / (count + COMMON)
            profile = (group[0] + COMMON * mean[:, None]) / (group[1] + COMMON)
            like_peers = (own[1] * profile[peers]).sum(dim=1)
            known.append(torch.stack([*own.sum(2), like_peers, *own[:, :, h], mean[peers], profile[peers, h]], -1))
        now = torch.stack([x[:, t], weight[:, t]])
        own[:, :, h] += now
        group[:, :, h] = group[:, :, h].index_add(1, peers, now)

    summed = torch.cat([torch.zeros(n, 1, len(sums)), values.double().cumsum(dim=1)], dim=1)
    means = [(summed[:, week:-1] - summed[:, week - k : -1 - k]) / k for k in (max(2, day // 4), day, week)]
    lags = [values[:, week - k : end - k] for k in (1, 2, 3, day, week)]
    none = torch.zeros(len(group[0]), end, x.shape[2])
    of_peers = none.index_add(0, peers, x) / none.index_add(0, peers, weight).clamp(min=1)
    turn = 2 * torch.pi / 24 * hour[week:, None] * torch.tensor([1, 2])
    clock = torch.cat([turn.sin(), turn.cos()], dim=1).expand(n, -1, -1)
    amounts = torch.cat([*lags, *means, age[:, week:, None].clamp(min=0)], dim=2).clamp(min=0).float().log1p()
    numbers = torch.cat([amounts, of_peers[peers, week - 1 : -1], clock], dim=2)
    fields = torch.stack(known, dim=1).split([3, 2, 2], dim=-1)
    return Past._make([values[:, week:], age[:, week:] > 0, *fields, numbers, sums])


def _statistics(values: Tensor, seen: Tensor, sums: Tensor) -> tuple[Tensor, Tensor]:
    """What is averaged, and with what weight: (E, T, C) each."""
    above = values > 0
    x = torch.cat([torch.where(sums & above, values.log(), values), above[..., sums]], dim=2)
    weight = seen[..., None] & torch.cat([above | ~sums, torch.ones_like(above[..., sums])], dim=2)
    return x * weight, weight.float()


def _step(values: Tensor, peers: Tensor, hour: Tensor, sums: Tensor) -> int:
    """How many hours a window has, if all is as `look_back` wants it."""
    if values.ndim != 3 or not values.numel() or values.dtype != torch.float32:
        raise ValueError(
            f"values must be float32 (entities, windows, features), got {values.dtype} {tuple(values.shape)}"
        )
    others = {"peers": (peers, torch.int64), "hour": (hour, torch.int64), "sums": (sums, torch.bool)}
    for (name, (array, dtype)), n in zip(others.items(), values.shape, strict=True):
        if array.shape != (n,) or array.dtype != dtype:
            raise ValueError(f"{name} must be {dtype} ({n},), got {array.dtype} {tuple(array.shape)}")
    right = values.isfinite() & (values >= 0) & (sums | (values == values.round()))
    for entity, window, feature in (~right).nonzero().tolist()[:1]:
        expected = "a finite number from 0 on" if sums[feature] else "a count"
        got = values[entity, window, feature].item()
        raise ValueError(f"values[{entity}, {window}, {feature}] is {got}, expected {expected}")
    if peers.min() < 0:
        raise ValueError(f"peers must be groups from 0 on, got {int(peers.min())}")
    step = int(hour[:2].diff().sum()) % WEEK
    if not step or 24 % step or not torch.equal(hour, (hour[0] + step * torch.arange(len(hour))) % WEEK):
        raise ValueError(f"hour must go on by one step that divides 24, modulo {WEEK}, got {hour[:4].tolist()}")
    if len(hour) <= WEEK // step:
        raise ValueError(f"windows must be more than the {WEEK // step} of a week, got {len(hour)}")
    return step
