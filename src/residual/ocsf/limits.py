"""What a file of events may ask of this machine before it is refused. Told in `book/part3/records.md`."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """Stated limits of reading JSON; all are checked while a file streams past, never by reading all of it.

    Attributes:
        line_bytes: of one event, as JSON text. Longer ones are quarantined.
        expansion: how often its own size a gzip file may unpack to. Beyond it, the rest of the file is refused.
        free_bytes: unpacked bytes for which `expansion` does not count, since short files of like lines pack well.
        depth: of objects and arrays inside each other, at most 100. Deeper events are quarantined.
        columns: of all files together. An event that would add another is quarantined.
    """

    line_bytes: int = 16 * 2**20
    expansion: int = 200
    free_bytes: int = 64 * 2**20
    depth: int = 32
    columns: int = 5000

    def __post_init__(self) -> None:
        for limit in fields(self):
            if getattr(self, limit.name) < 1:
                raise ValueError(f"{limit.name} must be at least 1, got {getattr(self, limit.name)}")
        if self.depth > 100:
            raise ValueError(f"depth must be at most 100, got {self.depth}")
