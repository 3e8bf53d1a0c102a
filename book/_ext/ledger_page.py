"""What a reader sees of the ledger: counts, the claims by page, a filter, fresh seeds beside the page's, scorecards.

Nothing here needs a script: `ledger.js` shows the filter, and what it narrows is there without it.
"""

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from pybtex.database import parse_file
from sphinx.application import Sphinx

import ledger
from gathering import Gathering
from residual_book import claims, replication
from residual_book.deleted import DELETED

SPAN = 3.0  # of the forest plot to either side, in half-widths of the page's own interval
SCRIPT = "ledger.js"


@dataclass(frozen=True)
class Row:
    """A claim in the ledger."""

    page: str
    claim: claims.Claim
    entry: replication.Entry | None

    @property
    def standing(self) -> str:
        return replication.standing(self.claim, self.entry)


def _verdicts(rows: Sequence[Row]) -> str:
    """Such as "3 confirmed, 1 scoped"."""
    found = Counter(row.claim.verdict for row in rows)
    return ", ".join(f"{n} {verdict}" for verdict in claims.VERDICTS if (n := found[verdict]))


def _held(rows: Sequence[Row]) -> str:
    """Such as "3 of 4 held"; nothing where none was tried."""
    found = Counter(row.standing for row in rows)
    held, tried = found[replication.HELD], found[replication.HELD] + found[replication.FAILED]
    return f"{held} of {tried} held" if tried else ""


class _Claims(Gathering):
    """A directive about the claims of all pages."""

    def rows(self, *, drafts: bool) -> list[Row]:
        """Claims about the two drafts, or those about all other sources."""
        ledger.note_record(self.env)
        known = ledger.entries(self.env.app)
        every = (Row(page, claim, known.get(claim.id)) for page, claim in ledger.all_claims(self.env.app))
        return [row for row in every if (row.claim.source in ledger.DRAFTS) == drafts]

    def claim_link(self, row: Row, text: str) -> str:
        return self.link(row.page, text, f"#claim-{row.claim.id}")

    def markdown(self, lines: Iterable[str]) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(lines))


class ClaimsSummary(_Claims):
    """How many claims have each verdict, and how they stand on fresh seeds."""

    def run(self) -> list[nodes.Node]:
        rows = self.rows(drafts=False)
        by_verdict = Counter(row.claim.verdict for row in rows)
        verdicts = [[f"**{n}**", v, claims.VERDICTS[v]] for v in claims.VERDICTS if (n := by_verdict[v])]
        by_standing = Counter(row.standing for row in [*rows, *self.rows(drafts=True)])
        stands = [[f"**{n}**", standing] for standing, n in by_standing.most_common()]
        return [
            *self.table("tally", [["Claims", "Verdict", "Meaning"], *verdicts]),
            *self.table("tally", [["Claims", "On seeds never used while writing"], *stands]),
        ]


class ClaimsForest(_Claims):
    """The interval on fresh seeds beside that of the page, in half-widths of the latter, claim by claim."""

    def run(self) -> list[nodes.Node]:
        rows = [row for row in [*self.rows(drafts=False), *self.rows(drafts=True)] if _has_both(row)]
        if not rows:
            return self.markdown(["No claim with an interval has been tried on fresh seeds yet."])
        order = list(dict.fromkeys(page for page, _ in ledger.all_claims(self.env.app)))
        rows.sort(key=lambda row: order.index(row.page))
        parts = ['<div class="forest">']
        for page, of_page in groupby(rows, key=lambda row: row.page):
            items = "".join(f"<li>{self.claim_link(row, row.claim.id)}{_track(row)}</li>" for row in of_page)
            parts.append(f"<p>{html.escape(self.title(page))}</p><ul>{items}</ul>")
        return [nodes.raw("", "".join([*parts, "</div>"]), format="html")]


