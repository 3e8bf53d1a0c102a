import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocsf_json_schema import OcsfJsonSchema, OcsfJsonSchemaEmbedded

from residual.ocsf.schema import CLASSES, PROFILES, ocsf
from residual.simulate import TYPES, Simulation, flat, simulate, simulation, words
from residual.simulate.activity import normal_day
from residual.simulate.calendar import DAY, HOUR, START
from residual.simulate.episodes import CAMPAIGN
from residual.simulate.episodes.reference import ROLES
from residual.simulate.organization import LAPTOP, organization
from residual.simulate.sessions import WIRED, address, open_session, whereabouts
from residual.simulate.simulation import ENTITIES, LABELS, NAMED, episodes_of, took_part

USERS, DAYS = 30, 8
UID = {name: uid for uid, name in CLASSES.items()}


@cache
def small(seed: int = 0, episodes: float = 8.0, hardness: float = 1.0) -> Simulation:
    return simulation(users=USERS, days=DAYS, seed=seed, episodes=episodes, hardness=hardness)


@cache
def monday() -> dict[str, pl.DataFrame]:
    return small().day(0).events


def pruned(value: Any) -> Any:
    """A record as its source wrote it: without the fields that are not there."""
    if isinstance(value, dict):
        return {k: kept for k, v in value.items() if (kept := pruned(v)) is not None} or None
    return [pruned(item) for item in value] if isinstance(value, list) else value


def leaves(value: Any) -> int:
    return sum(leaves(item) for item in value.values()) if isinstance(value, dict) else 1


def events() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for name, frame in monday().items():
        yield name, [pruned(row) for row in frame.sample(min(400, frame.height), seed=0).to_dicts()]


def captions_agree(record: Any, owner: dict[str, Any]) -> bool:
    for name, value in record.items():
        attribute = owner["attributes"][name]
        if name.endswith("_id") and attribute.get("enum"):
            caption = record.get(name.removesuffix("_id"), record.get(f"{name.removesuffix('_id')}_name"))
            if caption is not None and value != 99 and caption != attribute["enum"][str(value)]["caption"]:
                return False
        inner = ocsf()["objects"].get(attribute.get("object_type"))
        if isinstance(value, dict) and inner and not captions_agree(value, inner):
            return False
    return True


def test_every_event_is_valid_ocsf() -> None:
    schemas = OcsfJsonSchemaEmbedded(OcsfJsonSchema(ocsf()))
    for name, records in events():
        validator = jsonschema_rs.validator_for(schemas.get_class_schema(name, list(PROFILES)))
        faults = [f"{e.instance_path}: {e.message}" for record in records for e in validator.iter_errors(record)]
        assert faults == [], name
        for record in records:
            assert record["class_uid"] == UID[name]
            assert record["type_uid"] == record["class_uid"] * 100 + record["activity_id"]
            assert START <= record["time"] < START + DAY
            assert captions_agree(record, ocsf()["classes"][name])


def test_records_are_wide_and_sparse() -> None:
    filled = set()
    for frame in monday().values():
        table = flat(frame)
        filled |= {name for name in table.columns if table[name].null_count() < table.height}
    assert len(filled) >= 300
    sizes = [leaves(record) for _, records in events() for record in records]
    assert np.quantile(sizes, 0.05) >= 40
    assert np.median(sizes) <= 80


def test_what_is_missing_depends_on_the_source() -> None:
    table = flat(monday()["network_activity"])
    shares = table.group_by("metadata.product.name").agg(pl.col("actor.process.name").is_null().mean(), pl.len())
    assert dict(shares.select("metadata.product.name", "actor.process.name").iter_rows())["Firewall"] == 1
    assert shares["actor.process.name"].to_numpy().min() < 0.1


def test_same_seed_same_events_and_another_seed_another_organization() -> None:
    again = simulation(users=USERS, days=DAYS, seed=0, episodes=8.0).day(0)
    assert all(again.events[name].equals(frame) for name, frame in monday().items())
    assert again.labels.equals(small().day(0).labels)
    other = flat(small(seed=1).day(0).events["authentication"])["user.uid"].unique()
    assert not set(other) & set(flat(monday()["authentication"])["user.uid"].unique())


def test_a_day_does_not_depend_on_the_days_before() -> None:
    assert small().day(3).events["dns_activity"].equals(small().day(3).events["dns_activity"])


