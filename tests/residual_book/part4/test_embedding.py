"""The uses of representations: what each measure rewards, which verdict follows, and what the page holds itself to."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from residual.simulate import TYPES
from residual.simulate.calendar import DAY, HOUR, START
from residual.tabular.pretrain import MaskedParts, Parts
from residual.tabular.quality import Residual, overlap
from residual_book.claims import judging
from residual_book.part4.embedding import (
    claims,
    detection,
    experiment,
    fields,
    figures,
    live,
    properties,
    protocol,
    similar,
)
from residual_book.part4.embedding.detection import Hours
from residual_book.part4.embedding.events import Organization, organization
from residual_book.part4.embedding.protocol import (
    NETWORKS,
    RIVALS,
    SIZED,
    SIZES,
    USES,
    Score,
    judge,
    judged,
    verdict_of,
)
from residual_book.part4.embedding.representations import Masked, Network, Plain, Within, hiding
from residual_book.part4.embedding.training import contrastive, learned, network, parts_of
from residual_book.recording import recorded_runs
from residual_book.stats import Interval

RNG = np.random.default_rng(0)
RECALLED = {"labels": tuple(TYPES), "point": ("impossible",), "contextual": ("valid_account",), "collective": ("scan",)}


@pytest.fixture(scope="module")
def org() -> Organization:
    return organization(3, users=10, days=2)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.06, 0.2, "pays"), (-0.2, -0.06, "loses"), (-0.1, 0.04, "no gain"), (-0.01, 0.06, "undecided"),
     (0.04, 0.2, "undecided"), (-0.04, 0.04, "no gain")],
)  # fmt: skip
def test_a_verdict_follows_from_the_ends_of_the_interval(low: float, high: float, verdict: str) -> None:
    assert verdict_of(Interval((low + high) / 2, low, high, 5), 0.05) == verdict


def scored(values: Mapping[str, Mapping[str, float]], default: float = 0.5) -> list[Score]:
    """Scores of five organizations with little noise, by use and arm; recall of 20 episodes of each type."""
    result = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        for use in (*USES, "labels 10", "labels 100"):
            for arm in (*RIVALS, *NETWORKS):
                value = values.get(use, {}).get(arm, default)
                if (own := RECALLED.get(use.partition(" ")[0])) is not None:
                    types = tuple(np.repeat(own, 20).tolist())
                    found = tuple(int(place % 20 < 20 * value) for place in range(len(types)))
                    result.append(Score(seed, use, arm, value, types, found))
                else:
                    result.append(Score(seed, use, arm, value + 0.001 * float(rng.standard_normal())))
        ranks = {"both": 300.0, "untrained": 90.0, "masked": 20.0, "SCARF": 25.0} | values.get("rank", {})
        overlaps = {"another seed": 0.6, "another organization": 0.6, "untrained again": 0.7}
        sized = {
            use: dict.fromkeys(SIZED, 0.5) | values.get(use, {})
            for use in ("firm", *(f"size {size}" for size in SIZES))
        }
        for use, by_arm in {"rank": ranks, "overlap": overlaps | values.get("overlap", {}), **sized}.items():
            result += [Score(seed, use, arm, value + 0.001 * seed) for arm, value in by_arm.items()]
    return result


def test_the_best_rival_is_beaten_or_nobody_is() -> None:
    verdict = judged(scored({"field": {"trees": 0.8, "masked": 0.7, "SCARF": 0.9}}), "field")
    assert (verdict.best, verdict.champion, verdict.verdict) == ("trees", "SCARF", "pays")
    assert verdict.verdicts["masked"] == "loses"


def test_an_untrained_network_does_not_speak_for_those_that_learned() -> None:
    verdict = judged(scored({"field": {"untrained": 0.9}}), "field")
    assert verdict.verdicts["untrained"] == "pays"
    assert verdict.verdict == "no gain"


def test_recall_is_paired_by_episodes() -> None:
    scores = scored({})
    one, other = (score for score in scores if score.use == "point" and score.arm == "both" and score.seed < 2)
    with pytest.raises(ValueError, match=r"same episodes.*0 and 1"):
        protocol.difference([one], [other])


HOLDS: dict[str, dict[str, float]] = {
    "field": {"untrained": 0.45, "SCARF": 0.3},
    "size 16": {"SCARF": 0.6},
    "firm": {"masked": 0.6, "SCARF": 0.4},
    "collective": {"volume": 0.9, **dict.fromkeys(NETWORKS, 0.3)},
    "labels": {"volume": 0.8, **dict.fromkeys(NETWORKS, 0.3)},
}


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("residual.detect.metrics.DRAWS", 200)


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("embedding-collective", {"collective": {"SCARF residual": 0.85, "both": 0.9, "volume": 0.9}}),
        ("embedding-labels", {"labels": {**dict.fromkeys(NETWORKS, 0.3), "volume": 0.8, "context": 0.2}}),
        ("embedding-columns", {"collective": {**dict.fromkeys(NETWORKS, 0.3), "SCARF": 0.6, "volume": 0.9}}),
        ("embedding-training", {"field": {"SCARF": 0.5}}),
        ("embedding-similar", {"similar": {"SCARF": 0.6}}),
        ("embedding-small", {"size 16": {"SCARF": 0.4}}),
        ("embedding-firm", {"firm": {"masked": 0.4, "SCARF": 0.4}}),
        ("embedding-chance", {"overlap": {"another seed": 0.7}}),
        ("embedding-field", {"field": {**HOLDS["field"], "masked head": 0.6}}),
        ("embedding-contextual", {"contextual": {"SCARF": 0.8}}),
        ("embedding-rank", {"rank": {"SCARF": 50.0}}),
        ("embedding-again", {"overlap": {"another seed": 0.8, "untrained again": 0.9}}),
    ],
)
def test_each_claim_holds_and_fails_when_what_it_says_is_not_so(claim: str, changed: dict[str, Any]) -> None:
    for values, holds in ((HOLDS, True), (HOLDS | changed, False)):
        with judging() as outcomes:
            claims.on_scores(scores := scored(values), judge(scores))
        held = {outcome.claim.id: outcome.held for outcome in outcomes}
        assert held[claim] is holds
        assert all(own for name, own in held.items() if name != claim)


def test_figures_and_tables_of_the_uses_have_all_arms() -> None:
    scores = judge(scored(HOLDS))
    assert figures.uses(scores).narrow is not None
    heads, _, *rows = figures.verdicts(scores).data.splitlines()
    assert [row.split("|")[1].strip(" *") for row in rows] == [*RIVALS, *NETWORKS]
    assert heads.count("|") == len(USES) + 2
    assert "**0.90**" in figures.verdicts(scores).data
    assert len(figures.labels(scores).data.splitlines()) > 5
    assert len(figures.properties(scored(HOLDS)).data.splitlines()) == len(SIZED) + 2
    assert len(figures.gains(scores, scores).data.splitlines()) == len(USES) + 2


def test_what_few_directions_hold_is_less_and_parts_that_are_missing_move_neighbors(org: Organization) -> None:
    known = experiment.some(org, range(1))
    plain = Plain.fit(*known, np.ones(known[0].shape[1], bool), codes=True)
    numbers, codes = properties.emptied(parts_of(org), known, np.random.default_rng(0))
    changed = (numbers != known[0]).any(1) | (codes != known[1]).any(1)
    assert 0.9 < changed.float().mean() <= 1
    gone = codes[known[1] > 0] == 0
    assert 0.05 < gone.float().mean() < 0.2
    assert 0.2 < overlap(plain(*known), plain(numbers, codes)) < 0.95
    few = properties.Reduced.fit(plain, known, 4)(*known)
    assert few.shape == (len(known[0]), 4)
    assert few.var(0).sum() < plain(*known).var(0).sum()


def test_properties_are_those_of_the_arms_that_have_them(org: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similar, "precision", lambda *_: 0.5)  # two days have no test days
    known = experiment.some(org, range(1))
    plain = Plain.fit(*known, np.ones(known[0].shape[1], bool), codes=True)
    uses = [score.use for score in properties.of(org, "both", plain, known, known)]
    assert uses == ["rank", "firm", *(f"size {size}" for size in protocol.SIZES)]
    assert [score.use for score in properties.of(org, "fields", plain, known, known)] == ["rank"]


def test_expected_windows_have_the_episodes_of_the_recording() -> None:
    expected = experiment.expected()
    assert {score.use for score in expected} == set(detection.KINDS)
    assert {score.seed for score in expected} == set(experiment.SEEDS)
    volume = recorded_runs(experiment.RESULT, Score)
    for score in expected:
        other = next(s for s in volume if (s.seed, s.use, s.arm) == (score.seed, score.use, "volume"))
        assert score.type == other.type


def test_coordinates_that_are_alike_are_one_and_rare_codes_have_none() -> None:
    codes = torch.tensor([[2, 5, 2]] * 500 + [[3, 6, 2]] * 499 + [[9, 6, 2]])
    numbers = torch.stack([torch.arange(1000.0), torch.arange(1000.0), torch.zeros(1000)], dim=1)
    plain = Plain.fit(numbers, codes, np.ones(3, bool), codes=True)
    points = plain(numbers, codes)
    assert points.shape == (1000, 1 + 3)  # one number; codes 2, 3 and 6, of which 2 and 5 are alike
    assert Plain.fit(numbers, codes, np.ones(3, bool), codes=False)(numbers, codes).shape == (1000, 1)


def parts() -> Parts:
    """Numbers: the unexpected, a of part 0. Codes: b of part 0, c of part 1, d of part 2, which is given."""
    return Parts(
        names=("ab", "c", "d"), numeric=torch.tensor([3, 0]), categorical=torch.tensor([0, 1, 2]),
        given=torch.tensor([False, False, True]), codes=(0, 1), numbers=(), present=(),
    )  # fmt: skip


def test_what_gives_a_field_away_is_taken_away_with_its_whole_part() -> None:
    field = RNG.integers(2, 5, size=600)
    noise = RNG.integers(2, 5, size=600)
    codes = torch.from_numpy(np.stack([noise, field, field + 10], axis=1))
    rows = (torch.from_numpy(RNG.standard_normal((600, 2))).float(), codes)
    removed = fields.telling(parts(), rows, field.astype(str), 1)
    assert removed.tolist() == [False, True, True]
    numeric, left = fields.without(parts(), rows, torch.tensor([True, False, False]))
    assert (numeric[:, 1] == 0).all()
    assert (numeric[:, 0] == rows[0][:, 0]).all()
    assert (left[:, 0] == 0).all()
    assert (left[:, 1:] == codes[:, 1:]).all()


def test_counting_knows_entities_and_falls_back_to_everybody() -> None:
    asked = fields.Question(
        train=(torch.zeros(5, 1), torch.zeros(5, 1)), test=(torch.zeros(3, 1), torch.zeros(3, 1)),
        known=np.array(["x", "x", "x", "y", "y"]), by=np.array(["ann", "ann", "ann", "bob", "bob"]),
        wanted=np.array(["x", "y", "x"]), about=np.array(["ann", "bob", "new"]), new=np.array([False, False, True]),
        removed=torch.zeros(1, dtype=torch.bool), code=0, codes=np.zeros(3, np.int64),
    )  # fmt: skip
    assert fields.counts(asked) == (1.0, 1.0)
    assert fields.mean({"a": (1.0, float("nan")), "b": (0.5, 0.2)}) == (0.75, 0.2)


def test_precision_is_that_of_other_episodes_of_the_same_type() -> None:
    types = np.repeat(["scan", "scan", "scan twin", "scan twin", "beacon"], 20)
    episodes = np.repeat(["a", "b", "c", "d", "e"], 20)
    asks = np.ones(100, dtype=bool)
    place = {"scan": 0.0, "scan twin": 10.0, "beacon": 20.0}
    apart = np.array([[place[kind]] for kind in types]) + RNG.standard_normal((100, 1)) / 10
    assert similar.mean_precision(apart.astype(np.float32), types, episodes, asks) == 1.0
    together = RNG.standard_normal((100, 1)).astype(np.float32)
    assert similar.mean_precision(together, types, episodes, asks) < 0.6


def test_alarms_that_come_ten_times_as_often_have_drifted_by_one() -> None:
    day = np.repeat([8, 30], 20_000)
    before, after = np.arange(20_000.0), np.arange(20_000.0)
    after[-200:] = 1e6
    assert detection.drift(np.concatenate([before, after]), day) == pytest.approx(1, abs=0.05)
    assert detection.drift(np.concatenate([before, before]), day) == pytest.approx(0, abs=0.05)


def test_an_hour_has_its_highest_score_and_new_entities_have_none() -> None:
    rows = [(0.5, "ann", 1.0), (200.2, "ann", 2.0), (200.7, "ann", 5.0), (201.1, "ann", 3.0), (201.2, "new", 9.0)]
    table = pl.DataFrame(rows, schema=["hour", "value", "score"], orient="row")
    table = table.with_columns(time=START + (pl.col("hour") * HOUR).cast(pl.Int64))
    scored = detection.windows("authentication", table)
    assert scored.select("value", "score").rows() == [("ann", 5.0), ("ann", 3.0)]
    assert scored["end"].to_list() == [START + 201 * HOUR, START + 202 * HOUR]
    assert set(scored["kind"]) == {"user"}


def test_odd_hours_are_those_far_from_earlier_ones() -> None:
    day = np.repeat([3, 10, 20], 50)
    points = RNG.standard_normal((150, 2)).astype(np.float16)
    points[120] = 50
    table = pl.DataFrame({"value": ["ann"] * 150, "time": (START + day * DAY).tolist()})
    odd = detection.odd_hours(Hours("authentication", table, points, day), np.random.default_rng(0))
    assert np.isnan(odd[:50]).all()
    assert odd[50:].argmax() == 70


def test_events_carry_their_episode_and_nothing_of_it_is_encoded(org: Organization) -> None:
    for events in org.events.values():
        assert ((events.episode != "") == (events.type != "")).all()
        assert not [column for column in events.table.columns if "label" in column or "episode" in column]
    assert not [name for name in org.encoder.get_feature_names_out() if "label" in name or "episode" in name]
    assert 0 < org.of_context().sum() < len(org.of_context())
    assert len(org.encoder.columns_) > 100


def test_another_organization_is_read_by_the_same_encoder(org: Organization) -> None:
    other = organization(4, users=10, days=1, encoder=org.encoder)
    numeric, categorical = other.events["dns_activity"].rows(slice(0, 5))
    assert numeric.shape[1] == len(org.encoder.numeric_names_)
    assert (categorical < torch.from_numpy(org.encoder.cardinalities_)).all()


def test_a_network_that_learned_can_be_told_what_is_hidden(org: Organization) -> None:
    model = learned(org, MaskedParts(network(org, seed=0), parts_of(org)), seed=0, steps=3, size=64)
    with torch.no_grad():
        model.hidden += torch.randn(model.hidden.shape, generator=torch.Generator().manual_seed(0))
    rows = org.events["api_activity"].rows(slice(0, 20))
    hidden = torch.tensor([name == "api" for name in model.parts.names])
    told = hiding(Masked(model), hidden)
    assert not np.allclose(told(*rows), Masked(model)(*rows))
    plain = Network(network(org, seed=0))
    assert hiding(plain, hidden) is plain
    width = model.net.input_projection.out_features
    whole = Within(Masked(model), Residual(np.zeros(width, np.float32), np.eye(width, dtype=np.float32)))
    assert np.allclose(hiding(whole, hidden)(*rows), told(*rows))


def test_the_same_seed_learns_the_same(org: Organization) -> None:
    one, two, other = (contrastive(org, seed=seed, steps=3, size=64).net for seed in (0, 0, 1))
    rows = org.events["dns_activity"].rows(slice(0, 10))
    assert np.array_equal(Network(one)(*rows), Network(two)(*rows))
    assert not np.allclose(Network(one)(*rows), Network(other)(*rows))


def test_the_map_shows_the_same_events_in_all_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVENTS", 30)
    shown = live.measure((0, 1), steps=2)
    assert {len(points) for points in shown.points.values()} == {shown.table.height}
    row = int(np.flatnonzero(shown.table["class"].to_numpy() == "dns_activity")[0])
    near = shown.neighbors("trained", row)
    assert all(shown.table["entity"][other] != shown.table["entity"][row] for other in near)
    assert 0 <= shown.overlap("trained", "another seed") <= 1
    for table in (figures.stability(shown), figures.neighbors(shown)):
        assert table.data.count("\n") > 4
    assert figures.maps(shown).narrow is not None
