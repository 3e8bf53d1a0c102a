"""Every claim that depends on seeds, measured again on seeds that nobody looked at while the sentence was written.

A page's `claims` module has `on_fresh_seeds(seeds)`, which repeats the page's experiments and its checks. The outcomes
are recorded in `results/replication.json`, page by page, and the ledger shows them: see `book/_ext/ledger.py`. Where a
claim did not hold there, its sentence went, and what took its place was measured in another round, on seeds that nobody
had looked at until then.
"""

import ast
import hashlib
import importlib
import multiprocessing
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from residual_book import contents
from residual_book.claims import Claim, judging
from residual_book.recording import listed, provenance, read_record, write_record

# The seeds of each round, by its file: never used while writing what they test.
FIRST = "replication.json"
ROUNDS = {
    FIRST: tuple(range(100, 110)),
    "replication-2.json": tuple(range(110, 120)),
    "replication-3.json": tuple(range(120, 130)),
    "replication-4.json": tuple(range(130, 140)),
    "replication-5.json": tuple(range(140, 150)),
    "replication-6.json": tuple(range(150, 160)),
    "replication-7.json": tuple(range(160, 170)),
    "replication-8.json": tuple(range(170, 180)),
    "replication-9.json": tuple(range(190, 200)),
    "replication-10.json": tuple(range(200, 210)),
    "replication-11.json": tuple(range(210, 220)),
}
HELD, FAILED = "held on fresh seeds", "did not hold on fresh seeds"
RECORDED, SEEDLESS = "recorded", "does not depend on seeds"
UNTRIED, CHANGED = "not tried on fresh seeds yet", "changed since it was tried on fresh seeds"


@dataclass(frozen=True)
class Entry:
    """One claim on the fresh seeds: what it said and by which rule, what was measured, and whether the rule held."""

    id: str
    page: str
    statement: str
    rule: str
    value: float
    low: float | None
    high: float | None
    unit: str
    held: bool


@dataclass(frozen=True)
class PageRun:
    """The claims of one page on the fresh seeds.

    Attributes:
        page: its name, such as "part1/degradation".
        sentences: hash of the sentences and rules that its `claims` module had.
        provenance: of the code that measured.
        claims: one entry each.
    """

    page: str
    sentences: str
    provenance: dict[str, str]
    claims: tuple[Entry, ...]


def module_of(page: str) -> str:
    """The module with a page's claims."""
    return f"residual_book.{page.replace('-', '_').replace('/', '.')}.claims"


def _source(page: str, root: Path) -> Path:
    return root / contents.folder_of(page) / "claims.py"


def pages(root: Path = contents.ROOT) -> list[str]:
    """The pages whose claims can be measured on other seeds, in the order of the book."""
    return [page for page in contents.pages(root) if "def on_fresh_seeds(" in _text(_source(page, root))]


def _text(file: Path) -> str:
    return file.read_text() if file.is_file() else ""


def sentences(page: str, root: Path = contents.ROOT) -> str:
    """Hash of all sentences and rules in a page's `claims` module, as its code has them."""
    calls = [node for node in ast.walk(ast.parse(_text(_source(page, root)))) if isinstance(node, ast.Call)]
    words = [{word.arg: ast.unparse(word.value) for word in call.keywords} for call in calls]
    found = sorted(f"{word['statement']} {word['holds']}" for word in words if {"statement", "holds"} <= word.keys())
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]


def measure(page: str, seeds: Sequence[int]) -> list[Entry]:
    """Repeat a page's experiments on `seeds` and judge by its own rule each claim that depends on them."""
    module = importlib.import_module(module_of(page))
    with judging() as outcomes:
        module.on_fresh_seeds(seeds)
    return [
        Entry(c.id, page, c.statement, c.rule, c.value, c.low, c.high, c.unit, outcome.held)
        for outcome in outcomes
        for c in [outcome.claim]
        if c.seeds and not c.recorded
    ]


