"""Claims measured again on fresh seeds: recorded page by page, kept while their sentences stand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import run, said

from residual_book import cli, replication
from residual_book.claims import Claim
from residual_book.replication import Entry

PAGE = '''"""What a page says."""

from collections.abc import Sequence

from residual_book.claims import check, confirmed

LIMIT = {limit}


def on_fresh_seeds(seeds: Sequence[int]) -> None:
    check(
        "{id}", holds=min(seeds) > LIMIT, value=min(seeds), statement="{statement}", seeds=seeds, unit="points",
        verdict=confirmed("he2015", "section 1", "the same"),
    )
'''


class Book:
    """A repository whose pages have nothing but claims."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def page(self, name: str, *, statement: str = "All seeds are large.", limit: int = 0, text: str = PAGE) -> None:
        file = self.root / "book" / "residual_book" / name / "claims.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(id=name.replace("/", "-"), statement=statement, limit=limit))


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """Pages part1/one and part1/two, read from their files."""
    made = Book(tmp_path)
    for name in ("part1/one", "part1/two"):
        made.page(name)
    monkeypatch.setattr(replication, "pages", lambda: ["part1/one", "part1/two"])
    monkeypatch.setattr(replication.contents, "ROOT", tmp_path)
    monkeypatch.setattr(replication, "_source", lambda page, root: tmp_path / "book/residual_book" / page / "claims.py")
    return made


