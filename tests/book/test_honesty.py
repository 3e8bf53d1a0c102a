"""Each check of the book, broken on purpose and seen caught, in a small book that the real build command builds."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
import pytest
from bs4 import BeautifulSoup
from small_book import SmallBook

import execution
import page_run
import status
from residual_book import replication
from residual_book.recording import provenance

COMMIT = r"([0-9a-f]{12}(\+changes)?|unknown)"


def cell(code: str, tags: str = "") -> str:
    return f"```{{code-cell}} ipython3\n{f':tags: [{tags}]' if tags else ''}\n{code}\n```\n"


def claim(id: str, *, holds: bool = True) -> str:
    return (
        "from residual_book import claims\n"
        f'claims.check("{id}", holds={holds}, value=2, statement="Two is more than one.",\n'
        '    verdict=claims.confirmed("he2015", "section 1", "the same"));'
    )


def test_a_cell_that_raises_fails_every_build(small_book: SmallBook) -> None:
    small_book.page("reader", cell("1 / 0"))
    for _ in range(2):
        build = small_book.build()
        assert build.code != 0
        assert build.ran == ["reader"]
        assert "book/reader.md failed" in build.output
        assert "ZeroDivisionError: division by zero" in build.output


def test_every_way_not_to_run_is_named(small_book: SmallBook) -> None:
    pages = {
        "dies": cell("import os\nos._exit(1)"),
        "skips": cell("print('never run')", tags="skip-execution"),
        "empties": cell(""),
        "claims": cell(claim("one-too-many", holds=False)),
        "hides": cell(claim("a-hidden-one", holds=False), tags="raises-exception"),
        "accepts": cell("print('nothing to refuse')", tags="raises-exception"),
        "listed": cell("print('runs after all')"),
    }
    for name, text in pages.items():
        small_book.page(name, text)
    small_book.put("book/prose.md", "# Prose\n\nNothing runs here, and nobody says why.\n")
    small_book.put("book/story.md", "# Story\n\nNothing runs here, and the settings say why.\n")
    small_book.contents("chain", *pages, "prose", "story", "appendix")
    small_book.configure(
        {"index": "only a cover", "appendix": "gathers", "story": "tells a story", "listed": "has no code, it says"}
    )
    build = small_book.build()
    assert build.code != 0
    for said in (
        r"book/dies\.md failed:\s+Kernel died",
        r"book/skips\.md has a cell that was not run:\s+print\('never run'\)",
        r"book/empties\.md has a cell that was not run:\s+\(it is empty\)",
        r"book/claims\.md failed:(?s:.*)ClaimError: claim 'one-too-many' does not hold: Two is more than one\.",
        r"book/hides\.md failed:\s+ClaimError: claim 'a-hidden-one' does not hold",
        r"book/accepts\.md has a cell tagged raises-exception that raised nothing",
        r"listed has code but is listed in pages_without_code",
        r"prose did not execute: it has no code, and pages_without_code gives no reason",
    ):
        assert re.search(said, build.output), f"{said} is not in:\n{build.output}"
    assert "story" not in build.output  # a page that gives its reason is left in peace


def test_one_page_without_code_is_enough(small_book: SmallBook) -> None:
    small_book.put("book/reader.md", "# Prose\n\nNothing runs here.\n")
    build = small_book.build()
    assert build.code != 0
    assert "reader did not execute" in build.output


def test_one_claim_that_fails_is_enough(small_book: SmallBook) -> None:
    small_book.edit("src/tiny/deep.py", "21", "-21")
    build = small_book.build()
    assert build.code != 0
    assert "claim 'answer-positive' does not hold" in build.output
    assert "Measured: -42.0 (-43.5 to -40.5) points" in build.output


def test_two_claims_with_one_id_fail(small_book: SmallBook) -> None:
    small_book.page("reader", cell(claim("answer-positive")))
    for _ in range(2):
        build = small_book.build()
        assert build.code != 0
        assert "claims registered twice: answer-positive" in build.output


def test_a_warning_fails_every_build(small_book: SmallBook) -> None:
    small_book.page(
        "alone",
        "See [there](nowhere.md), {numref}`fig-nowhere` and {ref}`no-label`. The error was 12.5 % then.\n\n"
        "```{no-directive}\n```\n\n" + cell("import warnings\nwarnings.warn('deprecated')"),
    )
    first = small_book.build()
    again = small_book.build()
    assert (first.ran, again.ran) == (["alone"], [])
    for build in (first, again):
        assert build.code != 0
        for said in (
            "nowhere",
            "fig-nowhere",
            "no-label",
            "no-directive",
            r"typed-in measurement '12\.5",
            "a cell wrote to the standard error",
        ):
            assert re.search(rf"alone\.md.*WARNING.*{said}", build.output), build.output


def test_nothing_changed_nothing_runs(small_book: SmallBook) -> None:
    before = tables(small_book)
    build = small_book.build()
    assert (build.code, build.ran) == (0, [])
    assert tables(small_book) == before  # the claims and times of pages that were reused are listed too


def test_a_constant_behind_two_imports_reaches_the_page(small_book: SmallBook, built_book: SmallBook) -> None:
    assert "The answer is 42," in text_of(small_book, "chain")
    small_book.edit("src/tiny/deep.py", "21", "22")
    build = small_book.build()
    assert (build.code, build.ran) == (0, ["chain"])
    assert "The answer is 44," in text_of(small_book, "chain")
    assert "44.0 (42.5 to 45.5) points" in text_of(small_book, "appendix")
    assert source_of(small_book, "chain") != source_of(built_book, "chain")
    assert source_of(small_book, "reader") == source_of(built_book, "reader")


def test_the_books_own_code_reaches_its_page(small_book: SmallBook) -> None:
    small_book.edit("book/tiny_page/middle.py", "2 * CONSTANT", "3 * CONSTANT")
    build = small_book.build()
    assert (build.code, build.ran) == (0, ["chain"])
    assert "The answer is 63," in text_of(small_book, "chain")


def test_a_recorded_file_reaches_the_page_that_reads_it(small_book: SmallBook) -> None:
    small_book.edit("results/x.json", "17", "18")
    build = small_book.build()
    assert (build.code, build.ran) == (0, ["reader"])
    assert "recorded: 18" in text_of(small_book, "reader")


def test_a_changed_page_runs(small_book: SmallBook) -> None:
    small_book.edit("book/alone.md", "6 * 7", "6 * 8")
    build = small_book.build()
    assert (build.code, build.ran) == (0, ["alone"])
    assert "six times seven: 48" in text_of(small_book, "alone")
    assert "six times seven: 48" in (small_book.folder / "_build/html/_sources/alone.ipynb").read_text()


def test_changed_pins_run_every_page(small_book: SmallBook) -> None:
    small_book.edit("requirements.txt", "1", "2")
    build = small_book.build()
    assert build.code == 0
    assert build.ran == ["chain", "reader", "alone"]


def test_a_file_that_changes_while_its_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows the old number, so it must not pass for one that stands on the new file."""
    book = SmallBook.write(tmp_path / "book")
    book.page(
        "chain",
        cell("from tiny import deep\nprint(deep.CONSTANT)\nopen(deep.__file__, 'a').write(' ')"),
    )
    page, stored = tmp_path / "book" / "book" / "chain.md", tmp_path / "stored.ipynb"
    monkeypatch.setenv("PYTHONPATH", str(book.folder / "src"))
    monkeypatch.setenv("RAN", str(tmp_path / "ran.txt"))
    with ThreadPoolExecutor(1) as alone:  # a browser test before this one leaves its event loop in this thread
        run = page_run.run_page(book.folder, page, stored, label="chain", checkpoints=tmp_path / "checkpoints", cores=1)
        alone.submit(asyncio.run, run).result()
    assert execution.why_stale(book.folder, page, stored) == "changed: src/tiny/deep.py"


