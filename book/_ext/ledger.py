"""The claims of all pages: gathered from the executed notebooks, counted, checked, and written to `claims.json`.

The notebooks keep a page's claims, so a page that was reused is listed too. What a reader sees is in `ledger_page`.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from execution import executed_pages, root_of
from page_run import PageError
from residual.storage import write_atomically
from residual_book import claims, replication

logger = logging.getLogger(__name__)
DRAFTS = ("tutorial", "notes")  # the two that this book grew from, whose claims have a table of their own
DRAFT_BUILD = "RESIDUAL_DRAFT"  # variable that lets a book with claims not yet tried on fresh seeds build


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


def results_of(app: Sphinx) -> Path:
    """The folder with what was recorded."""
    return root_of(app) / "results"


def entries(app: Sphinx) -> dict[str, replication.Entry]:
    """What was measured on fresh seeds, by the claim's id."""
    return replication.entries(results_of(app))


def note_record(env: BuildEnvironment) -> None:
    """Write the page that is being read again where a record of fresh seeds changes."""
    for name in replication.ROUNDS:
        if (results_of(env.app) / name).is_file():
            env.note_dependency(str(results_of(env.app) / name))


def standings(app: Sphinx) -> dict[str, str]:
    """How each claim stands on the fresh seeds, by its id."""
    known = entries(app)
    return {claim.id: replication.standing(claim, known.get(claim.id)) for _, claim in all_claims(app)}


def check_ids(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Stop the build where two claims have one id, for the ledger could not link to both."""
    twice = [id for id, count in Counter(claim.id for _, claim in all_claims(app)).items() if count > 1]
    if twice:
        raise PageError(f"claims registered twice: {', '.join(twice)}")


def check_replication(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Warn, which fails the build, of each claim that does not stand on fresh seeds, once a record of them is there.

    Whoever writes a page builds with `RESIDUAL_DRAFT=1` meanwhile. `tests/book` ask for the record itself.
    """
    if not (results_of(app) / replication.FIRST).is_file():
        return
    say = logger.info if os.environ.get(DRAFT_BUILD) else logger.warning
    for fault in replication.faults(list(all_claims(app)), entries(app)):
        say(fault)


def counts(app: Sphinx) -> dict[str, int]:
    """How many claims there are in all and by verdict; how many the first fresh seeds `tried`, and how many `held`."""
    first = replication.first_time(results_of(app))
    by_verdict = Counter(claim.verdict for _, claim in all_claims(app))
    return {**by_verdict, "all": by_verdict.total(), "held": sum(entry.held for entry in first), "tried": len(first)}


class ClaimCount(SphinxRole):
    """`` {claims}`held` ``: how many claims; also `all`, `tried`, `share` (of those tried that held), or a verdict."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        note_record(self.env)
        found = counts(self.env.app)
        if self.text == "share":
            return [nodes.Text(f"{found['held'] / found['tried']:.0%}" if found["tried"] else "none yet")], []
        names = {"all", "held", "tried", *claims.VERDICTS}
        if self.text not in names:
            raise PageError(f"{self.env.docname}: claims are counted by {', '.join(sorted(names))}, not {self.text!r}")
        return [nodes.Text(f"{found.get(self.text, 0):,}")], []


def write_json(app: Sphinx, exception: Exception | None) -> None:
    """Write all claims as JSON beside the pages, for whoever wants to count them in another way."""
    if exception is not None or app.builder.format != "html":
        return
    known, stand = entries(app), standings(app)
    rows = []
    for page, claim in all_claims(app):
        entry = known.get(claim.id)
        fresh = entry and {name: getattr(entry, name) for name in ("value", "low", "high", "held")}
        rows.append({"page": page, **asdict(claim), "standing": stand[claim.id], "fresh_seeds": fresh})
    text = json.dumps({"claims": rows}, ensure_ascii=False, indent=1)
    write_atomically(Path(app.outdir) / "claims.json", f"{text}\n".encode())


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("execution")
    app.setup_extension("ledger_page")
    app.setup_extension("status")
    app.add_role("claims", ClaimCount())
    app.connect("env-before-read-docs", check_ids, priority=600)  # after the pages have run
    app.connect("env-before-read-docs", check_replication, priority=610)
    app.connect("build-finished", write_json)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
