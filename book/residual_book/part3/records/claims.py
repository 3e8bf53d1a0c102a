"""What `book/part3/records.md` says, and the rule of each sentence."""

from collections.abc import Mapping, Sequence

import numpy as np

from residual.ocsf.intake import Summary
from residual.ocsf.schema import features, ocsf
from residual_book.claims import check, confirmed, extended, glue_all, no_verdict, number
from residual_book.part3.records import defects, sparsity
from residual_book.part3.records.defects import SEEDS, Noticed
from residual_book.part3.records.sparsity import Filling
from residual_book.stats import mean_over


def on_events(
    fillings: Sequence[Filling], noticed: Mapping[str, Sequence[Noticed]], seeds: Sequence[int] = SEEDS
) -> None:
    """Of the columns of valid events, and of the mistakes planted into them, each with one entry per seed."""
    offered, empty = len(features()), mean_over(fillings, lambda filling: filling.empty)
    formal = {defect: shares for defect, shares in noticed.items() if any(n.all_checks > 0 for n in shares)}
    missed = [defect for defect, shares in formal.items() if all(n.schema == 0 for n in shares)]
    untrue = noticed.keys() - formal.keys()
    glue_all(
        offered=number(offered), middle=number(int(np.median(fillings[0].every_leaf))), empty=empty,
        missed=number(len(missed)), classes=number(len(ocsf()["classes"])), used=number(len(fillings[0].columns)),
    )  # fmt: skip
    check(
        "ocsf-columns", holds=offered > 300, value=offered, unit="columns",
        statement="The seven classes together have more than three hundred columns at two names per path.",
        verdict=confirmed("ocsf2026", "classes 1007, 3002, 4001, 4003, 6002, 6003, 6008", "gives each class its attributes, those of its profiles, and the objects in them"),
    )  # fmt: skip
    check(
        "ocsf-sparse", holds=empty.low > 0.75, value=empty, unit="of the cells", seeds=[filling.seed for filling in fillings],
        statement="In one table of a day's events and of every column that any of them fills, more than three quarters of the cells are empty.",
        verdict=extended("ocsf2026", "requirements of attributes", "makes most attributes recommended or optional"),
    )  # fmt: skip
    check(
        "ocsf-three-rules", holds=len(missed) == 4 and all(n.all_checks == 1 for shares in formal.values() for n in shares),
        value=len(missed), unit="kinds of mistake that the schema misses and the rules do not", seeds=seeds,
        statement="The JSON Schema of a class lets a wrong type_uid, a wrong caption and a time in seconds or microseconds pass; three more rules notice each, in every event.",
        verdict=extended("ocsf2026", "type_uid, sibling attributes, timestamp_t", "defines type_uid, captions and milliseconds in words"),
    )  # fmt: skip
    check(
        "ocsf-untrue", holds=len(untrue) == 3, value=len(untrue), unit="kinds of untruth that pass, of three", seeds=seeds,
        statement="No check of form notices an event that is valid and untrue: a clock hours off, another product's name, another uid.",
        verdict=no_verdict("ocsf2026", "the schema as a whole", "describes the form of events"),
    )  # fmt: skip


def on_a_dirty_file(summary: Summary, *, lines: int, rows: int) -> None:
    """Of a file of `lines` lines, four of them bad, that was read into a table of `rows` rows."""
    rejected = summary.rows_quarantined
    check(
        "ocsf-nothing-lost", holds=summary.rows_in == rows + rejected == lines and rejected == 4,
        value=summary.rows_in - rows - rejected, unit="lines lost",
        statement="Of a file with four bad lines, every line is either in the table or in quarantine.",
        verdict=no_verdict("ocsf2026", "the schema as a whole", "describes the form of events"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_events(sparsity.fillings(seeds), defects.sweep(seeds), seeds)