def test_a_file_whose_date_is_to_come_is_no_changed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = SmallBook.write(tmp_path / "book")
    page, stored = book.folder / "book" / "alone.md", tmp_path / "stored.ipynb"
    monkeypatch.setenv("RAN", str(tmp_path / "ran.txt"))
    ahead = time.time() + 3 * 3600
    for file in ("requirements.txt", "book/alone.md", "src/tiny/deep.py"):
        os.utime(book.folder / file, (ahead, ahead))
    with ThreadPoolExecutor(1) as alone:
        run = page_run.run_page(book.folder, page, stored, label="alone", checkpoints=tmp_path / "checkpoints", cores=1)
        alone.submit(asyncio.run, run).result()
    assert execution.why_stale(book.folder, page, stored) is None


@pytest.mark.parametrize("package", ["src/residual", "book/residual_book"])
def test_a_book_is_not_built_with_the_code_that_it_was_copied_from(small_book: SmallBook, package: str) -> None:
    small_book.put(f"{package}/__init__.py", "")
    execution.check_environment(small_book.folder.parent)  # where there is no such package
    with pytest.raises(page_run.PageError, match=f"this environment runs .*{package}, not .*{package}: `make clean`"):
        execution.check_environment(small_book.folder)


LEAVES = """import os
from pathlib import Path

shared = Path(os.environ["RESIDUAL_CHECKPOINTS"])
(shared / "{me}").touch()
print("found:", *sorted(path.name for path in shared.iterdir()))"""


