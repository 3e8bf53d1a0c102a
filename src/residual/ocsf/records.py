"""JSON and JSON Lines, also packed with gzip, as a stream of records: each an event, or why it is none.

A file is never in memory as a whole. What cannot be read ends one record where the format lets us find the next (JSON
Lines), and otherwise the file (a broken array, a broken gzip stream). Told in `book/part3/records.md`.
"""

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

CHUNK = 2**18
GZIP = b"\x1f\x8b"
KEPT_OF_LONG = 1000


class UnreadableError(Exception):
    """The rest of a file cannot be read; how many events are in it is not known."""


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
        for name, limit in vars(self).items():
            if limit < 1:
                raise ValueError(f"{name} must be at least 1, got {limit}")
        if self.depth > 100:
            raise ValueError(f"depth must be at most 100, got {self.depth}")


@dataclass(frozen=True)
class Record:
    """One line of JSON Lines, or one value of a JSON file.

    Attributes:
        number: of the line, or of the value where the file is not made of lines; from 1.
        raw: its text; undecodable bytes are escaped, and of too long a record only the beginning is kept.
        value: what was parsed, if `reason` is None.
        reason: why there is no value.
        unit: "line" or "value".
    """

    number: int
    raw: str
    value: Any = None
    reason: str | None = None
    unit: str = "line"


def records(path: Path, limits: Limits) -> Iterator[Record]:
    """The records of a file, as far as it can be read.

    A `.json` file whose first character is `[`, or whose first line goes on in the second, is taken for a JSON document
    (or several, one after the other); any other file for JSON Lines. Of two equal keys in an object the last counts.

    Raises:
        UnreadableError: after the last record that can be read.
    """
    chunks = _unpacked(path, limits)
    head = next(chunks, b"").removeprefix(codecs.BOM_UTF8)
    chunks = chain([head], chunks)
    yield from _values(chunks, limits) if ".json" in path.suffixes and _is_document(head) else _lines(chunks, limits)


def _unpacked(path: Path, limits: Limits) -> Iterator[bytes]:
    """The bytes of a file, unpacked where gzip packed them, in chunks of at most 256 KiB."""
    try:
        with path.open("rb") as file:
            packed = file.read(len(GZIP)) == GZIP
            most = max(limits.free_bytes, limits.expansion * path.stat().st_size)
            file.seek(0)
            stream: io.BufferedIOBase = gzip.GzipFile(fileobj=file) if packed else file
            seen = 0
            while chunk := stream.read1(CHUNK):
                seen += len(chunk)
                if packed and seen > most:
                    raise UnreadableError(f"gzip unpacks to more than {limits.expansion} times its size")
                yield chunk
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableError(f"broken off: {error}") from error


def _is_document(head: bytes) -> bool:
    first, newline, _ = head.lstrip().partition(b"\n")
    return first.startswith(b"[") or (bool(newline) and first.rstrip().endswith((b"{", b"[", b",")))


def _lines(chunks: Iterator[bytes], limits: Limits) -> Iterator[Record]:
    """The lines that are not blank. Of a line over the limit the rest is skipped as it streams past."""
    number, rest, skipping = 1, b"", False
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if not skipping and line.strip():
                yield _record(number, line, limits)
            number, skipping = number + 1, False
        if skipping:
            rest = b""
        elif len(rest) > limits.line_bytes:
            yield _record(number, rest, limits)
            rest, skipping = b"", True
    if rest.strip():
        yield _record(number, rest, limits)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _record(number: int, line: bytes, limits: Limits, unit: str = "line", value: Any = None) -> Record:
    """The record that some bytes are; a line is parsed here, the `value` of another unit was parsed before."""
    if len(line) > limits.line_bytes:
        line, reason = line[:KEPT_OF_LONG], f"longer than {limits.line_bytes} bytes"
    else:
        try:
            text = line.decode()
            return Record(number, text, _DECODER.decode(text) if unit == "line" else value, unit=unit)
        except (ValueError, RecursionError) as error:
            reason = _why(error)
    return Record(number, line.decode(errors="backslashreplace"), reason=reason, unit=unit)


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "not JSON: nested too deeply"
    return f"not JSON: {error.msg if isinstance(error, json.JSONDecodeError) else error}"


class _Text:
    """The text of a file, decoded as it is needed; bytes that are not UTF-8 become lone surrogates."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks
        self.decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.buffer, self.at, self.at_end = "", 0, False

    def more(self, count: int = 1) -> None:
        """Read on by `count` chunks, and forget what lies behind."""
        read = b"".join(islice(self.chunks, count))
        self.at_end = not read
        self.buffer, self.at = self.buffer[self.at :] + self.decoder.decode(read, final=self.at_end), 0

    def peek(self) -> str:
        """The next character that is no white space, empty at the end."""
        while True:
            while self.at < len(self.buffer) and self.buffer[self.at] in " \t\r\n":
                self.at += 1
            if self.at < len(self.buffer) or self.at_end:
                return self.buffer[self.at : self.at + 1]
            self.more()

    def take(self, character: str) -> bool:
        """Step over the next character if it is this one."""
        is_next = self.peek() == character
        self.at += is_next
        return is_next


def _values(chunks: Iterator[bytes], limits: Limits) -> Iterator[Record]:
    """The values of one array, or values one after the other."""
    text = _Text(chunks)
    is_array = text.take("[")
    for number in count(1):
        if text.take("]") if is_array else not text.peek():
            break
        if is_array and ((number > 1 and not text.take(",")) or not text.peek()):
            raise UnreadableError(f"the array breaks off after value {number - 1}")
        yield _value(text, number, limits)
    if text.peek():
        raise UnreadableError("text after the end of the array")


def _value(text: _Text, number: int, limits: Limits) -> Record:
    wanted = 1
    while True:
        try:
            value, end = _DECODER.raw_decode(text.buffer, text.at)
            if end < len(text.buffer) or text.at_end:  # else a number may go on in the next chunk
                break
        except (ValueError, RecursionError) as error:
            too_long = len(text.buffer) - text.at > limits.line_bytes
            if too_long or text.at_end:
                reason = f"longer than {limits.line_bytes} bytes" if too_long else _why(error)
                raise UnreadableError(f"value {number} has no end: {reason}") from error
        text.more(wanted)
        wanted *= 2
    raw, text.at = text.buffer[text.at : end], end
    return _record(number, raw.encode(errors="surrogateescape"), limits, "value", value)
