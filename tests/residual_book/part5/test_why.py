"""What an alert lists and names, beside the truth; the stories, the recording, and what the page says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import days
import polars as pl
import pytest
from findings import HOUR, NOW, alert, signal

from residual.detect.alert import Alert, Entity
from residual.detect.detectors import DETECTORS
from residual.detect.score import Memory
from residual.simulate import TYPES, Simulation
from residual_book.claims import judging
from residual_book.evaluation.fits import FITS
from residual_book.evaluation.live import Live
from residual_book.part5.why import claims, experiment, figures, told
from residual_book.part5.why.experiment import Explained, Organization

FAILED, ADDRESS = "failed sign-ins of a user", "users who sign in from an address"


def sign_ins(*users: str) -> pl.DataFrame:
    """A sign-in per minute; the events are e0, e1, ..."""
    rows = [{"hour": 10 + k / 60, "class_uid": 3002, "user": user} for k, user in enumerate(users)]
    return days.events(*rows)


def about(user: str, events: pl.DataFrame, **changes: Any) -> Alert:
    """An alert about all sign-ins of a user."""
    own = events.filter(pl.col("user") == user)
    whole = [{"class_uid": 3002, "metadata": {"uid": uid}} for uid in own["uid"]]
    return alert(
        begin=own["time"].min(), end=own["time"].max(), entities=(Entity("user", user),), events=tuple(own["uid"]),
        count=own.height, evidence=tuple(whole[:2]), signals=(signal(detector=FAILED),), **changes,
    )  # fmt: skip


def truth(*uids: str, episode: str = "brute_force-0", kind: str = "brute_force") -> pl.DataFrame:
    return pl.DataFrame({"uid": uids, "episode": [episode] * len(uids), "type": [kind] * len(uids)})


def sights(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    """Detector, user, rate and value."""
    table = pl.DataFrame(rows, schema=["detector", "entity", "rate", "value"], orient="row")
    return table.with_columns(kind=pl.lit("user"), end=pl.int_range(pl.len()))


def test_an_alert_is_held_against_the_events_of_its_episode() -> None:
    events = sign_ins("ann", "ann", "bob", "ann", "ann", "bob")  # e0 to e5
    known = truth("e0", "e1", "e3", "e5")
    seen = sights((FAILED, "ann", 0.1, 4.0), ("values of a sign-in", "ann", 0.3, 0.0), (ADDRESS, "bob", 0.0, 9.0))
    found = experiment.explain(about("ann", events), seen, events, known)
    assert found == Explained(
        type="brute_force", found=True, detector=FAILED, precise=3 / 4, shown=1, by_chance=3 / 5, complete=3 / 4,
        named=True, at_random=1 / 2, largest=True,
    )  # fmt: skip
    assert experiment.explain(about("ann", events), seen, events, truth("e2")) is None


def test_an_alert_about_somebody_attacked_may_point_elsewhere() -> None:
    events = sign_ins("ann", "ann", "ann")
    some = replace(about("ann", events), events=("e0", "e1"))
    seen = sights((FAILED, "ann", 0.1, 4.0))
    found = experiment.explain(some, seen, events, truth("e2", episode="scan-0", kind="scan"))
    assert found is not None
    assert (found.found, found.type, found.precise, found.named) == (False, "scan", 0, False)


def test_the_largest_value_is_of_one_detector_at_its_rarest() -> None:
    events = sign_ins("ann", "ann")
    seen = sights(
        (FAILED, "ann", 0.1, 4.0),
        ("order of a user's calls", "ann", 0.2, 1.0),
        ("order of a user's calls", "ann", 0.9, 50.0),
    )
    found = experiment.explain(about("ann", events), seen, events, truth("e0"))
    assert found is not None
    assert found.largest


def test_the_main_episode_has_most_events() -> None:
    known = pl.concat([truth("e0"), truth("e1", "e2", episode="scan-1", kind="scan")])
    assert experiment.main_episode(["e0", "e1", "e2"], known) == ("scan-1", "scan")


def test_all_alerts_together_cover_an_episode() -> None:
    events = sign_ins("ann", "bob", "eve", "eve")
    both = [about("ann", events), about("bob", events)]
    known = pl.concat([truth("e0", "e1", "e2", "e3"), truth("e9", episode="scan-0", kind="scan")])
    assert experiment.covered(both, known) == (("brute_force", 0.5),)


def test_every_type_has_a_detector_that_fits() -> None:
    assert set(FITS) == set(TYPES)
    assert {name for fits in FITS.values() for name in fits} <= {detector.name for detector in DETECTORS}


def organization() -> Live:
    events = sign_ins("ann", "bob", "eve")
    labels = pl.DataFrame(
        {
            "metadata.uid": ["e0", "e1"],
            "episode": ["scan-0", "brute_force-0"],
            "type": ["scan", "brute_force"],
            "twin": [False] * 2,
        }
    )
    alerts = {0: [about("ann", events), about("bob", events)], 1: [about("eve", events)]}
    return Live(cast(Simulation, None), {}, alerts, labels, Memory(0))


def test_a_story_is_of_an_alert_that_names_what_fits() -> None:
    (story,) = experiment.stories(organization(), ("brute_force",))
    assert story.entities == (Entity("user", "bob"),)
    with pytest.raises(ValueError, match="scan"):
        experiment.stories(organization(), ("scan",))


def test_an_alert_is_told_in_lines_and_as_a_short_finding() -> None:
    lines = told.explanation(alert(signals=(signal(), signal(detector="ports of a machine", rate=2.0)))).data
    assert "41 failed sign-ins in 1 h, 2.1 expected" in lines
    assert "2 times per day" in lines
    assert "new in the whole organization" in lines
    finding = json.loads(told.finding(alert()))
    assert finding["finding_info"]["related_events"][1:] == ["... 4 more"]
    assert len(max(told.finding(alert()).splitlines(), key=len)) <= 90


# The record and the page's claims


def run(seed: int, **changes: Any) -> Organization:
    """Alerts for which every claim holds."""
    one = Explained("brute_force", True, FAILED, 0.9, 0.9, 0.3, 0.5, True, 0.5, False)
    return Organization(seed, (replace(one, **changes),) * 9, 40, (("brute_force", 0.8),))


def held(runs: list[Organization]) -> dict[str, bool]:
    with judging() as outcomes:
        claims.on_runs(runs)
    return {outcome.claim.id: outcome.held for outcome in outcomes}


def test_claims_hold_where_their_sentences_are_true() -> None:
    assert all(held([run(seed) for seed in range(5)]).values())


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("why-events", {"precise": 0.5, "by_chance": 0.1}),
        ("why-focus", {"by_chance": 0.8}),
        ("why-part", {"complete": 0.8}),
        ("why-random", {"at_random": 0.95}),
        ("why-largest", {"largest": True}),
    ],
)
def test_a_claim_fails_where_its_sentence_is_false(claim: str, changes: dict[str, Any]) -> None:
    assert [name for name, holds in held([run(seed, **changes) for seed in range(5)]).items() if not holds] == [claim]


def test_a_signal_that_does_not_fit_fails_all_that_is_said_of_it() -> None:
    failed = {name for name, holds in held([run(seed, named=False) for seed in range(5)]).items() if not holds}
    assert failed == {"why-named", "why-random", "why-largest"}


def test_a_recording_goes_on_and_comes_back_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def measure(seed: int) -> Organization:
        asked.append(seed)
        return run(seed)

    monkeypatch.setattr(experiment, "measure", measure)
    out = tmp_path / "why.json"
    experiment.record(out, (1,))
    experiment.record(out, (0, 1))
    assert asked == [1, 0]
    assert experiment.recorded(out) == [run(0), run(1)]
    out.write_text(json.dumps({"command": "", "provenance": {}, "runs": [{"seed": 1}]}))
    with pytest.raises(ValueError, match="expected runs"):
        experiment.recorded(out)


def test_figures_say_what_they_show() -> None:
    runs = [run(seed) for seed in range(2)]
    assert figures.events(runs).alt
    assert figures.named(runs).alt
    never = signal(detail="a with b", past=(), value=0.0, expected=900.0, begin=NOW, end=NOW + HOUR)
    assert figures.stories([alert(), alert(signals=(never,))], ("brute_force", "impossible")).alt
