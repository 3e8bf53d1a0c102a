"""What `book/part3/simulator.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from residual.simulate import TYPES
from residual_book import claims
from residual_book.claims import confirmed, glue_all, not_testable, number
from residual_book.part3.simulator.columns import HELD, LIMIT, pooled, worst_by_type
from residual_book.part3.simulator.experiment import Guards, over_seeds
from residual_book.stats import mean_interval


def on_guards(organizations: Sequence[Guards]) -> None:
    """Of all that the guards measured."""
    audits = pooled(guards.columns for guards in organizations)
    worst = worst_by_type(audits)
    highest = max(worst[name].low for name in HELD)
    over = sum(worst[name].auc > LIMIT for name in HELD)
    types = over_seeds(guards.comparisons for guards in organizations)
    collective = [precision for name, precision in types.items() if TYPES[name].kind == "collective"]
    one_event = np.array([precision["sees one event"] for precision in collective])
    window = np.array([precision["sees its window"] for precision in collective])
    gains = window - one_event  # [types, seeds]
    gain = mean_interval(gains.mean(axis=0))
    classes = over_seeds(guards.baselines for guards in organizations)
    flows = classes["network_activity"]
    counting, forest = (
        mean_interval(flows["count z-score"]),
        zip(flows["isolation forest"], flows["guessing"], strict=True),
    )
    best_other = max(max(flows[detector]) for detector in ("one column", "rarity", "isolation forest"))
    exclusive = [thing for guards in organizations for thing in guards.exclusive]
    entities = [share for guards in organizations for share in guards.entities.values()]
    densities, origins = [guards.density for guards in organizations], [guards.origin for guards in organizations]
    glue_all(
        comparisons=number(len(audits)), limit=LIMIT, worst=highest, over=number(over) if over else "none",
        one=float(one_event.mean()), window=float(window.mean()), collective_types=number(len(collective)),
        unsure=number(sum(mean_interval(of_type).low <= 0 for of_type in gains)), counting=counting,
        wins=number(sum(max(each.values(), key=np.mean) is each["count z-score"] for each in classes.values())), classes=number(len(classes)),
    )  # fmt: skip
    check = partial(claims.check, seeds=[guards.seed for guards in organizations])
    check(
        "simulator-columns", holds=set(HELD) <= set(worst) and all(worst[name].low <= LIMIT and worst[name].episodes >= 30 for name in HELD),
        value=highest, unit="AUC, the highest lower end of an interval",
        statement="For no contextual or collective type does a single column have an AUC of which one can be confident, at 99 %, that it is over 0.75.",
        verdict=not_testable("arp2022", "pitfall P4, spurious correlations", "warns of artifacts in the data that separate the classes without being about attacks"),
    )  # fmt: skip
    check(
        "simulator-exclusive", holds=not exclusive and all(share >= 0.95 for share in entities),
        value=len(exclusive), unit="that only attacks have",
        statement="No value, format, range or pattern of empty cells occurs in three or more attacks and in no benign event, and at least 95 % of the users, addresses and devices of attacks have benign events too.",
        verdict=not_testable("arp2022", "pitfall P4, spurious correlations", "warns of artifacts in the data that separate the classes without being about attacks"),
    )  # fmt: skip
    check(
        "simulator-window", holds=gain.low > 0.3 and gains.mean(axis=1).min() > 0.2 and len(collective) >= 5,
        value=gain, unit="of average precision more with the window",
        statement="A classifier of one event has a lower average precision than one of its window: over the collective types together with confidence, and for each of them in the mean of the seeds.",
        verdict=confirmed("chandola2009", "section 2.2.3, collective anomalies", "the single instances of a collective anomaly need not be anomalies themselves, only their occurrence together"),
    )  # fmt: skip
    check(
        "simulator-hours", holds=all(min(d.p_hour, d.p_day) > 0.001 and d.episodes > 100 for d in densities),
        value=min(min(d.p_hour, d.p_day) for d in densities), unit="smallest p-value (Kolmogorov-Smirnov)",
        statement="Attacks begin at the hours and on the days of people's work: a test that compares them with work finds no difference.",
        verdict=not_testable("arp2022", "pitfall P1, sampling bias", "data must represent what the detector will meet"),
    )  # fmt: skip
    check(
        "simulator-counting", holds=counting.low > 1.5 * best_other and all(precision < 2 * chance for precision, chance in forest),
        value=counting, unit="average precision",
        statement="On connections, counting the events of an entity by the hour beats the best single column, rarity and an isolation forest with every seed, and the forest is less than twice as good as a guess.",
        verdict=confirmed("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip
    check(
        "simulator-labels", holds=all(o.injected == o.labeled and o.shared > 0.8 for o in origins),
        value=min(o.shared for o in origins), unit="of attack events agree with a benign one, at least",
        statement="Every injected event carries a label and no other event does; and most attack events agree with some benign event in all small columns, so no rule on these made the labels.",
        verdict=not_testable("arp2022", "pitfall P2, label inaccuracy", "warns of labels that are wrong, unstable or made by heuristics"),
    )  # fmt: skip
