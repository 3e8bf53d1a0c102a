"""Citations by author and year, alike in text and list, and never the same for two works.

Where an author has two works of one year, both get a letter: "He et al., 2015a". The letters are given over the whole
of `references.bib`, so that they are the same on every page.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pybtex.database import Entry, Person
from pybtex.plugin import register_plugin
from pybtex.style.formatting.alpha import Style
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


class AuthorYear(BaseLabelStyle):  # type: ignore[misc]  # pybtex is untyped
    """Labels such as "He et al., 2015a"."""

    def format_labels(self, entries: Sequence[Entry]) -> Iterator[str]:
        for entry in entries:
            yield f"{authors(entry)}, {entry.fields.get('year', 'n.d.')}"


class AuthorYearStyle(Style):  # type: ignore[misc]  # likewise
    """The look of a list of literature, with these labels."""

    default_label_style = AuthorYear


def authors(entry: Entry) -> str:
    """Who wrote it, in short: one name, two, or the first "et al."; an organization, or the key."""
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    if not people:
        return str(entry.fields.get("organization") or entry.key)
    names = [_last(person) for person in people]
    return " and ".join(names) if len(names) <= 2 else f"{names[0]} et al."


def _last(person: Person) -> str:
    return " ".join(map(str, (*person.rich_prelast_names, *person.rich_last_names)))


def tell_apart(entries: Sequence[Entry]) -> None:
    """Put a letter behind the year, in place, of works that would have the same label; by their title."""
    alike = defaultdict(list)
    for entry in entries:
        alike[authors(entry), entry.fields.get("year")].append(entry)
    for (_, year), works in alike.items():
        if len(works) > 1:
            for letter, work in zip("abcdefghijk", sorted(works, key=lambda work: work.fields["title"]), strict=False):
                work.fields["year"] = f"{year}{letter}"


def before_reading(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    bibliography: Any = env.get_domain("cite")
    tell_apart(list(bibliography.bibdata.data.entries.values()))


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("sphinxcontrib.bibtex")
    register_plugin("pybtex.style.formatting", "author_year", AuthorYearStyle)
    app.connect("env-before-read-docs", before_reading)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