def test_pages_of_one_build_share_checkpoints_and_builds_do_not(small_book: SmallBook) -> None:
    small_book.page("reader", cell(LEAVES.format(me="reader")))
    small_book.page("alone", cell(LEAVES.format(me="alone")))
    assert small_book.build().code == 0
    found = " ".join(text_of(small_book, name) for name in ("reader", "alone"))
    assert "found: alone reader" in found
    small_book.page("alone", cell(LEAVES.format(me="again")))
    assert small_book.build().ran == ["alone"]
    assert "found: again" in text_of(small_book, "alone")


def test_a_changed_source_shares_no_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = SmallBook.write(tmp_path / "book")
    book.page("alone", cell(LEAVES.format(me="alone")))
    page, stored = book.folder / "book" / "alone.md", tmp_path / "stored.ipynb"
    monkeypatch.setenv("RAN", str(tmp_path / "ran.txt"))
    for _ in range(2):
        with ThreadPoolExecutor(1) as alone:
            run = page_run.run_page(
                book.folder, page, stored, label="alone", checkpoints=tmp_path / "checkpoints", cores=1
            )
            alone.submit(asyncio.run, run).result()
        book.edit("src/tiny/deep.py", "\n", "\n\n")
    assert [len(list(folder.iterdir())) for folder in (tmp_path / "checkpoints").iterdir()] == [1, 1]


MEETS = """import os, time
from pathlib import Path

here = Path(os.environ["RAN"])
here.with_name("{me}.txt").touch()
for _ in range(600):
    if here.with_name("{other}.txt").exists():
        break
    time.sleep(0.1)
else:
    raise TimeoutError("nobody came")"""


def test_pages_run_two_at_a_time_on_a_core_each(small_book: SmallBook) -> None:
    said = "from residual_book.recording import WORKERS\nprint('workers:', WORKERS)"
    small_book.page("reader", cell(MEETS.format(me="reader", other="alone")) + cell(said))
    small_book.page("alone", cell(MEETS.format(me="alone", other="reader")))
    build = small_book.build()
    assert build.code == 0, build.output
    assert build.ran == ["reader", "alone"]
    assert "workers: 1" in text_of(small_book, "reader")


def test_a_page_that_runs_alone_has_both_cores(small_book: SmallBook) -> None:
    said = "from residual_book.recording import WORKERS\nprint('workers:', WORKERS)"
    small_book.page("reader", cell(said))
    build = small_book.build()
    assert (build.code, build.ran) == (0, ["reader"])
    assert "workers: 2" in text_of(small_book, "reader")
    assert "Run in" in text_of(small_book, "reader")
    assert "on 2 cores" in text_of(small_book, "reader")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_build_and_its_kernel(small_book: SmallBook, number: signal.Signals) -> None:
    """nbclient would end the kernels of two pages and let the third begin."""
    kernels = small_book.folder / "kernels.txt"
    hangs = cell(f"import os, time\nprint(os.getpid(), file=open('{kernels}', 'a'), flush=True)\ntime.sleep(600)")
    for name in ("chain", "reader", "alone"):
        small_book.page(name, hangs)
    with small_book.start() as build:
        wait_until(lambda: kernels.exists() and len(kernels.read_text().splitlines()) == 2)
        os.killpg(build.pid, number)
        output, _ = build.communicate()
    assert build.returncode != 0, output
    assert sorted(small_book.log.read_text().split()) == ["chain", "reader"]
    wait_until(lambda: not any(psutil.pid_exists(int(pid)) for pid in kernels.read_text().split()))


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    pytest.fail("waited a minute in vain")


