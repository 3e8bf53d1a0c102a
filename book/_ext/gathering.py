"""What directives share that gather from all pages: tables of Markdown, whose cells cite and link like any page."""

import html
import re
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class Gathering(SphinxDirective):
    """A directive that writes Markdown from what other pages hold."""

    def table(self, classes: str, rows: list[list[str]]) -> list[nodes.Node]:
        """A table whose first row is its head."""
        lines = [":::{list-table}", ":header-rows: 1", f":class: {classes}", ""]
        for row in rows:
            lines += [f"{'* ' if i == 0 else '  '}- {cell}" for i, cell in enumerate(row)]
        return self.parse_text_to_nodes("\n".join([*lines, ":::"]))

    def link(self, docname: str, text: str, anchor: str = "") -> str:
        """A link to a page, or to an anchor on it, as HTML."""
        uri = self.env.app.builder.get_relative_uri(self.env.docname, docname)
        return f'<a href="{uri}{anchor}">{html.escape(text)}</a>'

    def title(self, docname: str) -> str:
        """The first heading of a page, which may not have been read yet."""
        heading = re.search(r"^# (.+)$", Path(self.env.doc2path(docname)).read_text(), re.MULTILINE)
        return heading[1].replace("`", "") if heading else docname
