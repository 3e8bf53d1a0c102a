"""A small organization and two analysts: one who answers nothing, and one who answers everything."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from residual import simulate
from residual.detect import words
from residual.detect.alert import Alert
from residual_book.evaluation.live import DAYS, USERS
from residual_book.part5.verdicts.experiment import NOBODY, RIGHT, Played, play

SEED = 0
TRUE, TWIN, NOTHING = "attack or fault", "benign twin", "nothing"


@dataclass(frozen=True)
class Shown:
    """An alert with the test day that it is of, what the labels say, and whether it was displaced."""

    day: int
    alert: Alert
    what: str
    displaced: bool


def live(seed: int = SEED, users: int = USERS, days: int = DAYS) -> Played:
    """A small organization without answers, and with right ones."""
    return play(simulate.simulation(users=users, days=days, seed=seed), (NOBODY, RIGHT))


def shown(played: Played) -> list[Shown]:
    """The alerts of the analyst who answers, and those that the answers displaced."""
    twin = dict(played.labels.select("metadata.uid", "twin").iter_rows())
    desk = played.desks[1]

    def what(alert: Alert) -> str:
        hits = {twin[uid] for uid in alert.events if uid in twin}
        return NOTHING if not hits else TRUE if False in hits else TWIN

    return [
        Shown(day, alert, what(alert), displaced)
        for days, displaced in ((desk.alerts, False), (desk.lowered, True))
        for day, some in days.items()
        for alert in some
    ]


def survive_mimicry(played: Played) -> tuple[int, int]:
    """Without answers, how many true alerts would be among a day's even if they ranked ten times lower; and of all."""
    hidden = of = 0
    harmful = set(played.labels.filter(~played.labels["twin"])["metadata.uid"])
    for some in played.desks[0].alerts.values():
        last = max(alert.rate for alert in some)
        true = [alert.rate for alert in some if not harmful.isdisjoint(alert.events)]
        hidden += sum(10 * rate <= last for rate in true)
        of += len(true)
    return hidden, of


def first_displaced(played: Played) -> Iterator[str]:
    """What the first alert that verdicts lowered out of a list says of itself, in lines."""
    lowered = (a for some in played.desks[1].lowered.values() for a in some if a.shift < 0 and len(a.alike) > 1)
    alert = next(lowered, None)
    if alert is not None:
        for line in (words.title(alert), f"on its own, {words.often(alert.rate)}", words.moved(alert)):
            yield from wrap(line, 76, subsequent_indent="  ")
