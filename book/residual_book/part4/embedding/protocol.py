"""The table of uses: what is measured, against whom, and which result has which verdict.

This was written before any of these points was measured on the organizations of the recording. They are those of the
pages before, so that what volume and the network of windows find there was known; the latter's arms were added
afterwards, by the same rule.

An organization of 80 people is watched for 35 days, as on the page about the bar. What learns without labels
(encoder, networks, subspaces) learns from days 0 to 6. Neighbors are looked for among earlier events: for days 7 to
13 among those of days 0 to 6, for the test days 14 to 34 among those of days 0 to 13. An event is given to every arm
as the same numbers and codes: its fields, and its context in time.

Arms. The simple rivals are `SIMPLE`: the fields as they are, with codes one-hot; the context alone; both; and for
some uses one that needs no vectors: counting (`counts`), trees on both (`trees`), the volume of windows (`volume`,
rival V of the bar). The networks are `NETWORKS`: an untrained one, two that learned (masked parts, SCARF), and the
residual subspaces of these two. All networks have one shape, and see the events for equally many steps. One more makes
no points of events: `expectation`, the network that expects the next window of an entity, whose alarms on these
organizations were recorded before for another page. It stands beside the others for the three kinds of anomalies.

Each use has one measure, where more is better:

- similar: precision at 10 in an archive of cases. Events of the episodes and twins of all days, also later ones, are
  the archive; an event of the test days asks for the ten nearest ones of other episodes; right is one of the same
  type, attack or twin. Mean over the types.
- field: accuracy of logistic regression on the event without the field. Mean over the fields of `TARGETS`; the part of
  the event that holds the field is taken away, and so is each part with a column that gives it away. Learned from days
  0 to 13, tested on the test days. Rivals besides: what this entity had most often, and trees. A network more: `masked
  head`, what the one that learned to predict hidden parts says itself.
- new: the same on events of users and addresses that days 0 to 13 have not seen.
- labels: recall of episodes of all types with 10 alerts per day, in the test days, by logistic regression on an
  entity's hours (the sum of the events, as for collective ones) that was told 30 episodes and twins of days 0 to 13,
  and takes other hours for normal. (10 and 100 are recorded beside it.) Rivals besides: trees with the same labels;
  volume without any of them, whose counts were chosen by recall on two other organizations.
- point, contextual: recall of these kinds of episodes with 10 alerts per day. An entity and hour has the score of its
  oddest event, the distance to the fifth nearest. Rival besides: volume.
- collective: the same for the sum of an entity's hour (signed logarithm of each coordinate). Rival besides: volume.
- drift: how far alarms drift. The score that one in a thousand events of a class exceeds in days 7 to 13 is exceeded
  by a share of the events of days 28 to 34; minus the absolute log10 of how many times as many, mean over classes.
  Events of episodes are left in.

Beside the uses, and without a verdict, some properties are recorded. `rank` is the effective rank of each arm that
makes points, over 2,000 events of each class in the test days. `firm`, of these events and of the arms `SIZED`, is the
share of ten nearest events that stay the same when one in ten parts of each event is empty. `size 4` and so on is the
precision of `similar` by so many directions in which the first week spreads most. `overlap` is the share of ten nearest
events that stay the same in a small organization when a network (SCARF's) is trained again from another seed, or on
another organization, or when an untrained one is made again.

The verdict on an arm of `NETWORKS` is about the paired difference to the best simple rival, the one with the highest
mean over the same organizations, and its 95% interval over these:

- "pays": the interval lies above the margin;
- "loses": it lies below minus the margin;
- "no gain": it lies below the margin;
- "undecided": none of these.

The margin is five points of recall, precision or accuracy, and 0.1 for drift. The verdict on a use is "pays" if it is
so for a network that learned; else that of the arm which has the highest mean among these. Naming the best rival
after the fact favors the rivals, and that is meant: whoever builds a network has to beat the best of what is at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from residual_book.evaluation.recall import bootstrap
from residual_book.stats import Interval, mean_difference, mean_interval

SIMPLE = ("fields", "context", "both")
RIVALS = (*SIMPLE, "counts", "trees", "volume", "seasonal mean")
RESIDUALS = {"masked": "masked residual", "SCARF": "SCARF residual"}
EVENTS = ("masked", "masked head", "SCARF", *RESIDUALS.values())  # networks that learned from events
TRAINED = (*EVENTS, "expectation")
NETWORKS = ("untrained", *TRAINED)
SIZED, SIZES = ("both", "untrained", "masked", "SCARF"), (4, 16, 64)
MARGIN = 0.05
USES = {
    "similar": "find similar events",
    "field": "predict a missing field",
    "new": "the same for new entities",
    "labels": "learn from 30 labels",
    "point": "point anomalies",
    "contextual": "contextual anomalies",
    "collective": "collective anomalies",
    "drift": "stay calm under drift",
}
MORE = ("labels 10", "labels 100")
MARGINS = dict.fromkeys(USES, MARGIN) | {"drift": 0.1}
VERDICTS = ("pays", "no gain", "loses", "undecided")


@dataclass(frozen=True)
class Score:
    """What one arm is worth for one use in one organization.

    Attributes:
        seed: of the organization.
        use: one of `USES`, "labels 10" and "labels 100", or a property.
        arm: one of `RIVALS` or `NETWORKS`.
        value: the measure.
        type: of each episode, where the measure is their recall.
        found: which of them were found, 0 or 1.
    """

    seed: int
    use: str
    arm: str
    value: float
    type: tuple[str, ...] = ()
    found: tuple[int, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """How the arms of a use come out: means, and for each network its difference to the best rival and the verdict."""

    use: str
    best: str
    means: dict[str, Interval]
    differences: dict[str, Interval]
    verdicts: dict[str, str]

    @property
    def champion(self) -> str:
        """The network that learned and speaks for the use: one that pays, or else the one with the highest mean."""
        return max(
            (arm for arm in TRAINED if arm in self.differences),
            key=lambda arm: (self.verdicts[arm] == "pays", self.differences[arm].estimate),
        )

    @property
    def verdict(self) -> str:
        return self.verdicts[self.champion]


def judge(scores: Sequence[Score]) -> dict[str, Verdict]:
    """The verdicts on all uses, and on what is recorded beside `labels`."""
    return {use: judged(scores, use) for use in (*USES, *MORE)}


def judged(scores: Sequence[Score], use: str) -> Verdict:
    """The verdict on each network for a use, over all organizations of a recording."""
    arms = {arm: [s for s in scores if (s.use, s.arm) == (use, arm)] for arm in (*RIVALS, *NETWORKS)}
    arms = {arm: own for arm, own in arms.items() if own}
    means = {arm: mean_of(own) for arm, own in arms.items()}
    best = max((arm for arm in RIVALS if arm in arms), key=lambda arm: means[arm].estimate)
    differences = {arm: difference(arms[arm], arms[best]) for arm in NETWORKS if arm in arms}
    margin = MARGINS[use.partition(" ")[0]]
    verdicts = {arm: verdict_of(interval, margin) for arm, interval in differences.items()}
    return Verdict(use, best, means, differences, verdicts)


def verdict_of(gain: Interval, margin: float) -> str:
    """One of `VERDICTS` by the rule of the protocol."""
    if gain.low > margin:
        return "pays"
    if gain.high < -margin:
        return "loses"
    return "no gain" if gain.high < margin else "undecided"


def mean_of(scores: Sequence[Score]) -> Interval:
    """The mean of an arm over organizations; for recall that of episodes."""
    if scores[0].type:
        return bootstrap([_by_type(score) for score in scores])
    return mean_interval([score.value for score in scores])


def difference(first: Sequence[Score], second: Sequence[Score]) -> Interval:
    """The first arm less the second, on the same organizations and episodes.

    Raises:
        ValueError: where these differ.
    """
    if not first[0].type:
        return mean_difference(first, second, lambda score: score.value)
    cells = []
    for a, b in zip(first, second, strict=True):
        if (a.seed, a.type) != (b.seed, b.type):
            raise ValueError(f"arms must have the same episodes, got organizations {a.seed} and {b.seed}")
        left, right = _by_type(a), _by_type(b)
        cells.append({kind: left[kind] - right[kind] for kind in left})
    return bootstrap(cells)


def _by_type(score: Score) -> dict[str, np.ndarray]:
    types, found = np.array(score.type), np.array(score.found, dtype=np.int64)
    return {str(kind): found[types == kind] for kind in np.unique(types)}
