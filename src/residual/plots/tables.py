"""Tables of computed values for pages: text that a notebook and the book both lay out."""

from collections.abc import Sequence

from IPython.display import Markdown


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Markdown:
    """A table with the first column to the left and the others, which hold numbers, to the right.

    Raises:
        ValueError: for a row with more or fewer cells than there are heads.
    """
    for row in rows:
        if len(row) != len(heads):
            raise ValueError(f"rows must have {len(heads)} cells, got {len(row)}: {list(row)}")
    lines = [heads, [":---", *["---:"] * (len(heads) - 1)], *rows]
    return Markdown("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines))
