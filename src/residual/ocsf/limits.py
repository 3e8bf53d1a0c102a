"""Stated limits of what a file may ask of the reader. Told in `book/part3/records.md`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Stated limits of reading; all are checked while a file streams past, never by reading all of it.

    Attributes:
        line_bytes: of one event, as JSON text. Longer ones are quarantined.
        expansion: how often its own size a packed file may unpack to. Beyond it, the rest of the file is refused.
        free_bytes: unpacked bytes for which `expansion` does not count, since short files of like lines pack well.
        depth: of objects and arrays inside each other in JSON, at most 100. Deeper events are quarantined.
        columns: of all files together. A row that has a value in one more is quarantined.
    """

    line_bytes: int = 16 * 2**20
    expansion: int = 200
    free_bytes: int = 64 * 2**20
    depth: int = 32
    columns: int = 5000

    def __post_init__(self) -> None:
        for name, limit in vars(self).items():
            if limit < 1:
                raise ValueError(f"{name} must be at least 1, got {limit}")
        if self.depth > 100:
            raise ValueError(f"depth must be at most 100, got {self.depth}")