@pytest.fixture
def measured(book: Book, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that were measured, here and not in processes of their own."""
    names: list[str] = []

    def side_by_side(due: Any, seeds: Any, workers: int) -> Any:
        for page in due:
            names.append(page)
            yield page, Ready(lambda page=page: replication.measure(page, seeds))

    monkeypatch.setattr(replication, "_side_by_side", side_by_side)
    monkeypatch.setattr(replication.importlib, "import_module", lambda name: load(book, name))
    return names


class Ready:
    def __init__(self, result: Callable[[], list[Entry]]) -> None:
        self.result = result


def load(book: Book, name: str) -> Any:
    file = book.root / "book" / (name.replace(".", "/") + ".py")
    namespace: dict[str, Any] = {"__name__": name}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    return type("Module", (), {"on_fresh_seeds": staticmethod(namespace["on_fresh_seeds"])})


def record(out: Path, *, names: list[str] | None = None, seeds: tuple[int, ...] = (40, 41)) -> None:
    replication.record(out, names=names, seeds=seeds, workers=1)


def test_each_claim_is_recorded_with_what_was_said_and_found(book: Book, measured: list[str], tmp_path: Path) -> None:
    book.page("part1/two", limit=40)
    out = tmp_path / "replication.json"
    record(out)
    content = json.loads(out.read_text())
    assert content["seeds"] == [40, 41]
    assert content["command"] == "residual-book replicate --out results/replication.json --seeds 40,41"
    assert {"commit", "machine", "torch"} <= content["provenance"].keys()
    known = replication.entries(tmp_path)
    assert {id: entry.held for id, entry in known.items()} == {"part1-one": True, "part1-two": False}
    assert known["part1-one"] == Entry(
        "part1-one", "part1/one", "All seeds are large.", "min(seeds) > LIMIT", 40.0, None, None, "points", True
    )


def test_only_what_changed_is_measured_again(book: Book, measured: list[str], tmp_path: Path) -> None:
    out = tmp_path / "replication.json"
    record(out, names=["part1/two"])
    record(out)
    record(out)
    assert measured == ["part1/two", "part1/one"]
    book.page("part1/two", statement="Every seed is large.")
    record(out)
    assert measured == ["part1/two", "part1/one", "part1/two"]
    assert replication.entries(tmp_path)["part1-two"].statement == "Every seed is large."


def test_a_page_that_fails_does_not_cost_the_others(book: Book, measured: list[str], tmp_path: Path) -> None:
    book.page("part1/one", text="def on_fresh_seeds(seeds):\n    1 / 0\n")
    out = tmp_path / "replication.json"
    with pytest.raises(ExceptionGroup) as caught:
        record(out)
    (error,) = caught.value.exceptions
    assert isinstance(error, ZeroDivisionError)
    assert error.__notes__ == ["on fresh seeds of part1/one"]
    assert list(replication.entries(tmp_path)) == ["part1-two"]


def test_what_was_rewritten_counts_by_the_second_file(book: Book, measured: list[str], tmp_path: Path) -> None:
    book.page("part1/two", limit=40)
    record(tmp_path / replication.FIRST)
    book.page("part1/two", statement="Every seed is large.")
    record(tmp_path / "replication-2.json", names=["part1/two"], seeds=(50, 51))
    content = json.loads((tmp_path / "replication-2.json").read_text())
    assert content["command"].endswith("replication-2.json --pages part1/two --seeds 50,51")
    two = replication.entries(tmp_path)["part1-two"]
    assert (two.statement, two.held, two.value) == ("Every seed is large.", True, 50.0)
    assert [entry.held for entry in replication.first_time(tmp_path)] == [True, False]


@pytest.mark.parametrize(("first", "second"), [(40, 51), (39, 50)])
def test_a_claim_tried_twice_must_hold_twice(
    book: Book, measured: list[str], tmp_path: Path, first: int, second: int
) -> None:
    for file, seeds, limit in ((replication.FIRST, (40, 41), first), ("replication-2.json", (50, 51), second)):
        book.page("part1/one", limit=limit)
        record(tmp_path / file, names=["part1/one"], seeds=seeds)
    assert not replication.entries(tmp_path)["part1-one"].held


def test_of_two_times_that_a_claim_held_the_last_counts(book: Book, measured: list[str], tmp_path: Path) -> None:
    record(tmp_path / replication.FIRST, names=["part1/one"])
    record(tmp_path / "replication-2.json", names=["part1/one"], seeds=(50, 51))
    assert replication.entries(tmp_path)["part1-one"].value == 50.0


def test_other_seeds_need_another_file(book: Book, measured: list[str], tmp_path: Path) -> None:
    out = tmp_path / "replication.json"
    record(out)
    with pytest.raises(ValueError, match="was recorded with seeds 40,41, this run has 42"):
        record(out, seeds=(42,))


def test_an_unknown_page_is_named(book: Book, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="on_fresh_seeds, got part9/none"):
        record(tmp_path / "replication.json", names=["part9/none"])


def test_pages_run_in_processes_with_one_thread(tmp_path: Path) -> None:
    """The real thing, once: one of the smallest pages of the book."""
    out = tmp_path / "replication.json"
    record(out, names=["part2/blocks"])
    entries = replication.entries(tmp_path).values()
    assert {entry.page for entry in entries} == {"part2/blocks"}
    assert any(entry.held for entry in entries)


CLAIM = Claim("a", "More.", "x > 0", 1.0, 0.5, 1.5, "", (0, 1), "he2015", "1", "more", "confirmed")
ENTRY = Entry("a", "p", "More.", "x > 0", 1.0, 0.5, 1.5, "", True)


@pytest.mark.parametrize(
    ("changes", "entry", "stands", "fault"),
    [
        ({}, {}, replication.HELD, False),
        ({}, {"held": False}, replication.FAILED, True),
        ({}, {"statement": "Much more."}, replication.CHANGED, True),
        ({}, {"rule": "x > -1"}, replication.CHANGED, True),
        ({}, None, replication.UNTRIED, True),
        ({"recorded": "x.json"}, None, replication.RECORDED, False),
        ({"seeds": ()}, None, replication.SEEDLESS, False),
    ],
)
def test_how_a_claim_stands(changes: dict[str, Any], entry: dict[str, Any] | None, stands: str, fault: bool) -> None:
    claim = Claim(**{**vars(CLAIM), **changes})
    known = None if entry is None else Entry(**{**vars(ENTRY), **entry})
    assert replication.standing(claim, known) == stands
    faults = replication.faults([("part1/one", claim)], {} if known is None else {"a": known})
    assert faults == ([f"part1/one: claim 'a' {stands}"] if fault else [])


def test_every_page_with_fresh_seeds_is_found() -> None:
    assert "primers/neuron" in replication.pages()
    assert replication.module_of("part1/gradient-flow") == "residual_book.part1.gradient_flow.claims"


def test_arguments_reach_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(replication, "record", lambda *arguments, **options: called.append((arguments, options)))
    run(cli.main, "replicate", "--out", "x.json")
    run(cli.main, "replicate", "--out", "x.json", "--pages", "part1/depth,appendix/jax", "--seeds", "40,41")
    (_, default), (positional, options) = called
    assert positional == (Path("x.json"),)
    assert (default["names"], tuple(default["seeds"])) == (None, replication.ROUNDS[replication.FIRST])
    assert (options["names"], options["seeds"]) == (["part1/depth", "appendix/jax"], [40, 41])


def test_a_file_that_is_no_record_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.json"
    out.write_text('{"command": "", "provenance": {}, "runs": [{"page": "x"}], "seeds": [1]}')
    assert "expected claims on fresh seeds" in said(cli.main, capsys, "replicate", "--out", str(out), "--seeds", "1")