BAR = "\rnets:  50%|█████     | 5/10 [00:01<00:01, 12.3it/s]"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("\r  0%|          | 0/10 [00:00<?, ?it/s]", ""),
        (BAR + "\rnets: 100%|██████████| 10/10 [1:02:03<00:00,  2.10s/it, loss=0.1, error=3.0%]\n", ""),
        ("\r5it [00:00, 3.2it/s]", ""),
        ("100%|██████████| 3/3 [00:06<00:00,  2.1s/net]", ""),
        (BAR + "\n\r 10%|█         | 1/10 [00:00<00:00, 10.0it/s]\x1b[A\r    \r", ""),
        ("careful: 5 it/s is slow", "careful: 5 it/s is slow"),
        (BAR + "\n/a.py:3: UserWarning: careful\n  f()\n" + BAR, "/a.py:3: UserWarning: careful\n  f()"),
    ],
)
def test_progress_bars_are_no_warnings_and_warnings_are_kept(written: str, kept: str) -> None:
    outputs = [nbformat.v4.new_output("stream", name="stderr", text=written)]
    assert [output.text for output in page_run._without_progress_bars(outputs)] == ([kept] if kept else [])


def text_of(book: SmallBook, page: str) -> str:
    article = BeautifulSoup(book.html(page), "html.parser").article
    assert article is not None
    return " ".join(article.get_text().split())


def tables(book: SmallBook) -> list[str]:
    found = BeautifulSoup(book.html("appendix"), "html.parser").select("table, details")
    assert found
    return [str(table) for table in found]


def source_of(book: SmallBook, page: str) -> str:
    """The hash of the code in a page's foot."""
    found = re.search(r"hash of the code ([0-9a-f]{12})", text_of(book, page))
    assert found is not None
    return found[1]


def test_the_ledger_lists_the_claim(built_book: SmallBook) -> None:
    soup = BeautifulSoup(built_book.html("appendix"), "html.parser")
    (page,) = soup.select("details.claims-of-page")
    assert page.summary is not None
    assert " ".join(page.summary.get_text().split()) == "Page chain 1 corrected"
    (entry,) = page.select("details.claim-entry")
    assert entry.summary is not None
    said = " ".join(entry.summary.get_text().split())
    assert said == f"The answer is above zero, even for a < b. corrected, {replication.UNTRIED}"
    assert {name: entry[f"data-{name}"] for name in ("source", "verdict")} == {
        "source": "he2015",
        "verdict": "corrected",
    }
    source, here, rule = (" ".join(line.get_text().split()) for line in entry.find_all("p"))
    assert re.search(r"He et al\. \[2015a\], section 9: all answers are positive\.$", source)
    assert here == "Here: 42.0 (40.5 to 43.5) points, seeds 0 to 2, 5."
    assert rule == "The rule: answer() > 0. Where it is checked"
    assert entry.a is not None
    link = entry.find_all("a")[-1]
    page_name, _, anchor = str(link["href"]).partition("#")
    assert page_name == "chain.html"
    target = BeautifulSoup(built_book.html("chain"), "html.parser").find(id=anchor)
    assert target is not None
    assert "The answer is above zero, even for a < b." in target.get_text()


def test_claims_are_counted_and_can_be_taken_away(built_book: SmallBook) -> None:
    soup = BeautifulSoup(built_book.html("appendix"), "html.parser")
    verdicts, standings = (
        [[" ".join(cell.get_text().split()) for cell in row.find_all("td")] for row in table.select("tbody tr")]
        for table in soup.select("table.tally")
    )
    assert [row[:2] for row in verdicts] == [["1", "corrected"]]
    assert standings == [["1", replication.UNTRIED]]
    (row,) = soup.select("table.scorecards tbody tr")
    assert [" ".join(cell.get_text().split()) for cell in row.find_all("td")] == [
        "He et al. [2015a]",
        "1",
        "1 corrected",
        "",
    ]
    (claim,) = json.loads((built_book.folder / "_build/html/claims.json").read_text())["claims"]
    assert (claim["id"], claim["page"], claim["rule"]) == ("answer-positive", "chain", "answer() > 0")
    assert claim["standing"] == replication.UNTRIED


def recorded(book: SmallBook, **changes: object) -> None:
    """Put a record of fresh seeds beside the book, as `residual-book replicate` writes it."""
    entry = {
        "id": "answer-positive", "page": "chain", "statement": "The answer is above zero, even for a < b.",
        "rule": "answer() > 0", "value": 41.0, "low": 40.0, "high": 42.0, "unit": "points", "held": True,
    }  # fmt: skip
    run = {"page": "chain", "sentences": "-", "provenance": {}, "claims": [entry | changes]}
    book.put(
        "results/replication.json",
        json.dumps({"command": "-", "provenance": {}, "seeds": [100, 101], "runs": [run]}),
    )


