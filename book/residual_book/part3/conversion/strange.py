"""What becomes of a record in which one field has a strange value. Told in `book/part3/conversion.md`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from residual_book.part3.conversion.logs import CALL, VISIT, Record, converted

STRANGE: tuple[object, ...] = (
    "strange", "", "-1", "1.5", "999.1.1.1", 250 * "long", -1, 1.5, 2**70, 99_999, True, [], ["a", "b"], {"inside": 1},
)  # fmt: skip
LOGS: dict[str, tuple[str, Record]] = {
    **{f"Zeek {log}": ("zeek", record) for log, record in VISIT.items()},
    "CloudTrail": ("cloudtrail", CALL),
}


@dataclass(frozen=True)
class Outcome:
    """How many records with one strange value ended where.

    Attributes:
        in_place: they fill every place that the clean record fills.
        aside: an event, but a place of it is empty.
        quarantined: by reason, no event.
        lost: events in which a value of their record is not to be found.
        unbalanced: records that are neither an event nor in quarantine.
    """

    in_place: int
    aside: int
    quarantined: Mapping[str, int]
    lost: int
    unbalanced: int

    @property
    def rejected(self) -> int:
        return sum(self.quarantined.values())

    @property
    def records(self) -> int:
        return self.in_place + self.aside + self.rejected


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The scalars inside a JSON value, each with its path; numbers are left out of the path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value


def spoiled(record: Record, without_place: Record) -> Iterator[Record]:
    """The record with the value of each field that has a place replaced by each of the strange values in turn."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from ({**record, name: inner} for inner in spoiled(value, without_place.get(name, {})))
        elif name not in without_place:
            yield from ({**record, name: strange} for strange in STRANGE)


def outcome(name: str) -> Outcome:
    """What becomes of a kind of record, by its name in `LOGS`."""
    source, clean = LOGS[name]
    log = name.removeprefix("Zeek ")
    event = converted(source, [clean], log).events[0]
    records, filled = list(spoiled(clean, event["unmapped"])), _places(event)
    result = converted(source, records, log)
    whole = [filled <= _places(event) for event in result.events.values()]
    reasons = list(result.quarantine.values())
    return Outcome(
        in_place=sum(whole),
        aside=len(whole) - sum(whole),
        quarantined={reason: reasons.count(reason) for reason in sorted(set(reasons))},
        lost=sum(not _said(records[number]) <= _said(event) for number, event in result.events.items()),
        unbalanced=len(records) - result.summary.rows_out - result.summary.rows_quarantined,
    )


def outcomes() -> dict[str, Outcome]:
    return {name: outcome(name) for name in LOGS}


def _places(event: Record) -> set[str]:
    return {path for path, _ in leaves(event) if not path.startswith("unmapped")}


def _said(record: Record) -> set[str]:
    """The scalars of a record as text; a whole number reads the same with and without a fraction."""
    values = (value for _, value in leaves(record) if value not in (None, ""))
    return {str(int(value) if isinstance(value, float) and value.is_integer() else value) for value in values}
