"""Code that fits its box: what `literalinclude` shows of a Python file, without its docstring, and the cells of pages.

The text around a listing says what it is for, and a docstring would fill half of it; the caption names the file where
the whole stands. What is shown is what is tested, or what ran: its syntax tree is compared with the source's, and code
that would say anything else stops the build.
"""

import ast
import io
import re
import subprocess
import sys
import textwrap
import tokenize
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.directives.code import LiteralInclude
from sphinx.util import logging

logger = logging.getLogger(__name__)

COLUMNS = 83  # of the box, in a window of 1280 pixels
CELL_COLUMNS = 76  # of a cell, which may stand in the box of a solution
_PRAGMA = re.compile(r"#\s*(?:fmt: \w+|noqa\b[^#]*|type: ignore\b(?:\[[^\]]*\])?)\s*")  # for tools, not for readers


def laid_out(source: str, *, columns: int = COLUMNS, docstrings: bool = False) -> str:
    """Python source as it is shown: without its docstrings, in lines of at most `columns` where the code allows.

    Raises:
        ValueError: where the listing would not be the same program.
    """
    whole = textwrap.dedent(source)
    shorter = _with_short_comments(whole if docstrings else _without_docstrings(whole), columns)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={columns}", "-"]
    answer = subprocess.run(command, input=shorter, capture_output=True, text=True)
    if answer.returncode:
        raise ValueError(f"ruff could not lay out code: {answer.stderr}\n{shorter}")
    shown = "".join(f"{line}\n" for line in _broken_lines(answer.stdout, columns))
    if program(shown) != program(whole):
        raise ValueError(f"code would not be the program that it shows:\n{shown}")
    return shown


def program(source: str) -> str:
    """The syntax tree of some source, docstrings aside."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if docstring := _docstring(node):
            node.body.remove(docstring)  # type: ignore[attr-defined]  # it has a body, for it has a docstring
    return ast.dump(tree)


def _docstring(node: ast.AST) -> ast.stmt | None:
    """The statement that is the docstring of `node`, where something follows it."""
    if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) or len(node.body) < 2:
        return None
    return node.body[0] if ast.get_docstring(node, clean=False) is not None else None


def _without_docstrings(source: str) -> str:
    lines: list[str | None] = list(source.splitlines())
    for node in ast.walk(ast.parse(source)):
        if docstring := _docstring(node):
            end = docstring.end_lineno or docstring.lineno
            while end < len(lines) and not (lines[end] or "").strip():
                end += 1  # the empty lines that set it off
            lines[docstring.lineno - 1 : end] = [None] * (end - docstring.lineno + 1)
    return "".join(f"{line}\n" for line in lines if line is not None)


def _with_short_comments(source: str, columns: int) -> str:
    """Comments that are too long for their line on lines of their own above it, as many as they need."""
    lines = source.splitlines()
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type != tokenize.COMMENT:
            continue
        row, column = token.start
        line, comment = lines[row - 1], _PRAGMA.sub("", token.string).rstrip()
        code = line[:column].rstrip()
        if len(f"{code}  {comment}") <= columns:
            lines[row - 1] = f"{code}  {comment}".rstrip() if code else line[:column] + comment
            continue
        indent = re.match(r"\s*", line)
        assert indent
        mark = f"{indent[0]}# "
        above = textwrap.wrap(comment.lstrip("# "), columns, initial_indent=mark, subsequent_indent=mark)
        lines[row - 1 : row] = [*above, code] if code else above
    return "".join(f"{line}\n" for line in lines)


def _broken_lines(source: str, columns: int) -> list[str]:
    return [_broken(line, columns) for line in source.splitlines()]


def _broken(line: str, columns: int = COLUMNS) -> str:
    """A line that is one long string, as error messages are, as shorter ones below each other: the same to Python."""
    match = re.fullmatch(r"""(\s*)(f?)(["'])(.*)\3(,?)""", line)
    if len(line) <= columns or not match:
        return line
    indent, prefix, quote, text, comma = match.groups()
    room, depth, cut = columns - len(f"{indent}{prefix}{quote}{quote}"), 0, 0
    for i, letter in enumerate(text[:room]):
        depth += (letter == "{") - (letter == "}") if prefix else 0
        if letter == " " and depth == 0:
            cut = i + 1
    if not cut or quote in text:
        return line
    first, rest = (f"{indent}{prefix}{quote}{part}{quote}" for part in (text[:cut], text[cut:]))
    return f"{first}\n{_broken(rest + comma, columns)}"


class Listing(LiteralInclude):
    """`literalinclude`, which lays out again what `:pyobject:` takes from a Python file."""

    def run(self) -> list[nodes.Node]:
        shown = super().run()
        if "pyobject" not in self.options:
            return shown
        for block in (block for node in shown for block in node.findall(nodes.literal_block)):
            _show(block, laid_out(block.astext()))
            for line in block.astext().splitlines():
                if len(line) > COLUMNS:
                    logger.warning("a line of a listing is longer than its box: %s", line, location=block)
        return shown


def fit_cells(app: Sphinx, document: nodes.document) -> None:
    """Lay out again the code cells of a page that are wider than their box."""
    for block in document.findall(nodes.literal_block):
        cell, code = block.parent, block.astext()
        if "cell_input" in cell.get("classes", ()) and max(map(len, code.splitlines()), default=0) > CELL_COLUMNS:
            _show(block, laid_out(code, columns=CELL_COLUMNS, docstrings=True).rstrip())


def _show(block: nodes.literal_block, text: str) -> None:
    block.rawsource = text
    block[:] = [nodes.Text(text)]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("literalinclude", Listing, override=True)
    app.connect("doctree-read", fit_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
