"""JSON in whatever form a file has it, as a stream of records: each the text of an event, or why it is none.

The form is told by what is in the file: events one a line; one or many events over several lines, or end to end; arrays
of events; and events inside an object (`{"Records": [...]}`). A file is never in memory as a whole. What cannot be read
ends one record where the format lets us find the next (lines), and otherwise the file (a broken array, a broken gzip
stream). Told in `book/part3/records.md`.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from residual.ocsf.limits import Limits
from residual.ocsf.unpacking import CHUNK, UnreadableError, unpacked

__all__ = ["Limits", "Lines", "Record", "UnreadableError", "Values", "batches", "parsed", "records"]

KEPT_OF_LONG = 1000
MANY, MANY_BYTES = 10_000, 2**24  # records taken at a time, and their text
FIRST_BYTES = 2**20  # taken first, in which Arrow finds most columns
FEW = 2**18  # bytes, in which it does not pay to tell good records from bad ones
WRAPPERS = ("Records", "records", "Events", "events")
_WRAPPED = re.compile(r'\{\s*"(?:' + "|".join(WRAPPERS) + r')"\s*:\s*\[')
_OPENING = re.compile(rf"(?:{_WRAPPED.pattern})?[\[{{\s]*")
_LONGEST = 100  # of what `_WRAPPED` matches
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Record:
    """One line of JSON Lines, or one value of a JSON file.

    Attributes:
        number: of the line, or of the value where the file is not made of lines; from 1.
        raw: its text; of too long a record only the beginning is kept.
        reason: why it is no event.
        unit: "line" or "value".
        value: what was parsed, if it was parsed and `reason` is None.
    """

    number: int
    raw: bytes
    reason: str | None = None
    unit: str = "line"
    value: Any = None

    @property
    def text(self) -> str:
        """The text as it can be shown; undecodable bytes are escaped."""
        return self.raw.decode(errors="backslashreplace")


@dataclass(frozen=True)
class Lines:
    """Lines of a file as they are, some of them blank.

    Attributes:
        number: of the first line.
        data: their text.
    """

    number: int
    data: bytes

    def records(self, limits: Limits) -> Iterator[Record]:
        """The lines that are not blank."""
        for number, line in enumerate(self.data.split(b"\n"), self.number):
            if line.strip():
                yield _record(number, line, limits)

    def objects(self, limits: Limits) -> tuple[bytes, int] | None:
        """The text of the lines that are not blank, and how many they are, None if one is surely no object."""
        lines = self.data.split(b"\n")
        if max(map(len, lines)) > limits.line_bytes:
            return None
        lines = list(filter(None, map(bytes.strip, lines)))
        if not lines or not all(line.startswith(b"{") and line.endswith(b"}") for line in lines):
            return None
        return b"\n".join(lines), len(lines)

    def halves(self) -> tuple["Lines", ...]:
        """The same lines in two parts; none if they are few."""
        cut = self.data.find(b"\n", len(self.data) // 2) + 1
        if len(self.data) < FEW or cut in (0, len(self.data)):
            return ()
        number = self.number + self.data.count(b"\n", 0, cut)
        return Lines(self.number, self.data[:cut]), Lines(number, self.data[cut:])


class Values(list[Record]):
    """Values of a file that is not made of lines, with the methods of `Lines`."""

    def records(self, limits: Limits) -> Iterator[Record]:
        return iter(self)

    def objects(self, limits: Limits) -> tuple[bytes, int] | None:
        if any(record.reason is not None or not record.raw.startswith(b"{") for record in self):
            return None
        return b"\n".join(record.raw.replace(b"\n", b" ") for record in self), len(self)

    def halves(self) -> tuple["Values", ...]:
        half = len(self) // 2
        if not half or sum(len(record.raw) for record in self) < FEW:
            return ()
        return Values(self[:half]), Values(self[half:])


def records(path: Path, limits: Limits) -> Iterator[Record]:
    """The events of a file, parsed, as far as it can be read. Of two equal keys in an object the last counts.

    Raises:
        UnreadableError: after the last record that can be read.
    """
    for batch in batches(path, limits):
        for record in batch.records(limits):
            yield from parsed(record)


def batches(path: Path, limits: Limits) -> Iterator[Lines | Values]:
    """The lines of a file as they are, or the values of one that is not made of lines, some at a time.

    Raises:
        UnreadableError: after the last record that can be read.
    """
    rest = filter(None, unpacked(path, limits))
    head, at_end, broken = b"", False, None
    try:
        while len(head) < CHUNK and not at_end:
            head += (more := next(rest, b""))
            at_end = not more
    except UnreadableError as error:
        broken = error
    chunks = chain([head], _raising(broken) if broken else rest)
    yield from _some(_values(chunks, limits)) if _is_document(head, at_end) else _lines(chunks, limits)


def _raising(error: UnreadableError) -> Iterator[bytes]:
    yield b""
    raise error


def _some(values: Iterator[Record]) -> Iterator[Values]:
    """Values, some at a time."""
    some, size = Values(), 0
    try:
        for record in values:
            some.append(record)
            size += len(record.raw)
            if len(some) >= MANY or size >= MANY_BYTES:
                yield some
                some, size = Values(), 0
    except UnreadableError:
        yield some
        raise
    yield some


def _is_document(head: bytes, at_end: bool) -> bool:
    """Whether a file is something else than lines, by how it begins, or by all of it if `head` reaches its end.

    It is if its first value goes on in the second line, or if its first line is longer than we can see and holds more
    than one event. Lines that hold several are taken apart later. Where the first value is broken, it may be a line
    that was cut, unless nothing but an opening stands there.
    """
    text = head.decode(errors="replace").lstrip()
    try:
        _, end = DECODER.raw_decode(text)
        whole = True
    except json.JSONDecodeError as error:
        end, whole = len(text) if error.msg.startswith("Unterminated") else error.pos, False
    except (ValueError, RecursionError):
        return False
    first, newline, rest = text.partition("\n")
    if "\n" in text[:end].strip():
        goes_on = not at_end and end >= len(text.rstrip())
        return whole or goes_on or (bool(_OPENING.fullmatch(first)) and not _is_object(rest.partition("\n")[0]))
    if newline:
        return not whole and first.startswith("[") and not _is_object(rest.partition("\n")[0])
    return first.startswith("[") or _WRAPPED.match(first) is not None or (whole and len(text) > end)


def _is_object(line: str) -> bool:
    try:
        return isinstance(DECODER.decode(line), dict)
    except (ValueError, RecursionError):
        return False


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _lines(chunks: Iterator[bytes], limits: Limits) -> Iterator[Lines]:
    """Whole lines, more and more at a time. Of a line over the limit the rest is skipped as it streams past."""
    held: list[bytes] = []
    number, size, breaks, skipping, most = 1, 0, 0, False, FIRST_BYTES
    try:
        for chunk in chunks:
            if skipping:
                _, newline, chunk = chunk.partition(b"\n")
                if not newline:
                    continue
            held.append(chunk)
            size += len(chunk)
            breaks += chunk.count(b"\n")
            skipping = not breaks and size > limits.line_bytes
            if skipping or (breaks and (size >= most or breaks >= MANY)):
                data = b"".join(held)
                end = data.rfind(b"\n") + 1 or size
                yield Lines(number, data[:end])
                number += breaks + skipping
                held, size, breaks, most = [data[end:]], size - end, 0, min(4 * most, MANY_BYTES)
    except UnreadableError:
        data = b"".join(held)
        yield Lines(number, data[: data.rfind(b"\n") + 1])
        raise
    yield Lines(number, b"".join(held))


def _record(number: int, line: bytes, limits: Limits) -> Record:
    if len(line) > limits.line_bytes:
        return Record(number, line[:KEPT_OF_LONG], f"longer than {limits.line_bytes} bytes")
    return Record(number, line)


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


DECODER = json.JSONDecoder(parse_constant=refuse_constant)


def parsed(record: Record) -> Iterator[Record]:
    """The events of a record: itself, or what is in it if it is an array, wrapped, or several values end to end."""
    if record.reason is not None:
        yield record
        return
    values = [record.value]
    try:
        text = record.raw.decode()
        if record.unit == "line":
            values = _decoded(text.strip())
    except (ValueError, RecursionError) as error:
        yield replace(record, reason=_why(error))
        return
    for value in values:
        many = _unwrapped(value)
        if len(values) == 1 and many is None:
            yield replace(record, value=value)
        else:
            for one in [value] if many is None else many:
                yield replace(record, value=one, raw=json.dumps(one).encode())


def _decoded(text: str) -> list[Any]:
    """The value that a line is, or the objects that it holds end to end."""
    try:
        return [DECODER.decode(text)]
    except json.JSONDecodeError as error:
        if error.msg != "Extra data" or not text.startswith("{"):
            raise
        try:
            values, end = [], 0
            while end < len(text):
                value, end = DECODER.raw_decode(text, _after_space(text, end))
                values.append(value)
        except ValueError:
            raise error from None
        return values


def _unwrapped(value: Any) -> list[Any] | None:
    """The events in an array, or in an object around one; None for what is neither."""
    if isinstance(value, dict) and "class_uid" not in value:
        value = next((value[name] for name in WRAPPERS if name in value), None)
    return value if isinstance(value, list) else None


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

    def take_wrapper(self) -> bool:
        """Step over the beginning of an object around a list of events, if this is one."""
        self.peek()
        if len(self.buffer) - self.at < _LONGEST:
            self.more()
        found = _WRAPPED.match(self.buffer, self.at)
        self.at = found.end() if found else self.at
        return found is not None


def _values(chunks: Iterator[bytes], limits: Limits) -> Iterator[Record]:
    """Values one after the other; of arrays, and of objects around a list of events, what is in them."""
    text, number = _Text(chunks), 0
    while text.peek():
        is_wrapped = text.take_wrapper()
        if not is_wrapped and not text.take("["):
            number += 1
            yield _value(text, number, limits)
            continue
        first = number + 1
        while not text.take("]"):
            if (number >= first and not text.take(",")) or not text.peek():
                raise UnreadableError(f"the array breaks off after value {number}")
            number += 1
            yield _value(text, number, limits)
        if is_wrapped and not text.take("}"):
            if not text.take(","):
                raise UnreadableError(f"the object breaks off after value {number}")
            text.buffer, text.at = "{" + text.buffer[text.at :], 0
            _value(text, number, limits)


def _value(text: _Text, number: int, limits: Limits) -> Record:
    wanted = 1
    while True:
        try:
            value, end = DECODER.raw_decode(text.buffer, text.at)
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
    record = _record(number, raw.encode(errors="surrogateescape"), limits)
    return replace(record, unit="value", value=value)
