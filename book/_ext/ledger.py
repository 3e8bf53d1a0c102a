"""The pages that gather from all others: `{claims-ledger}` lists every claim, `{execution-status}` every run.

Both read the executed notebooks, where a page's claims and its run are kept, so a page that was reused is listed too.
"""

import html
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective, SphinxRole

from execution import CORES, executed_pages
from page_run import KEY, PageError
from prose import paragraphs
from residual_book import claims

PAGE_SECONDS = 120  # of a page that has both cores
PAGE_GIGABYTES = 3
WORDS_A_MINUTE = 200


def all_claims(app: Sphinx) -> Iterator[tuple[str, claims.Claim]]:
    """Every claim that a page checked, with the page's name, in the order of the book."""
    for docname, notebook in executed_pages(app).items():
        for cell in notebook.cells:
            for output in cell.get("outputs", ()):
                if claims.KEY in output.get("metadata", {}):
                    yield docname, claims.Claim(**output.metadata[claims.KEY])


def seeds(app: Sphinx, docname: str) -> list[int]:
    """The seeds that a page's claims were measured with."""
    return sorted({seed for name, claim in all_claims(app) if name == docname for seed in claim.seeds})


def check_ids(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Stop the build where two claims have one id, for the ledger could not link to both."""
    twice = [id for id, count in Counter(claim.id for _, claim in all_claims(app)).items() if count > 1]
    if twice:
        raise PageError(f"claims registered twice: {', '.join(twice)}")


class _Gathering(SphinxDirective):
    """A table made of Markdown rows, so that cells may cite and link like any page."""

    def table(self, classes: str, rows: list[list[str]]) -> list[nodes.Node]:
        lines = [":::{list-table}", ":header-rows: 1", f":class: {classes}", ""]
        for row in rows:
            lines += [f"{'* ' if i == 0 else '  '}- {cell}" for i, cell in enumerate(row)]
        return self.parse_text_to_nodes("\n".join([*lines, ":::"]))

    def link(self, docname: str, text: str, anchor: str = "") -> str:
        uri = self.env.app.builder.get_relative_uri(self.env.docname, docname)
        return f'<a href="{uri}{anchor}">{html.escape(text)}</a>'


class ClaimsLedger(_Gathering):
    """Every claim: what the source says, what was measured here, the verdict, and a link to where it is checked."""

    def run(self) -> list[nodes.Node]:
        rows = [["Claim", "The source says", "Measured here", "Verdict"]]
        for docname, claim in all_claims(self.env.app):
            many = f", seeds {_ranges(claim.seeds)}" if claim.seeds else ""
            rows.append(
                [
                    f"{self.link(docname, claim.statement, f'#claim-{claim.id}')} `{claim.rule}`{{.rule}}",
                    f"{claim.says} ({{cite:t}}`{claim.source}`, {claim.where})",
                    f"{claim.measured}{many}",
                    f"**{claim.verdict}**",
                ]
            )
        return self.table("ledger", rows)


class ExecutionStatus(_Gathering):
    """Time and memory of every page that runs, beside its budget, and the reason of every page that does not."""

    def run(self) -> list[nodes.Node]:
        rows = [
            [
                "Page",
                f"Time (budget {PAGE_SECONDS} s on all cores)",
                f"Peak memory (budget {PAGE_GIGABYTES} GB)",
                "Run at commit",
            ]
        ]
        for docname, notebook in executed_pages(self.env.app).items():
            run: dict[str, Any] = notebook.metadata[KEY]
            time, gigabytes = f"{run['seconds']:.1f} s on {run['cores']} of {CORES} cores", run["peak_memory"] / 2**30
            rows.append(
                [
                    self.link(docname, docname),
                    f"{time}{_over(_on_all_cores(run), PAGE_SECONDS)}",
                    f"{gigabytes:.2f} GB{_over(gigabytes, PAGE_GIGABYTES)}",
                    f"`{run['provenance']['commit']}`",
                ]
            )
        for docname, reason in self.config.pages_without_code.items():
            if docname in self.env.found_docs:
                rows.append([self.link(docname, docname), f"not run: {reason}", "", ""])
        return self.table("status", rows)


class ReadingTime(SphinxRole):
    """`` {reading-time}`part1` ``: minutes to read the prose of the pages of a folder, at 200 words a minute."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        pages = [Path(self.env.doc2path(d)).read_text() for d in _below(self.env, self.text)]
        words = sum(len(line.split()) for page in pages for _, lines in paragraphs(page) for line in lines)
        return [nodes.Text(f"{max(1, round(words / WORDS_A_MINUTE))} min")], []


class RunningTime(SphinxRole):
    """`` {running-time}`part1` ``: how long the pages of a folder take to run on all cores."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        pages = executed_pages(self.env.app)
        seconds = sum(_on_all_cores(pages[d].metadata[KEY]) for d in _below(self.env, self.text) if d in pages)
        return [nodes.Text(f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s")], []


def _below(env: BuildEnvironment, folder: str) -> list[str]:
    pages = [docname for docname in env.found_docs if docname == folder or docname.startswith(f"{folder}/")]
    if not pages:
        raise PageError(f"{env.docname}: there are no pages below {folder!r}")
    return pages


def _on_all_cores(run: Mapping[str, Any]) -> float:
    """The seconds that a page's run takes of a build that keeps all cores busy: two pages at a time count half."""
    seconds: float = run["seconds"] * run["cores"] / CORES
    return seconds


def _over(value: float, budget: float) -> str:
    return " **over budget**" if value > budget else ""


def _ranges(numbers: tuple[int, ...]) -> str:
    """`0, 1, 2, 5` as `0 to 2, 5`."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]} to {p[-1]}" for p in parts)


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("execution")
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_directive("execution-status", ExecutionStatus)
    app.add_role("reading-time", ReadingTime())
    app.add_role("running-time", RunningTime())
    app.connect("env-before-read-docs", check_ids, priority=600)  # after the pages have run
    return {"parallel_read_safe": False, "parallel_write_safe": False}
