"""What `book/part3/conversion.md` says, and the rule of each sentence. Nothing here depends on a seed."""

from collections.abc import Mapping

from residual_book.claims import check, extended, glue_all, no_verdict, number
from residual_book.part3.conversion.strange import STRANGE, Outcome


def on_strange_values(outcomes: Mapping[str, Outcome]) -> None:
    """Of records with one strange value, by kind of record."""
    records = sum(outcome.records for outcome in outcomes.values())
    rejected = sum(outcome.rejected for outcome in outcomes.values()) / records
    strict = rejected + sum(outcome.aside for outcome in outcomes.values()) / records
    wrong = sum(outcome.lost + outcome.unbalanced for outcome in outcomes.values())
    reasons = [reason for outcome in outcomes.values() for reason in outcome.quarantined]
    glue_all(records=number(records), strange=number(len(STRANGE)), rejected=rejected, strict=strict)
    check(
        "conversion-column-not-row", holds=rejected < 0.1 and strict > 0.7, value=100 * rejected, unit="% of the records",
        statement="Of records with one strange value, fewer than a tenth become no event. A converter that refuses a record with a value that does not fit its place would refuse more than seven in ten.",
        verdict=extended("ocsf2026", "base event, attribute unmapped", "keeps attributes of the source that are not mapped in unmapped"),
    )  # fmt: skip
    check(
        "conversion-only-the-needed", holds=all("time" in reason or "required" in reason for reason in reasons),
        value=len(reasons), unit="reasons",
        statement="A strange value costs the record only where it stands for the time, or for what the class of the event requires.",
        verdict=extended("ocsf2026", "requirements of attributes", "says which attributes a class requires"),
    )  # fmt: skip
    check(
        "conversion-nothing-lost", holds=wrong == 0, value=wrong, unit="records",
        statement="Every record is an event or in quarantine, and every event has all values of its record.",
        verdict=no_verdict("ocsf2026", "base event, attribute unmapped", "keeps attributes of the source that are not mapped in unmapped"),
    )  # fmt: skip
