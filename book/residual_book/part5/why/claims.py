"""What `book/part5/why.md` says, and the rule of each sentence.

All of it comes from a recording of five development organizations. Fresh ones are recorded in the same way, in a file
of their own.
"""

from collections.abc import Sequence
from functools import partial

from residual_book import claims
from residual_book.claims import extended, glue_all, number
from residual_book.part5.why.experiment import RESULT, SEEDS, Organization, chosen, record, recorded, share, true_only
from residual_book.recording import RESULTS
from residual_book.stats import mean_over, seeds_of

FRESH, ORGANIZATIONS = RESULTS / "why-fresh.json", len(SEEDS)


def on_runs(runs: Sequence[Organization], *, recorded: str = RESULT.name) -> None:
    """Of what the alerts that found an episode say."""
    true = [true_only(run) for run in runs]
    precise, shown, by_chance, complete = (
        mean_over(true, partial(share, name=name)) for name in ("precise", "shown", "by_chance", "complete")
    )
    named, at_random, largest = (
        mean_over(runs, partial(share, name=name)) for name in ("named", "at_random", "largest")
    )
    focus = mean_over(true, lambda run: share(run, "precise") - share(run, "by_chance"))
    over_random = mean_over(runs, lambda run: share(run, "named") - share(run, "at_random"))
    over_largest = mean_over(runs, lambda run: share(run, "named") - share(run, "largest"))
    covered = mean_over(runs, lambda run: sum(of for _, of in run.covered) / len(run.covered))
    glue_all(
        organizations=number(len(runs)), about=number(sum(len(run.explained) for run in runs)),
        alerts=number(sum(len(run.explained) for run in true)), true_named=mean_over(true, partial(share, name="named")),
        others=number(sum(run.others for run in runs)), precise=precise, shown=shown, by_chance=by_chance, focus=focus,
        complete=complete, covered=covered, named=named, at_random=at_random, largest=largest, over_random=over_random,
        over_largest=over_largest, chosen=mean_over(runs, lambda run: len(chosen(run).explained) / len(run.explained)),
        unfit=number(sum(not one.named for run in runs for one in run.explained)),
        unfit_spraying=number(sum(not one.named and one.type == "spraying" for run in runs for one in run.explained)),
        chosen_named=mean_over(runs, lambda run: share(chosen(run), "named")),
        chosen_random=mean_over(runs, lambda run: share(chosen(run), "at_random")),
        chosen_largest=mean_over(runs, lambda run: share(chosen(run), "largest")),
    )  # fmt: skip
    check = partial(claims.check, seeds=seeds_of(runs), recorded=recorded)
    gap = partial(extended, "sommer2010", "section III, semantic gap")
    to_report = "says that reporting what is abnormal is not enough, since somebody has to find out what it means"
    check(
        "why-events", holds=precise.low > 0.5, value=precise, unit="of the events listed",
        statement="Of the events that an alert lists, if it found an episode, more than half belong to that episode on average.",
        verdict=gap(to_report),
    )  # fmt: skip
    check(
        "why-focus", holds=focus.low > 0.25, value=focus, unit="of the events more",
        statement="Of the events that an alert lists at least a quarter more belong to the episode than of all events of the same classes in the same hours.",
        verdict=gap(to_report),
    )  # fmt: skip
    check(
        "why-part", holds=complete.high < 0.8, value=complete, unit="of the episode's events",
        statement="One alert lists fewer than four fifths of the events of its episode on average.",
        verdict=gap(to_report),
    )  # fmt: skip
    check(
        "why-named", holds=named.low > 0.6, value=named, unit="of the alerts",
        statement="In more than six of ten alerts about somebody who took part in an episode in these hours, the signal that is named first fits the type.",
        verdict=gap(to_report),
    )  # fmt: skip
    check(
        "why-random", holds=over_random.low > 0.1, value=over_random, unit="of the alerts more",
        statement="The signal that is named first fits the type at least ten points more often than a random one of those that say something about the same entity on that day.",
        verdict=gap(to_report),
    )  # fmt: skip
    check(
        "why-largest", holds=over_largest.low > 0.05, value=over_largest, unit="of the alerts more",
        statement="The signal that is named first, the rarest, fits the type at least five points more often than the one with the largest value.",
        verdict=gap(to_report),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Record five other organizations, if that is not done yet, and check the claims again."""
    record(FRESH, seeds[:ORGANIZATIONS])
    on_runs(recorded(FRESH), recorded="")