def _has_both(row: Row) -> bool:
    own, entry = row.claim, row.entry
    known = row.standing in (replication.HELD, replication.FAILED)
    intervals = own.low is not None and entry is not None and entry.low is not None
    return bool(known and intervals and own.high != own.low)


def _track(row: Row) -> str:
    """The bar of one claim: where its interval on fresh seeds lies, on a ground that shows the page's own."""
    claim, entry = row.claim, row.entry
    assert entry is not None
    assert claim.low is not None
    assert claim.high is not None
    half = (claim.high - claim.low) / 2
    places = [
        min(max((x - (claim.high + claim.low) / 2) / half, -SPAN), SPAN) for x in (entry.low, entry.value, entry.high)
        if x is not None
    ]  # fmt: skip
    low, middle, high = (100 * (place + SPAN) / (2 * SPAN) for place in places)
    said = f"{row.standing}: {_measured(entry)}; the page: {claim.measured}"
    failed = "" if entry.held else " failed"
    return (
        f'<span class="track{failed}" aria-hidden="true"><span class="bar" style="left:{low:.1f}%;'
        f'width:{max(high - low, 0.5):.1f}%"></span><span class="dot" style="left:{middle:.1f}%"></span></span>'
        f'<span class="only-heard">{html.escape(said)}</span>'
    )


class ClaimsLedger(_Claims):
    """Every claim about a published source, folded by page: what the source says, what was measured, and the rule."""

    def run(self) -> list[nodes.Node]:
        rows = self.rows(drafts=False)
        self.env.metadata[self.env.docname]["scripts"] = SCRIPT
        lines = self._filter(rows)
        for page, of_page in groupby(rows, key=lambda row: row.page):
            lines += self._page(page, list(of_page))
        return self.markdown(lines)

    def _filter(self, rows: Sequence[Row]) -> list[str]:
        """A form that the script shows."""
        sources = sorted({(_work(self.env.app, row.claim.source), row.claim.source) for row in rows})
        choices = {
            "Part": [(part, part) for part in dict.fromkeys(_part(self.env.app, row.page) for row in rows)],
            "Source": [(label, source) for label, source in sources],
            "Verdict": [(verdict, verdict) for verdict in claims.VERDICTS],
            "On fresh seeds": [(how, how) for how in dict.fromkeys(row.standing for row in rows)],
        }
        fields = "".join(
            f'<label>{name} <select name="{name.split()[-1].lower()}"><option value="">all</option>{_options(of)}'
            "</select></label>"
            for name, of in choices.items()
        )
        return [f'<form class="ledger-filter" hidden>{fields}<output></output></form>', ""]

    def _page(self, page: str, rows: Sequence[Row]) -> Iterator[str]:
        said = "; ".join(filter(None, (_verdicts(rows), _held(rows))))
        title = html.escape(self.title(page))
        yield f'<details class="claims-of-page"><summary>{title} <span class="how">{said}</span></summary>'
        yield ""
        for row in rows:
            yield from self._claim(row)
        yield "</details>"
        yield ""

    def _claim(self, row: Row) -> Iterator[str]:
        claim = row.claim
        data = {
            "part": _part(self.env.app, row.page),
            "source": claim.source,
            "verdict": claim.verdict,
            "seeds": row.standing,
        }
        attributes = " ".join(f'data-{name}="{html.escape(value)}"' for name, value in data.items())
        yield f'<details class="claim-entry" id="ledger-{claim.id}" {attributes}>'
        yield (
            f"<summary>{html.escape(claim.statement)} "
            f'<span class="how"><strong>{claim.verdict}</strong>, {row.standing}</span></summary>'
        )
        yield ""
        yield f"The source: {{cite:t}}`{claim.source}`, {claim.where}: {claim.says}."
        yield ""
        many = f", seed{'s' if len(claim.seeds) > 1 else ''} {ranges(claim.seeds)}" if claim.seeds else ""
        recorded = f", recorded in `results/{claim.recorded}`" if claim.recorded else ""
        yield f"Here: {claim.measured}{many}{recorded}. {_on_fresh_seeds(row)}"
        yield ""
        yield f"The rule: `{claim.rule}`. {self.claim_link(row, 'Where it is checked')}"
        yield ""
        yield "</details>"
        yield ""


