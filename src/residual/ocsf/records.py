"""JSON and JSON Lines, also packed with gzip, as a stream of records: each an event, or why it is none.

A file is never in memory as a whole. What cannot be read ends one record where the format lets us find the next (JSON
Lines), and otherwise the file (a broken array, a broken gzip stream). Told in `book/part3/records.md`.
"""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from residual.ocsf.limits import Limits
from residual.ocsf.unpacking import UnreadableError, unpacked

KEPT_OF_LONG = 1000


@dataclass(frozen=True)
class Record:
    """One line of JSON Lines, or one value of a JSON file.

    Attributes:
        number: of the line, or of the value where the file is not made of lines; from 1.
        unit: "line" or "value".
        raw: its text; undecodable bytes are escaped, and of too long a record only the beginning is kept.
        value: what was parsed, if `reason` is None.
        reason: why there is no value.
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
    chunks = unpacked(path, limits)
    head = next(chunks, b"").removeprefix(codecs.BOM_UTF8)
    chunks = chain([head], chunks)
    yield from _values(chunks, limits) if ".json" in path.suffixes and _is_document(head) else _lines(chunks, limits)


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
                yield _parse(number, line, limits)
            number, skipping = number + 1, False
        if skipping:
            rest = b""
        elif len(rest) > limits.line_bytes:
            yield _too_long(number, rest, limits)
            rest, skipping = b"", True
    if rest.strip():
        yield _parse(number, rest, limits)


def _too_long(number: int, text: bytes, limits: Limits) -> Record:
    return Record(number, _shown(text[:KEPT_OF_LONG]), reason=f"longer than {limits.line_bytes} bytes")


def _shown(text: bytes) -> str:
    return text.decode(errors="backslashreplace")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _parse(number: int, line: bytes, limits: Limits) -> Record:
    if len(line) > limits.line_bytes:
        return _too_long(number, line, limits)
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return Record(number, _shown(line), reason="not UTF-8")
    try:
        return Record(number, text, _DECODER.decode(text))
    except (ValueError, RecursionError) as error:
        return Record(number, text, reason=_why(error))


def _why(error: Exception) -> str:
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
        found = self.peek() == character
        self.at += found
        return found


def _values(chunks: Iterator[bytes], limits: Limits) -> Iterator[Record]:
    """The values of one array, or values one after the other."""
    text = _Text(chunks)
    is_array = text.take("[")
    for number in count(1):
        if is_array and text.take("]"):
            if text.peek():
                raise UnreadableError("text after the end of the array")
            return
        if not is_array and not text.peek():
            return
        if is_array and ((number > 1 and not text.take(",")) or not text.peek()):
            raise UnreadableError(f"the array breaks off after value {number - 1}")
        yield _value(text, number, limits)


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
    try:
        size = len(raw.encode())
    except UnicodeEncodeError:
        return Record(number, _shown(raw.encode(errors="surrogateescape")), reason="not UTF-8", unit="value")
    if size > limits.line_bytes:
        return replace(_too_long(number, raw.encode(), limits), unit="value")
    return Record(number, raw, value, unit="value")
