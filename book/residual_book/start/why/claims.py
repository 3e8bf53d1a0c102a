"""What `book/start/why.md` says, and the rule of each sentence."""

from collections.abc import Sequence

from residual_book.claims import check, confirmed, glue_all, number, scoped
from residual_book.start.why.experiment import USE_CASE, Work


def on_work(works: Sequence[Work]) -> None:
    """Of what both networks take for one record, by its number of fields."""
    by_fields = {work.fields: work for work in works}
    here, twice = by_fields[USE_CASE], by_fields[2 * USE_CASE]
    times, share = here.transformer / here.residual, here.pairs / here.transformer
    half = min(work.fields for work in works if work.pairs > work.transformer / 2)
    grows = twice.transformer / here.transformer
    glue_all(
        fields=USE_CASE, times=times, share=share, half=number(half), grows=grows,
        residual_work=here.residual / 1e6, transformer_work=here.transformer / 1e6,
    )  # fmt: skip
    check(
        "why-transformer-work", holds=times > 10 and all(work.transformer > 2 * work.residual for work in works),
        value=times, unit="times as many multiply-adds",
        statement="At 300 fields per record the default transformer takes more than ten times the multiply-adds of a large residual network, and more than twice as many at every number of fields from 25 to 1,600.",
        verdict=confirmed("gorishniy2021", "section 3.3, limitations", "the transformer needs more hardware and time than simple models such as the residual network"),
    )  # fmt: skip
    check(
        "why-square", holds=share < 1 / 3 and grows < 3 and half > 2 * USE_CASE, value=share, unit="of the transformer's multiply-adds",
        statement="At 300 fields less than a third of that is between pairs of fields, the part that grows with the square; it passes one half only above 600 fields.",
        verdict=scoped("gorishniy2021", "section 3.3, limitations", "the main reason is that attention is quadratic in the number of features"),
    )  # fmt: skip
