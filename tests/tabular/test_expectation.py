"""The rival, the network that starts as it, and what is known before a window."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from residual.storage import read_tensors, write_tensors
from residual.tabular.expectation import Expectation, Rival, Rows, learn, log_score, rows_of, surprise
from residual.tabular.past import Past, look_back
from residual.training import Recipe

SUMS = torch.tensor([False, True, False])
HOUR = torch.arange(14 * 24) % 168
PEERS = torch.tensor([0, 0, 0, 1, 1, 0])


def panel(seed: int = 0) -> Tensor:
    """Two weeks of six entities: the last comes on day 10, and the others are busy in the day."""
    rng = np.random.default_rng(seed)
    rate = np.where((HOUR.numpy() % 24 > 7) & (HOUR.numpy() % 24 < 18), 6.0, 0.5)[:, None] * [1.0, 1.0, 0.2]
    values = rng.poisson(rate * rng.gamma(2, 1, (6, 1, 1))).astype(np.float32)
    values[..., 1] *= rng.lognormal(6, 1, values.shape[:2])
    values[5, : 10 * 24] = 0
    return torch.from_numpy(values)


def known(values: Tensor) -> Past:
    return look_back(values, PEERS, HOUR, SUMS)


def days(first: int, last: int) -> Tensor:
    day = 7 + torch.arange(7 * 24) // 24
    return (day >= first) & (day < last)


def net_of(past: Past, **settings: Any) -> Expectation:
    torch.manual_seed(0)
    return Expectation(SUMS, past.numbers.shape[-1], **settings)


@pytest.mark.parametrize("seasonal", [False, True])
def test_nothing_looks_ahead(seasonal: bool) -> None:
    values, end = panel(), 11 * 24
    other = values.clone()
    other[:, end:] = 3 * panel(1)[:, end:]
    pasts = [known(v) for v in (values, other)]
    till = slice(0, end - 7 * 24 + 1)  # the first window that differs knows nothing of that
    rivals = [Rival(SUMS, seasonal=seasonal).fit(past, days(7, 9)) for past in pasts]
    for name in ("own", "hour", "peers", "numbers", "seen"):
        assert torch.equal(*(getattr(past, name)[:, till] for past in pasts)), name
    expected = [rival(past) for rival, past in zip(rivals, pasts, strict=True)]
    assert torch.equal(*(e[:, till] for e in expected))
    assert not torch.equal(*expected)


def test_the_untrained_network_is_the_rival_and_the_branch_learns() -> None:
    past = known(panel())
    rows = rows_of(past, Rival(SUMS)(past).detach(), days(7, 14))
    net = net_of(past)
    assert torch.equal(net(rows), rows.base)
    assert torch.equal(net.eval()(rows), rows.base)
    log_score(net(rows), rows.values, SUMS).mean().backward()
    gradient = net.output.weight.grad
    assert gradient is not None
    assert gradient.abs().sum() > 0


def test_without_its_skip_path_it_is_not() -> None:
    past = known(panel())
    rows = rows_of(past, Rival(SUMS)(past).detach(), days(7, 14))
    assert not torch.allclose(net_of(past, skip=False)(rows), rows.base)


def test_training_keeps_what_expects_later_days_best() -> None:
    past = known(panel())
    base = Rival(SUMS).fit(past, days(7, 11))(past)
    rows, later = rows_of(past, base, days(7, 11)), rows_of(past, base, days(11, 14))

    def run() -> tuple[Expectation, float, list[float]]:
        net = net_of(past)
        losses = learn(net, rows, later, Recipe(epochs=3, batch_size=64, peak_lr=0.01), progress=False).valid_loss
        with torch.no_grad():
            return net, float(-log_score(net.eval()(later), later.values, SUMS).mean(0).sum()), losses

    net, loss, losses = run()
    with pytest.raises(ValueError, match="at least a batch of 99999"):
        learn(net, rows, later, Recipe(epochs=1, batch_size=99_999), progress=False)
    assert loss == pytest.approx(min(losses))
    assert loss <= losses[0]
    assert losses[0] == pytest.approx(float(-log_score(later.base, later.values, SUMS).mean(0).sum()))
    again = run()[0]
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_scores_are_those_of_the_distributions() -> None:
    mean, a, location, spread, share = 3.5, 0.7, 5.0, 1.3, 0.4
    expected = torch.tensor([[np.log(mean), np.log(a), 0], [location, np.log(spread), np.log(share / (1 - share))]])
    counted, spread = stats.nbinom(1 / a, 1 / (1 + a * mean)), spread + 0.05
    summed = stats.lognorm(spread, scale=np.exp(location))
    for count, total in ((0, 0.0), (1, 20.0), (9, 3000.0), (60, 1e6)):
        values, sums = torch.tensor([float(count), total]), torch.tensor([False, True])
        density = np.log(share) + summed.logpdf(total) if total else np.log(1 - share)
        torch.testing.assert_close(
            log_score(expected, values, sums),
            torch.tensor([counted.logpmf(count), density]).double(),
            rtol=1e-5,
            atol=0,
        )
        tail = torch.tensor([counted.sf(count - 1), share * summed.sf(total) if total else 1.0]).double()
        torch.testing.assert_close(surprise(expected, values, sums), -tail.log10(), rtol=1e-4, atol=1e-9)


def test_a_spread_grows_with_what_was_not_expected() -> None:
    quiet, loud = panel(), panel()
    loud[0, 8 * 24 + 12, 0] = 500
    rival = Rival(SUMS)
    rival.certainty.data.fill_(0)
    spreads = [rival(known(v))[0, -1, 0, 1] for v in (quiet, loud)]
    assert spreads[1] > spreads[0] + 1


def test_a_new_entity_is_expected_to_do_what_its_peers_do() -> None:
    values = panel()
    past = known(values)
    first = int((values[5] > 0).any(1).nonzero()[0]) - 7 * 24
    assert not past.seen[5, : first + 1].any()
    assert past.seen[5, first + 1 :].all()
    at = first + 1
    for seasonal, which in ((False, 0), (True, 1)):
        mean = Rival(SUMS, seasonal=seasonal)(past)[5, at, 0, 0].exp()
        torch.testing.assert_close(mean, past.peers[5, at, 0, which], rtol=1e-3, atol=1e-3)
    assert len(rows_of(past, Rival(SUMS)(past), days(7, 14)).values) == past.seen.sum()


def test_one_row_alone_and_windows_of_four_hours() -> None:
    values = panel().view(6, 14 * 6, 4, 3).sum(2)
    past = look_back(values, PEERS, HOUR[::4], SUMS)
    rows = rows_of(past, Rival(SUMS)(past).detach(), torch.ones(7 * 6, dtype=torch.bool))
    net = net_of(past)
    torch.nn.init.normal_(net.output.weight)
    one = net.eval()(Rows(*(field[:1] for field in rows)))
    torch.testing.assert_close(one, net(rows)[:1])
    with pytest.raises(ValueError, match="at least 2 rows"):
        net.train()(Rows(*(field[:1] for field in rows)))


def test_a_network_that_was_saved_expects_the_same(tmp_path: Any) -> None:
    past = known(panel())
    rival = Rival(SUMS).fit(past, days(7, 11))
    rows = rows_of(past, rival(past), days(7, 14))
    net = net_of(past)
    learn(net, rows, rows, Recipe(epochs=1, batch_size=64, peak_lr=0.01), progress=False)
    write_tensors(tmp_path / "net", net.state_dict())
    write_tensors(tmp_path / "rival", rival.state_dict())
    again, rival_again = net_of(past), Rival(SUMS)
    again.load_state_dict(read_tensors(tmp_path / "net", what="a network")[0])
    rival_again.load_state_dict(read_tensors(tmp_path / "rival", what="a rival")[0])
    torch.testing.assert_close(again.eval()(rows), net.eval()(rows), rtol=0, atol=0)
    assert torch.equal(rival_again(past), rival(past))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"values": panel()[0]}, r"values must be float32 \(entities, windows, features\)"),
        ({"values": panel().double()}, "float64"),
        ({"values": panel().index_fill(1, torch.tensor([7]), float("nan"))}, r"values\[0, 7, 0\] is nan"),
        ({"values": -panel()}, "expected a count"),
        ({"values": panel() + 0.5}, r"values\[0, 0, 0\] is .*5, expected a count"),
        ({"peers": torch.zeros(5, dtype=torch.int64)}, r"peers must be torch.int64 \(6,\)"),
        ({"peers": PEERS - 1}, "got -1"),
        ({"sums": SUMS.int()}, "sums must be torch.bool"),
        ({"hour": torch.cat([HOUR[:9], HOUR[8:-1]])}, "one step"),
        ({"hour": torch.arange(14 * 24) * 5 % 168}, "divides 24"),
        ({"values": panel()[:, :168], "hour": HOUR[:168]}, "more than the 168 of a week"),
    ],
)
def test_a_wrong_panel_is_refused(change: dict[str, Tensor], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        look_back(**{"values": panel(), "peers": PEERS, "hour": HOUR, "sums": SUMS} | change)