def test_a_claim_that_held_on_fresh_seeds_says_so(small_book: SmallBook) -> None:
    small_book.put("book/index.md", "# A small book\n\n{claims}`held` of {claims}`tried` held, {claims}`share`.\n")
    recorded(small_book)
    build = small_book.build()
    assert (build.code, build.ran) == (0, []), build.output
    assert "1 of 1 held, 100%." in text_of(small_book, "index")
    appendix = text_of(small_book, "appendix")
    assert f"corrected, {replication.HELD}" in appendix
    assert "On fresh seeds: 41 (40 to 42) points." in appendix
    bar = BeautifulSoup(small_book.html("appendix"), "html.parser").select_one(".forest li .bar")
    assert bar is not None
    assert bar["style"] == "left:27.8%;width:22.2%"  # of three half-widths to either side: 40 to 42 in 40.5 to 43.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"held": False}, replication.FAILED),
        ({"statement": "The answer is above one."}, replication.CHANGED),
        ({"id": "another"}, replication.UNTRIED),
    ],
)
def test_a_claim_that_does_not_stand_on_fresh_seeds_fails(
    small_book: SmallBook, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], said: str
) -> None:
    recorded(small_book, **changes)
    for _ in range(2):
        build = small_book.build()
        assert build.code != 0
        assert f"chain: claim 'answer-positive' {said}" in build.output
    monkeypatch.setenv("RESIDUAL_DRAFT", "1")  # while somebody writes
    build = small_book.build()
    assert build.code == 0, build.output
    assert said in text_of(small_book, "appendix")


def test_the_status_page_lists_every_page(built_book: SmallBook) -> None:
    soup = BeautifulSoup(built_book.html("appendix"), "html.parser")
    head = soup.select_one("table.status thead")
    assert head is not None
    assert "budget 4 min" in head.get_text()
    assert "budget 3 GB" in head.get_text()
    rows = {
        r.td.get_text().strip(): [td.get_text().strip() for td in r.find_all("td")[1:]]
        for r in soup.select("table.status tbody tr")
    }
    assert list(rows) == ["Page chain", "Page reader", "Page alone", "Appendix", "A small book"]
    for page in ("chain", "reader", "alone"):
        time, memory, commit = rows[f"Page {page}"]
        assert re.fullmatch(r"\d+ s", time)
        assert re.fullmatch(r"\d\.\d\d GB", memory)
        assert re.fullmatch(COMMIT, commit)
    assert rows["A small book"][0] == "not run: only a cover"
    assert rows["Appendix"][0] == "not run: gathers"


@pytest.mark.parametrize(("value", "said"), [(239.9, ""), (240, ""), (240.1, " **over budget**")])
def test_over_budget_is_said(value: float, said: str) -> None:
    assert status.over(value, status.PAGE_SECONDS) == said


def test_times_are_of_one_core_and_for_readers() -> None:
    assert status.core_seconds({"seconds": 50.0, "cores": 2}) == 100
    assert [status.minutes(s) for s in (0.4, 59.4, 59.6, 80, 240, 3600)] == [
        "0 s", "59 s", "1 min", "1 min 20 s", "4 min", "60 min",
    ]  # fmt: skip


def test_every_foot_says_how_the_page_was_made(built_book: SmallBook) -> None:
    made = provenance()
    for page in ("chain", "reader", "alone", "index", "appendix"):
        soup = BeautifulSoup(built_book.html(page), "html.parser")
        (foot,) = soup.select("article footer.made")
        text = foot.get_text()
        assert re.search(rf"Commit {COMMIT}, hash of the code [0-9a-f]{{12}}, \d{{4}}-\d\d-\d\d\.", text)
        assert made["machine"] in text
        for name in ("python", "torch", "numpy", "scikit-learn"):
            assert f"{name} {made[name]}" in text
        if page in ("index", "appendix"):
            assert "This page runs no code: " in text
        else:
            assert re.search(r"Run in \d+ s on (one core|2 cores), with at most \d\.\d\d GB of memory\.", text)
            assert ("Seeds: 0, 1, 2, 5." if page == "chain" else "No random numbers") in text