def _on_fresh_seeds(row: Row) -> str:
    entry = row.entry
    if entry is None or row.standing == replication.CHANGED:
        return ""
    return f"On fresh seeds: {_measured(entry)}."


def _measured(entry: replication.Entry) -> str:
    return claims.measurement(entry.value, entry.low, entry.high, entry.unit)


def _options(choices: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<option value="{html.escape(value)}">{html.escape(label)}</option>' for label, value in choices)


def _part(app: Sphinx, page: str) -> str:
    """The caption of the part of the book that a page is in."""
    contents: Any = getattr(app.env, "external_site_map", None)
    for tree in contents.root.subtrees if contents else ():
        if page in map(str, tree.items):
            return str(tree.caption or "The book")
    return "The book"


def _work(app: Sphinx, key: str) -> str:
    """Authors, year and the beginning of the title of a work, for a list to choose from."""
    for file in app.config.bibtex_bibfiles:
        entry = _works(Path(app.srcdir, file)).get(key)
        if entry is not None:
            people = [str(" ".join(person.last_names)).strip("{}") for person in entry.persons.get("author", ())]
            names = f"{people[0]} et al." if len(people) > 2 else " and ".join(people)
            title = entry.fields.get("title", "").replace("{", "").replace("}", "")
            return f"{names} {entry.fields.get('year', '')}: {title[:40]}"
    return key


@cache
def _works(file: Path) -> dict[str, Any]:
    return dict(parse_file(str(file)).entries.items())


class SourceScorecards(_Claims):
    """One row per published source: how many claims there are about it, and their verdicts."""

    def run(self) -> list[nodes.Node]:
        rows = self.rows(drafts=False)
        table = [["Source", "Claims", "Verdicts", "On fresh seeds"]]
        for source, n in Counter(row.claim.source for row in rows).most_common():
            own = [row for row in rows if row.claim.source == source]
            table.append([f"{{cite:t}}`{source}`", str(n), _verdicts(own), _held(own)])
        return self.table("scorecards", table)


class DraftsTable(_Claims):
    """The claims about the two drafts that this book grew from."""

    def run(self) -> list[nodes.Node]:
        rows = self.rows(drafts=True)
        if not rows:
            return []
        head = ["What is so", "What the draft says", "Verdict"]
        said = [
            [
                self.claim_link(row, row.claim.statement),
                f"{row.claim.says} ({{cite:t}}`{row.claim.source}`, {row.claim.where})",
                f"**{row.claim.verdict}**, {row.standing}",
            ]
            for row in rows
        ]
        return self.table("drafts", [head, *said])


class DeletedSentences(Gathering):
    """What the book said once, and what killed it; see `residual_book.deleted`."""

    def run(self) -> list[nodes.Node]:
        table = [["What the book said", "What killed it"]]
        for one in DELETED:
            here = one.page in self.env.found_docs
            page = self.link(one.page, self.title(one.page)) if here else one.page
            commit = f", commit `{one.commit}`" if one.commit else ""
            table.append([f'"{one.said}" ({page}{commit})', one.killed_by])
        return self.table("deleted", table)


def ranges(numbers: Sequence[int]) -> str:
    """`0, 1, 2, 5` as `0 to 2, 5`."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]} to {p[-1]}" for p in parts)


def add_script(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """The filter's script, on the page that has the filter."""
    if script := app.env.metadata.get(pagename, {}).get("scripts"):
        app.add_js_file(script, loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("claims-summary", ClaimsSummary)
    app.add_directive("claims-forest", ClaimsForest)
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_directive("source-scorecards", SourceScorecards)
    app.add_directive("drafts-table", DraftsTable)
    app.add_directive("deleted-sentences", DeletedSentences)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
