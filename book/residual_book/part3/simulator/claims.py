"""What `book/part3/simulator.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from residual.simulate import TYPES
from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.part3.simulator.columns import HELD, LIMIT, pooled, worst_by_type
from residual_book.part3.simulator.experiment import SIZE, Guards, guard, over_seeds
from residual_book.recording import spread
from residual_book.stats import Interval, mean_interval, mean_over


def on_guards(organizations: Sequence[Guards]) -> None:
    """Of all that the guards measured."""
    audits = pooled(guards.columns for guards in organizations)
    worst = worst_by_type(audits)
    suspect = max((worst[name] for name in HELD if name in worst), key=lambda audit: audit.high)
    impossible = next(audit for audit in audits if audit.type == "impossible")  # the surest of them
    types = over_seeds(guards.comparisons for guards in organizations)
    collective = [precision for name, precision in types.items() if TYPES[name].kind == "collective"]
    one_event = np.array([precision["sees one event"] for precision in collective])
    window = np.array([precision["sees its window"] for precision in collective])
    gain = mean_interval((window - one_event).mean(axis=0))  # from [types, seeds]
    classes = over_seeds(guards.baselines for guards in organizations)
    flows = classes["network_activity"]
    counting = mean_interval(flows["count z-score"])
    forest = mean_interval([p / chance for p, chance in zip(flows["isolation forest"], flows["guessing"], strict=True)])
    best_other = max(max(flows[detector]) for detector in ("one column", "rarity", "isolation forest"))
    exclusive = [thing for guards in organizations for thing in guards.exclusive]
    entities = [share for guards in organizations for share in guards.entities.values()]
    densities, origins = [guards.density for guards in organizations], [guards.origin for guards in organizations]
    hours, days = mean_over(densities, lambda d: d.hour), mean_over(densities, lambda d: d.day)
    glue_all(
        comparisons=number(len(audits)), limit=LIMIT, worst=suspect.high, one=float(one_event.mean()),
        impossible=impossible.auc, impossible_column=impossible.column, window=float(window.mean()), collective_types=number(len(collective)), gain=gain, counting=counting,
        wins=number(sum(max(each.values(), key=np.mean) is each["count z-score"] for each in classes.values())), classes=number(len(classes)),
    )  # fmt: skip
    check = partial(claims.check, seeds=[guards.seed for guards in organizations])
    check(
        "simulator-columns", holds=set(HELD) <= set(worst) and suspect.high < 0.8,
        value=Interval(suspect.auc, suspect.low, suspect.high, suspect.episodes, 0.99), unit="AUC, of the column whose interval reaches highest",
        statement="No single column gives a contextual or collective attack away: of every column, the 99% interval of the AUC ends below 0.8.",
        verdict=no_verdict("arp2022", "pitfall P4, spurious correlations", "warns of artifacts in the data that separate the classes without being about attacks"),
    )  # fmt: skip
    check(
        "simulator-exclusive", holds=not exclusive and all(share >= 0.95 for share in entities),
        value=len(exclusive), unit="that only attacks have",
        statement="No value, format, range or pattern of empty cells occurs in three or more attacks and in no benign event, and at least 95% of the users, addresses and devices of attacks have benign events too.",
        verdict=no_verdict("arp2022", "pitfall P4, spurious correlations", "warns of artifacts in the data that separate the classes without being about attacks"),
    )  # fmt: skip
    check(
        "simulator-window", holds=gain.low > 0.5 and len(collective) >= 5,
        value=gain, unit="of average precision more with the window",
        statement="A classifier of one event has an average precision more than 0.5 below that of a classifier of its window, in the mean over the collective types.",
        verdict=extended("chandola2009", "section 2.2.3, collective anomalies", "the single instances of a collective anomaly need not be anomalies themselves, only their occurrence together"),
    )  # fmt: skip
    check(
        "simulator-hours", holds=hours.high < 0.15 and days.high < 0.15 and all(d.episodes > 100 for d in densities),
        value=hours, unit="between the distributions of the hour (Kolmogorov-Smirnov)",
        statement="Attacks begin at the hours and on the days of people's work: the distributions of hours are less than 0.15 apart, and so are those of days.",
        verdict=no_verdict("arp2022", "pitfall P1, sampling bias", "data must represent what the detector will meet"),
    )  # fmt: skip
    check(
        "simulator-counting", holds=counting.low > 1.5 * best_other and forest.high < 2,
        value=counting, unit="average precision",
        statement="On connections, counting the events of an entity by the hour beats the best single column, rarity and an isolation forest, and the forest is less than twice as good as a guess.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "simulator-labels", holds=all(o.injected == o.labeled and o.shared > 0.8 for o in origins),
        value=min(o.shared for o in origins), unit="of attack events agree with a benign one, at least",
        statement="Every injected event carries a label and no other event does; and most attack events agree with some benign event in all small columns, so no rule on these made the labels.",
        verdict=no_verdict("arp2022", "pitfall P2, label inaccuracy", "warns of labels that are wrong, unstable or made by heuristics"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_guards(spread(guard, [(seed, dict(SIZE)) for seed in seeds], bar="organizations"))
