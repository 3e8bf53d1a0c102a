"""All uses of all representations in one organization after the other, and the record of them.

Told in `book/part4/embedding.md`; the rules are in `protocol`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from residual.simulate import TYPES
from residual.tabular.quality import residual_subspace
from residual_book.evaluation.outcome import Outcome
from residual_book.evaluation.recall import found
from residual_book.evaluation.volume import V, volume
from residual_book.evaluation.watched import BUDGET, DAYS, FIRST_WEEK, TEST, USERS, with_machines
from residual_book.part4.embedding import detection, fields, properties, similar, training
from residual_book.part4.embedding.events import Organization, organization, rows_of, sample
from residual_book.part4.embedding.protocol import RESIDUALS, Score
from residual_book.part4.embedding.representations import Masked, Network, Plain, Represent, Within
from residual_book.recording import RESULTS, listed, provenance, read_record, recorded_runs, write_record
from residual_book.stats import seeds_of

SEEDS = (50, 51, 52, 53, 54)  # of the recording, as on the pages before
RESULT = RESULTS / "uses.json"
EXPECTED = RESULTS / "expectation.json"  # recorded for the page before, on the same organizations
WINDOWS = {"network": "expectation", "seasonal mean": "seasonal mean"}  # arms by their names on the page before
KNOWN = 2000  # events of each class that say which codes are frequent, and where a representation varies least


def some(org: Organization, days: range) -> tuple[Tensor, Tensor]:
    """Some events of each class, of some days."""
    rng = np.random.default_rng(org.seed)
    return rows_of([e.rows(sample(e.day, days, KNOWN, rng)) for e in org.events.values()])


def representations(org: Organization, known: tuple[Tensor, Tensor]) -> dict[str, Represent]:
    """All that learn without labels, from the first week; those that need only some events of it from these."""
    context = org.of_context()
    made: dict[str, Represent] = {
        "fields": Plain.fit(*known, ~context, codes=True),
        "context": Plain.fit(*known, context, codes=False),
        "both": Plain.fit(*known, context | ~context, codes=True),
        "untrained": Network(training.network(org, seed=org.seed)),
        "masked": Masked(training.masked(org, seed=org.seed)),
        "SCARF": Network(training.contrastive(org, seed=org.seed).net),
    }
    for whole, part in RESIDUALS.items():
        made[part] = Within(made[whole], residual_subspace(made[whole](*known)))
    return made


def measure(org: Organization) -> Iterator[Score]:
    """The scores of all arms for all uses in one organization."""
    asked = fields.questions(org)
    known, shown = some(org, FIRST_WEEK), some(org, TEST)
    made = representations(org, known)
    if isinstance(own := made["masked"], Masked):
        yield from _answers(org, "masked head", {path: fields.predicted(q, own.model) for path, q in asked.items()})
    for arm, represent in tqdm(made.items(), desc=f"representations of organization {org.seed}"):
        yield Score(org.seed, "similar", arm, similar.precision(org, represent))
        yield from properties.of(org, arm, represent, known, shown)
        yield from _answers(org, arm, {path: fields.linear(question, represent) for path, question in asked.items()})
        yield from detection.scores(org, arm, detection.detect(org, represent))
    yield from _answers(org, "counts", {path: fields.counts(question) for path, question in asked.items()})
    yield from _answers(org, "trees", {path: fields.trees(question, made["both"]) for path, question in asked.items()})
    by_volume = volume(with_machines(org.watched.events), V)
    for use in (*detection.KINDS, *map(detection.labels, detection.LABELS)):
        yield detection.recalled(org, use, "volume", by_volume, use if use in detection.KINDS else None)


def _answers(org: Organization, arm: str, answers: dict[str, fields.Answers]) -> Iterator[Score]:
    for use, accuracy in zip(("field", "new"), fields.mean(answers), strict=True):
        yield Score(org.seed, use, arm, accuracy)


def expected(out: Path = EXPECTED) -> list[Score]:
    """Alarms at what was not expected of windows, by a network and without one, as recorded for the page before."""
    scores = []
    for run in read_record(out)["runs"]:
        for outcome in (Outcome(**own) for own in run["outcome"] if own["rival"] in WINDOWS):
            hits = list(zip(outcome.type, found(outcome, BUDGET), strict=True))
            for use in detection.KINDS:
                own = [(name, int(hit)) for name, hit in hits if TYPES[name].kind == use]
                types, values = (tuple(column) for column in zip(*own, strict=True))
                scores.append(Score(outcome.seed, use, WINDOWS[outcome.rival], float(np.mean(values)), types, values))
    return scores


def record(out: Path, seeds: Sequence[int] = SEEDS) -> None:
    """Measure the organizations that `out` does not hold yet, and write it after each.

    Raises:
        ValueError: for a file that holds something else.
    """
    scores = recorded_runs(out, Score) if out.exists() else []
    for seed in seeds:
        if seed not in seeds_of(scores):
            new = [*properties.overlaps(seed), *measure(organization(seed, users=USERS, days=DAYS))]
            scores = sorted([*scores, *new], key=lambda score: score.seed)
            command = f"residual-book uses --out results/{out.name} --seeds {listed(seeds)}"
            write_record(out, {"command": command, "provenance": provenance(), "runs": [asdict(s) for s in scores]})
