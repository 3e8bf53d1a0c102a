"""What `book/part3/simulator.md` says, and the rule of each sentence."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from residual.simulate import TYPES
from residual_book import claims
from residual_book.claims import extended, glue_all, no_verdict, number
from residual_book.part3.simulator.afternoon import DETECTORS
from residual_book.part3.simulator.columns import HELD, LIMIT, pooled, worst_by_type
from residual_book.part3.simulator.detectors import VIEWS, Precision
from residual_book.part3.simulator.experiment import SIZE, Guards, entity_shares, guarded
from residual_book.stats import Interval, mean_interval, mean_over

ONE, AROUND = VIEWS


def on_guards(organizations: Sequence[Guards], precision: Precision) -> None:
    """Of all that the guards measured."""
    on_records(organizations)
    on_detectors(organizations, precision)
    on_people(organizations)


def on_records(organizations: Sequence[Guards]) -> None:
    """Guards 1, 2, 4 and 7: what columns, values, times, and labels say."""
    audits = pooled(guards.columns for guards in organizations)
    worst = worst_by_type(audits)
    suspect = max((worst[name] for name in HELD if name in worst), key=lambda audit: audit.high)
    impossible = next(audit for audit in audits if audit.type == "impossible")  # the surest of them
    exclusive = [thing for guards in organizations for thing in guards.exclusive]
    densities, labels = [guards.density for guards in organizations], [guards.labels for guards in organizations]
    hours, days = mean_over(densities, lambda d: d.hour), mean_over(densities, lambda d: d.day)
    glue_all(
        comparisons=number(len(audits)), limit=LIMIT, worst=suspect.high,
        impossible=impossible.auc, impossible_column=impossible.column,
    )  # fmt: skip
    check = partial(claims.check, seeds=[guards.seed for guards in organizations])
    check(
        "simulator-columns", holds=set(HELD) <= set(worst) and suspect.high < 0.8,
        value=Interval(suspect.auc, suspect.low, suspect.high, suspect.episodes, 0.99), unit="AUC, of the column whose interval reaches highest",
        statement="No single column gives a contextual or collective attack away: of every column, the 99% interval of the AUC ends below 0.8.",
        verdict=no_verdict("arp2022", "pitfall P4, spurious correlations", "warns of artifacts in the data that separate the classes without being about attacks"),
    )  # fmt: skip
    check(
        "simulator-exclusive", holds=not exclusive and all(share >= 0.95 for share in entity_shares(organizations)),
        value=len(exclusive), unit="that only attacks have",
        statement="No value, format, range or pattern of empty cells occurs in three or more attacks and in no benign event; and of each kind of entity that takes part in attacks, at least 95% have benign events of the same class too.",
        verdict=no_verdict("arp2022", "pitfall P4, spurious correlations", "warns of artifacts in the data that separate the classes without being about attacks"),
    )  # fmt: skip
    check(
        "simulator-hours", holds=hours.high < 0.15 and days.high < 0.15 and all(d.episodes > 100 for d in densities),
        value=hours, unit="between the distributions of the hour (Kolmogorov-Smirnov)",
        statement="Attacks begin at the hours and on the days of people's work: the distributions of hours are less than 0.15 apart, and so are those of days.",
        verdict=no_verdict("arp2022", "pitfall P1, sampling bias", "data must represent what the detector will meet"),
    )  # fmt: skip
    check(
        "simulator-labels", holds=all(o.injected == o.labeled and o.shared > 0.8 for o in labels),
        value=min(o.shared for o in labels), unit="of attack events agree with a benign one, at least",
        statement="Every injected event carries a label and no other event does; and most attack events agree with some benign event in all small columns, so no rule on these made the labels.",
        verdict=no_verdict("arp2022", "pitfall P2, label inaccuracy", "warns of labels that are wrong, unstable or made by heuristics"),
    )  # fmt: skip
    check(
        "simulator-named", holds=all(o.named > 1000 and o.wrong == 0 and o.campaigns[0] > 2 and o.campaigns[1] == o.causes[1] == 0 for o in labels),
        value=sum(o.wrong for o in labels), unit="named wrongly, or not named",
        statement="For every attack and twin, the labels name the users, machines, addresses and others of its events in their roles, and no others; every campaign has two or more steps, and every cascade has exactly one cause.",
        verdict=no_verdict("arp2022", "pitfall P2, label inaccuracy", "warns of labels that are wrong, unstable or made by heuristics"),
    )  # fmt: skip


def on_detectors(organizations: Sequence[Guards], precision: Precision) -> None:
    """Guards 5 and 6: classifiers that are told the labels, and detectors of an afternoon."""
    collective = [precision[name] for name in precision if TYPES[name].kind == "collective"]
    one_event, around = (np.array([of_type[view] for of_type in collective]) for view in VIEWS)
    gain = mean_interval((around - one_event).mean(axis=0))  # from [types, organizations]
    account = precision["valid_account"]
    together = mean_interval(np.subtract(account[AROUND], account[ONE]).tolist())
    recall = {name: np.array([guards.afternoon[name].recall for guards in organizations]) for name in DETECTORS}
    counting, rarity, forest, chance = recall.values()
    ahead = [mean_interval((counting - other).tolist()) for other in (rarity, forest)]
    guess = [mean_interval((other - chance).tolist()) for other in (rarity, forest)]
    glue_all(
        one=float(one_event.mean()), window=float(around.mean()), collective_types=number(len(collective)), gain=gain,
        account_one=float(np.mean(account[ONE])), account=float(np.mean(account[AROUND])),
        counting=float(counting.mean()), rarity=float(rarity.mean()), forest=float(forest.mean()), chance=float(chance.mean()),
        point_one=float(np.mean(precision["impossible"][ONE])), point=float(np.mean(precision["impossible"][AROUND])),
    )  # fmt: skip
    check = partial(claims.check, seeds=[guards.seed for guards in organizations])
    check(
        "simulator-window", holds=gain.low > 0.5 and len(collective) >= 5,
        value=gain, unit="of average precision more with the surroundings",
        statement="A classifier of one event has an average precision more than 0.5 below that of a classifier of its surroundings, in the mean over the collective types.",
        verdict=extended("chandola2009", "section 2.2.3, collective anomalies", "the single instances of a collective anomaly need not be anomalies themselves, only their occurrence together"),
    )  # fmt: skip
    check(
        "simulator-together", holds=together.low > 0.2 and mean_interval(account[ONE]).high < 0.2,
        value=together, unit="of average precision more for valid accounts",
        statement="What one sign-in to a misused account does not say (average precision below 0.2), its session and the account's habits do: with them it is more than 0.2 higher.",
        verdict=extended("chandola2009", "section 2.2.2, contextual anomalies", "an instance can be an anomaly in one context and not in another"),
    )  # fmt: skip
    check(
        "simulator-counting", holds=all(more.low > 0.05 for more in ahead) and all(more.high < 0.1 for more in guess),
        value=ahead[1], unit="of attacks found more than by an isolation forest",
        statement="With ten alerts a day in all, counting the events of an entity by the hour finds at least 5 points more of the attacks than rarity and an isolation forest, which are less than 10 points above chance.",
        verdict=extended("arp2022", "pitfall P6, inappropriate baseline", "asks for simple baselines beside a complex method, because these may be as good"),
    )  # fmt: skip


def on_people(organizations: Sequence[Guards]) -> None:
    """Work has an order, and people can be followed."""
    orders, people = [guards.order for guards in organizations], [guards.followed for guards in organizations]
    attack, twin = mean_over(orders, lambda o: o.attack), mean_over(orders, lambda o: o.twin)
    alone, per_day = mean_over(orders, lambda o: o.alone), mean_over(orders, lambda o: o.per_day)
    named, opened = mean_over(people, lambda p: p.named), mean_over(people, lambda p: p.opened)
    glue_all(
        order=attack,
        order_twin=twin.estimate,
        order_alone=alone.estimate,
        per_day=per_day.estimate,
        named=named.estimate,
        opened=opened.estimate,
    )
    check = partial(claims.check, seeds=[guards.seed for guards in organizations])
    check(
        "simulator-order", holds=attack.low > 0.8 and alone.high < 0.75 and per_day.high < 0.3,
        value=attack, unit="AUC of the order of calls",
        statement="How unusual a call is after the two before it, by its caller's own past, tells the calls of persistence from normal work with an AUC above 0.8; how rare its operation is, with one below 0.75. In normal work fewer than 0.3 callers a day among 80 people complete the four calls in their order within six hours.",
        verdict=extended("chandola2009", "section 2.2.3, collective anomalies", "a sequence of actions on a computer can be an anomaly although each of them is normal elsewhere in the sequence"),
    )  # fmt: skip
    check(
        "simulator-people", holds=named.low > 0.8 and named.high < 0.9 and opened.low > 0.9,
        value=opened, unit="of the calls that name a session follow a sign-in that opened it",
        statement="In normal work more than 80% of people's calls to the cloud name a session, and more than 10% do not; of those that do, more than 90% follow a recorded sign-in that succeeded and named the same session.",
        verdict=no_verdict("ocsf2026", "the object session", "gives a session an id in several classes of events, and does not say how often it is filled"),
    )  # fmt: skip


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    """Measure on other seeds, and check the claims that depend on them again."""
    on_guards(*guarded(seeds, **SIZE))