def test_every_type_is_injected_with_its_twin_and_labels_are_keyed_by_uid() -> None:
    days = [small().day(day) for day in range(DAYS)]
    labels = pl.concat([day.labels for day in days])
    assert labels.columns == list(LABELS)
    assert set(labels.select("type", "twin").unique().iter_rows()) == {(t, w) for t in TYPES for w in (True, False)}
    uids = pl.concat([e["metadata"].struct.field("uid") for day in days for e in day.events.values()])
    assert uids.is_unique().all()
    assert labels["metadata.uid"].is_in(uids.implode()).all()
    assert (labels.filter("twin")["attack"] == "").all()
    assert labels.filter(~pl.col("twin") & (pl.col("type") == "beacon"))["attack"].unique().to_list() == ["T1071.001"]


@cache
def week() -> tuple[dict[str, pl.DataFrame], pl.DataFrame, pl.DataFrame]:
    """Flat events of all days by class, labels, and entities."""
    days = [small(episodes=30.0).day(day) for day in range(DAYS)]
    events = {name: flat(pl.concat([day.events[name] for day in days])) for name in days[0].events}
    return events, pl.concat([day.labels for day in days]), took_part([day.entities for day in days])


def test_every_decision_of_an_injector_is_an_event_with_its_label() -> None:
    events, labels, _ = week()
    plan, end = small(episodes=30.0).plan, START + DAYS * DAY
    numbers = plan.episodes["episode"]
    decided = pl.concat(
        frame.filter(pl.col("time") < end).select("time", "role", numbers.gather(frame["episode"]).alias("e"))
        for frame in (f.filter(pl.col("time") < end) for f in plan.decisions.values())
    )
    roles = pl.Series(ROLES).gather(decided["role"])
    expected = sorted(zip(decided["time"], decided["e"], roles, strict=True))
    assert sorted(labels.select("time", "episode", "role").iter_rows()) == expected
    times = dict(pl.concat([t.select("metadata.uid", "time") for t in events.values()]).iter_rows())
    assert all(times[uid] == time for uid, time in labels.select("metadata.uid", "time").iter_rows())