def record(out: Path, *, names: Sequence[str] | None, seeds: Sequence[int], workers: int) -> None:
    """Measure the pages that `out` does not hold as they are now, and write it after each.

    Args:
        out: the JSON file; stopped and called again, it goes on from there.
        names: the pages, all of them if None.
        seeds: the fresh seeds.
        workers: pages measured at a time, each in a process of its own with one thread.

    Raises:
        ValueError: for a page that has no `on_fresh_seeds`, or a file that was recorded with other seeds.
        ExceptionGroup: where pages could not be measured; the others are recorded.
    """
    known = pages()
    if unknown := set(names or ()) - set(known):
        raise ValueError(f"--pages must be pages whose claims have on_fresh_seeds, got {', '.join(sorted(unknown))}")
    runs = {run.page: run for run in recorded(out, seeds) if run.page in known} if out.exists() else {}
    current = {page: sentences(page) for page in known}
    due = [p for p in (names or known) if p not in runs or runs[p].sentences != current[p]]
    errors = []
    for page, future in _side_by_side(due, seeds, workers):
        try:
            runs[page] = PageRun(page, current[page], provenance(), tuple(future.result()))
        except Exception as error:
            error.add_note(f"on fresh seeds of {page}")
            errors.append(error)
            continue
        write_record(out, _content(out, [runs[name] for name in known if name in runs], seeds, known))
    if errors:
        raise ExceptionGroup("some pages could not be measured on fresh seeds", errors)


def _content(out: Path, runs: Sequence[PageRun], seeds: Sequence[int], known: Sequence[str]) -> dict[str, Any]:
    some = "" if len(runs) == len(known) else f" --pages {','.join(run.page for run in runs)}"
    return {
        "command": f"residual-book replicate --out results/{out.name}{some} --seeds {listed(seeds)}",
        "provenance": provenance(),
        "seeds": list(seeds),
        "runs": [asdict(run) for run in runs],
    }


def _side_by_side(
    due: Sequence[str], seeds: Sequence[int], workers: int
) -> Iterator[tuple[str, "Future[list[Entry]]"]]:
    """Each page and its entries, as they come; pages that train the same net train it once."""
    # A process for each page: JAX must be told of devices before it computes anything.
    with (
        TemporaryDirectory() as checkpoints,
        _environment(RESIDUAL_WORKERS="1", OMP_NUM_THREADS="1", RESIDUAL_CHECKPOINTS=checkpoints),
        ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool,
    ):
        futures = {pool.submit(measure, page, seeds): page for page in due}
        for future in tqdm(as_completed(futures), total=len(due), desc="pages"):
            yield futures[future], future


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Variables for the processes that are started meanwhile."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def recorded(out: Path, seeds: Sequence[int] | None = None) -> list[PageRun]:
    """What `record` wrote.

    Raises:
        ValueError: where the file holds something else, or was recorded with other seeds than `seeds`.
    """
    content = read_record(out)
    if seeds is not None and content.get("seeds") != list(seeds):
        raise ValueError(
            f"{out} was recorded with seeds {listed(content.get('seeds', ()))}, this run has {listed(seeds)}: "
            "write to another file"
        )
    try:
        return [
            PageRun(**{**run, "claims": tuple(Entry(**entry) for entry in run["claims"])}) for run in content["runs"]
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{out}: expected claims on fresh seeds: {error!r}") from error


def entries(results: Path) -> dict[str, Entry]:
    """The entries recorded in the folder `results` by the claim's id; none where nothing is recorded yet.

    The last round counts, for the data of a page may have changed; but words and a rule that once did not hold stay so.
    """
    known: dict[str, Entry] = {}
    for file in ROUNDS:
        for entry in _entries(results / file):
            before = known.get(entry.id)
            if before is None or before.held or (before.statement, before.rule) != (entry.statement, entry.rule):
                known[entry.id] = entry
    return known


def first_time(results: Path) -> list[Entry]:
    """Every claim that the first fresh seeds tried, with the words that it had then."""
    return _entries(results / FIRST)


def _entries(file: Path) -> list[Entry]:
    return [entry for run in recorded(file) for entry in run.claims] if file.is_file() else []


def standing(claim: Claim, entry: Entry | None) -> str:
    """How a claim stands on the fresh seeds, in the words of the ledger."""
    if entry is not None:
        if (entry.statement, entry.rule) != (claim.statement, claim.rule):
            return CHANGED
        return HELD if entry.held else FAILED
    if claim.recorded:
        return RECORDED
    return UNTRIED if claim.seeds else SEEDLESS


def faults(claims: Collection[tuple[str, Claim]], known: Mapping[str, Entry]) -> list[str]:
    """What keeps the ledger from saying of each claim that it stands: a page and a sentence a line."""
    stands = [(page, claim, standing(claim, known.get(claim.id))) for page, claim in claims]
    return [f"{page}: claim {claim.id!r} {how}" for page, claim, how in stands if how in (FAILED, UNTRIED, CHANGED)]
