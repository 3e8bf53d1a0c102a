"""Values together, calls in order, steady contacts: known answers."""

import numpy as np
import polars as pl
import pytest
from days import events, run

from residual.detect.contacts import ALIKE, Contacts
from residual.detect.order import MIXED, Order
from residual.detect.together import SELDOM, Together

VALUES = Together("values of a process", 1007, ("machine",), (("program", "system"),))
ORDER = Order("order of a user's calls", 6003, ("user",), "operation")
CONTACTS = Contacts("steady new contacts", 4001, ("machine", "destination"))


def process(hour: float, program: str, system: str) -> dict[str, object]:
    return {"hour": hour, "class_uid": 1007, "machine": "ws-1", "program": program, "system": system}


def call(hour: float, operation: str, user: str = "ann") -> dict[str, object]:
    return {"hour": hour, "class_uid": 6003, "user": user, "operation": operation}


def flow(hour: float, to: str, sent: float = 100.0, machine: str = "ws-1") -> dict[str, object]:
    return {"hour": hour, "class_uid": 4001, "machine": machine, "destination": to, "sent": sent}


def test_two_common_values_that_never_came_together() -> None:
    rows = [process(h, *pair) for h in range(96) for pair in (("bash", "Linux"), ("powershell", "Windows"))]
    rows.append(process(100, "powershell", "Linux"))
    found = run(VALUES, events(*rows), 5).filter(pl.col("hour") == 100).row(0, named=True)
    assert found["value"] == 0
    assert found["expected"] == pytest.approx(96 * 96 / 193)
    assert found["score"] == pytest.approx(np.log(96 * 96 / 193 + 1))
    assert found["detail"] == "program powershell with system Linux"


def test_a_value_that_is_new_in_itself_is_no_sight() -> None:
    rows = [process(h, "bash", "Linux") for h in range(96)] + [process(100, "zsh", "Linux")]
    assert run(VALUES, events(*rows), 5).filter(pl.col("hour") == 100)["score"].item() == 0


def test_a_pair_that_came_a_few_times_is_no_news() -> None:
    rows = [process(h, *pair) for h in range(96) for pair in (("bash", "Linux"), ("powershell", "Windows"))]
    rows += [process(100 + k, "powershell", "Linux") for k in range(SELDOM + 3)]
    assert run(VALUES, events(*rows), 5).filter(pl.col("hour") >= 100)["hour"].to_list() == [
        100 + k for k in range(SELDOM + 1)
    ]


def test_an_order_that_the_caller_never_keeps() -> None:
    rows = [call(12 * day + hour, what) for day in range(10) for hour, what in ((1, "A"), (2, "B"))]
    rows += [call(121, "B"), call(121.5, "A")]
    found = run(ORDER, events(*rows), 6).filter(pl.col("hour") == 121).row(0, named=True)
    assert found["detail"] == "B before A"
    assert found["value"] == 0
    assert found["expected"] == pytest.approx(10 * 0.1 / 11)  # ten calls of A, none of anybody after B
    assert found["score"] == pytest.approx(-np.log(MIXED * (0.1 / 11) / (10 + MIXED)))


def test_what_was_called_six_hours_ago_does_not_count() -> None:
    rows = [call(12 * day + hour, what) for day in range(10) for hour, what in ((1, "A"), (2, "B"))]
    assert run(ORDER, events(*rows, call(121, "B"), call(127.5, "A")), 6).filter(pl.col("hour") == 127).is_empty()


def test_events_of_one_time_are_no_order() -> None:
    rows = [call(12 * day + hour, what) for day in range(10) for hour, what in ((1, "A"), (2, "B"))]
    assert run(ORDER, events(*rows, call(121, "B"), call(121, "A")), 6).filter(pl.col("hour") == 121).is_empty()


def test_new_steady_contacts_score_high_old_ones_low() -> None:
    rows = [flow(h, "old") for h in range(0, 100, 2)] + [flow(88 + k, "new") for k in range(9)]
    found = run(CONTACTS, events(*rows), 5).filter(pl.col("hour") == 96)
    score = dict(found.select("other", "score").iter_rows())
    assert score["new"] == pytest.approx(np.log1p(9) / ALIKE)
    assert score["old"] == pytest.approx(6 / 49 * np.log1p(6) / ALIKE)


def test_contacts_that_began_on_several_machines_at_once_count_less() -> None:
    rows = [flow(h, "old", machine=m) for h in range(0, 80, 9) for m in ("ws-1", "ws-2")]
    rows += [flow(88 + k, "new", machine=m) for k in range(9) for m in ("ws-1", "ws-2")]
    found = run(CONTACTS, events(*rows), 5).filter((pl.col("hour") == 96) & (pl.col("other") == "new"))
    assert found["score"].to_list() == pytest.approx([np.log1p(9) / ALIKE / 2] * 2)


def test_contacts_whose_sizes_vary_count_less() -> None:
    rows = [flow(h, "old") for h in range(0, 80, 9)]
    rows += [flow(88 + k, "new", sent=float(np.expm1(5 + k % 2 * 2))) for k in range(8)]
    found = run(CONTACTS, events(*rows), 5).filter((pl.col("hour") == 95) & (pl.col("other") == "new"))
    assert found["score"].item() == pytest.approx(np.log1p(8) / (ALIKE + 1))