@settings(max_examples=12, deadline=None)
@given(
    users=st.integers(10, 14),
    days=st.integers(1, 9),
    seed=st.integers(0, 2**31),
    episodes=st.sampled_from([0.0, 0.5, 20.0]),
    hardness=st.floats(0, 1),
)
def test_rows_and_labels_agree_in_any_organization(
    users: int, days: int, seed: int, episodes: float, hardness: float
) -> None:
    made = simulation(users=users, days=days, seed=seed, episodes=episodes, hardness=hardness)
    day = made.day(days - 1)
    rows = {name: flat(frame).select("metadata.uid", "time") for name, frame in day.events.items()}
    assert all((frame["time"].diff().drop_nulls() >= 0).all() for frame in rows.values())
    told = pl.concat(rows.values())
    assert told["metadata.uid"].n_unique() == told.height
    assert ((told["time"] - START) // DAY == days - 1).all()
    joined = day.labels.join(told, on=["metadata.uid", "time"])
    assert joined.height == day.labels.height == day.labels["metadata.uid"].n_unique()
    inside = [(frame["time"] - START) // DAY == days - 1 for frame in made.plan.decisions.values()]
    assert day.labels.height == sum(int(today.sum()) for today in inside)
    normal = {group: frame.height for group, frame in normal_day(made.org, days - 1).items()}
    assert told.height == sum(normal.values()) + day.labels.height
    assert set(day.entities["episode"]) <= set(day.labels["episode"])
    within = day.entities.join(episodes_of(day.labels), on="episode", suffix="_of_episode")
    assert ((within["first"] >= within["first_of_episode"]) & (within["last"] <= within["last_of_episode"])).all()
    assert (within["events"] <= within["events_of_episode"]).all()


def test_what_an_episode_is_does_not_change_from_event_to_event() -> None:
    _, labels, _ = week()
    same = ["episode", "type", "attack", "kind", "twin", "campaign"]
    assert labels.select(same).unique().height == labels["episode"].n_unique()
    told = episodes_of(labels)
    assert (told["first"] <= told["last"]).all()
    assert told["events"].sum() == labels.height
    assert set(labels["role"]) <= set(ROLES)


def test_entities_are_values_of_the_labeled_events_and_none_is_left_out() -> None:
    events, labels, entities = week()
    expected = set()
    for name, columns in NAMED.items():
        for kind, column in columns.items():
            rows = events[name].join(labels.select("metadata.uid", "episode", "role"), on="metadata.uid")
            for episode, role, value in rows.select("episode", "role", column).drop_nulls().iter_rows():
                expected.add((episode, role, kind, column, value.split(".", 1)[1] if kind == "domain" else value))
    assert set(entities.select(list(ENTITIES)).iter_rows()) == expected
    joined = entities.join(episodes_of(labels), on="episode", suffix="_whole")
    assert ((joined["first"] >= joined["first_whole"]) & (joined["last"] <= joined["last_whole"])).all()


def test_a_campaign_is_one_actor_whose_steps_follow_each_other() -> None:
    made = small(episodes=60.0)
    chained = made.plan.episodes.filter(pl.col("campaign") != "").sort("start")
    assert chained["campaign"].n_unique() > 1
    assert not chained["twin"].any()
    for steps in chained.partition_by("campaign"):
        assert steps.height > 1
        assert [name for name in CAMPAIGN if name in set(steps["type"])] == steps["type"].to_list()
        assert len(actors(made, steps["episode"].to_list())) == 1
    alone = made.plan.episodes.filter((pl.col("campaign") == "") & ~pl.col("twin"))
    assert set(CAMPAIGN) <= set(alone["type"])


def actors(made: Simulation, episodes: list[str]) -> set[int]:
    """The people whose account or machine some episodes use."""
    numbers = [made.plan.episodes["episode"].to_list().index(episode) for episode in episodes]
    found = {group: frame.filter(pl.col("episode").is_in(numbers)) for group, frame in made.plan.decisions.items()}
    users = set(found["sign_ins"]["user"]) | set(found["calls"]["user"])
    return users | set(made.org.machines.owner[found["traffic"]["machine"].to_numpy()].tolist())


def test_a_fault_has_one_cause_and_symptoms_in_what_needs_it() -> None:
    made, (events, labels, _) = small(episodes=30.0), week()
    errors = events["application_error"].join(labels.filter(pl.col("type") == "cascade"), on="metadata.uid")
    names = list(words.APPLICATIONS)
    for episode in errors.filter(~pl.col("twin")).partition_by("episode"):
        cause = episode.filter(pl.col("role") == "cause")["actor.app_name"].unique().to_list()
        assert len(cause) <= 1
        for symptom in episode.filter(pl.col("role") == "symptom")["actor.app_name"].unique() if cause else ():
            assert made.org.needs[names.index(symptom)] == names.index(cause[0])


def test_what_happens_in_a_session_can_be_followed() -> None:
    events, labels, _ = week()
    normal = {n: t.join(labels, on="metadata.uid", how="anti") for n, t in events.items()}
    calls, entry = normal["api_activity"], normal["authentication"]
    people = calls.filter((pl.col("actor.user.type") != "Service") & pl.col("actor.session.uid").is_not_null())
    users = people.group_by("actor.session.uid").agg(pl.col("actor.user.uid").n_unique())
    assert (users["actor.user.uid"] == 1).all()  # a session is one person's
    opened = people["actor.session.uid"].is_in(entry["session.uid"].drop_nulls().implode()).to_numpy().mean()
    assert 0.6 < opened < 1  # some sign-ins are not in the records
    assert 0.02 < calls["actor.session.uid"].null_count() / calls.height < 0.5


def test_an_address_is_one_machines_until_its_lease_ends() -> None:
    org = small().org
    laptops = org.machines.of(LAPTOP)

    def taken(day: int) -> np.ndarray:
        at = np.full(len(laptops), START + day * DAY + DAY // 2)
        return address(org, laptops, at)

    wired = [
        whereabouts(org, open_session(org, laptops, np.full(len(laptops), START + d * DAY + DAY // 2)))[1] == WIRED
        for d in range(DAYS)
    ]
    for day in range(DAYS):
        assert len(set(taken(day)[wired[day]])) == wired[day].sum()
    held = [(taken(d)[k], k) for d in range(DAYS) for k in np.flatnonzero(wired[d])]
    assert len({a for a, _ in held}) < len(set(held))  # later somebody else gets it


def test_place_and_device_are_known_as_often_as_their_source_knows_them() -> None:
    known = pl.col("src_endpoint.location.country").is_not_null().mean()
    by_source = dict(week()[0]["authentication"].group_by("metadata.product.name").agg(known).iter_rows())
    assert by_source["Portal"] > 0.9
    assert by_source["Cloud Console"] == by_source["sshd"] == 0
    device = pl.col("device.hostname").is_not_null().mean()
    by_source = dict(week()[0]["authentication"].group_by("metadata.product.name").agg(device).iter_rows())
    assert 0.2 < by_source["Portal"] < 0.8
    assert by_source["Cloud Console"] == by_source["sshd"] == 0


def test_work_has_an_order() -> None:
    """The order of an attack is rare in normal work, where each of its calls is common."""
    org = organization(users=80, days=3, seed=1)
    calls = pl.concat([normal_day(org, day)["calls"] for day in range(3)]).sort("time")
    wanted = calls.filter(pl.col("operation").is_in(words.PERSISTENCE))
    assert (wanted["operation"].value_counts()["count"] > 100).all()
    found = 0
    for (user,), own in wanted.group_by("user"):
        at, operation = own["time"].to_numpy(), own["operation"].to_numpy()
        for start in at[operation == words.PERSISTENCE[0]]:
            time = start
            for step in words.PERSISTENCE[1:]:
                later = at[(operation == step) & (at > time)]
                time = later[0] if len(later) else start + DAY
            found += (time - start <= 6 * HOUR) & (user not in org.provisioners)
    assert found <= 1


def test_no_episodes_no_labels() -> None:
    assert small(episodes=0.0).day(1).labels.height == 0


def test_normal_work_is_the_same_with_and_without_episodes() -> None:
    count = {name: frame.height for name, frame in small(episodes=0.0).day(1).events.items()}
    day = small().day(1)
    assert sum(frame.height for frame in day.events.values()) == sum(count.values()) + day.labels.height


def test_easy_attacks_are_louder() -> None:
    """Of an easy and a hard brute force, the easy one makes the same noise in a tenth of the time."""

    def minutes(hardness: float) -> float:
        frame = small(hardness=hardness).plan
        brute = frame.episodes.with_row_index("n").filter((pl.col("type") == "brute_force") & ~pl.col("twin"))["n"]
        rows = frame.decisions["sign_ins"].filter(pl.col("episode").is_in(brute.cast(pl.Int64).implode()))
        spans = rows.group_by("episode").agg((pl.col("time").max() - pl.col("time").min()) / 60_000)
        return float(np.median(spans["time"]))

    assert minutes(0.0) < minutes(1.0) / 3


def test_onboarding_is_done_by_somebody_who_is_there() -> None:
    # In this organization an administrator makes no call on the days that episodes borrow from.
    planned = simulation(users=190, days=14, seed=0).plan.episodes
    assert planned.height > 0


def test_drift_is_there_and_is_not_labeled() -> None:
    org = simulation(users=300, days=14, seed=0, episodes=0.0).org
    assert (org.people.hired > 0).any()
    assert (org.people.moved < org.days).any()
    assert (org.targets.since > 0).any()


def test_on_disk_it_is_the_same_and_the_same_bytes_again(tmp_path: Path) -> None:
    summaries = [
        simulate(tmp_path / name, users=12, days=2, seed=3, episodes=20.0, hardness=1.0) for name in ("one", "two")
    ]
    assert summaries[0] == summaries[1]
    files = [
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.parquet")} for n in ("one", "two")
    ]
    assert files[0] == files[1]
    assert Path("events/class=authentication/eventDay=20250303/part-0.parquet") in files[0]
    whole = simulation(users=12, days=2, seed=3, episodes=20.0, hardness=1.0)
    path = tmp_path / "one/events/class=api_activity/eventDay=20250304/part-0.parquet"
    assert pl.read_parquet(path, hive_partitioning=False).equals(whole.day(1).events["api_activity"])
    labels = pl.read_parquet(tmp_path / "one/labels.parquet")
    assert labels.filter(~pl.col("twin")).height == summaries[0].attacks
    rows = [pl.read_parquet(tmp_path / "one" / name).height for name in files[0] if name.parts[0] == "events"]
    assert summaries[0].total == sum(rows)
    entities = pl.read_parquet(tmp_path / "one/entities.parquet")
    assert entities.equals(took_part(part.entities for day in range(2) for part in whole.parts(day)))
    assert pl.read_parquet(tmp_path / "one/episodes.parquet")["events"].sum() == labels.height
    assert json.dumps(summaries[0].events)


def test_an_existing_simulation_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    with pytest.raises(ValueError, match="out must not hold a simulation yet"):
        simulate(tmp_path, users=12, days=1, seed=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"users": 9}, "users must be at least 10, got 9"),
        ({"days": 0}, "days must be at least 1, got 0"),
        ({"episodes": -1.0}, "episodes must not be negative, got -1"),
        ({"hardness": 2.0}, "hardness must be between 0 .* got 2"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulation(**{"users": 12, "days": 1, "seed": 0, **arguments})


def test_a_day_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="day must be between 0 and 7, got 8"):
        small().day(8)
