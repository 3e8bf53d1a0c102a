"""The records of a log as its file holds them: lines, or the values of JSON documents, also packed with gzip."""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import IO, Any, cast

LONGEST = 16 * 2**20
LARGEST = 256 * 2**20
BROKEN = (EOFError, OSError, zlib.error)
_BETWEEN = re.compile(r"[\s,]*")
_ARRAY = re.compile(r'\[|\{\s*"Records"\s*:\s*\[')
_ESCAPED, _SURROGATE = re.compile(rb"\\u[dD]"), re.compile("[\ud800-\udfff]")
_END = re.compile(r"\]\s*\}?")


@dataclass(frozen=True)
class Raw:
    """A record: the line or the value where it stands, from 1, and its bytes; or why it cannot be had."""

    place: str
    content: bytes
    reason: str | None = None


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file to read, unpacked if gzip packed it, without a byte order mark."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=file)) if packed else file
        if stream.read(3) != b"\xef\xbb\xbf":
            stream.seek(0)
        yield stream


def records(path: Path) -> Iterator[Raw]:
    """The records of a file: its lines, or the values of JSON documents that go over several lines.

    Those may be objects, arrays of objects, and the `{"Records": [...]}` of CloudTrail, one after the other. A line of
    more than 16 MiB is one record that cannot be had; so is all that follows where a file breaks off, and a document
    of more than 256 MiB.
    """
    number = 0
    try:
        with opened(path) as file:
            first = file.readline(LONGEST)
            text = first.strip().decode("latin-1")
            if _ARRAY.match(text) or (text.startswith("{") and text.endswith(("{", "[", ","))):
                yield from _values(first + file.read(LARGEST))
                return
            for number, line in enumerate(chain([first], iter(lambda: file.readline(LONGEST), b"")), start=1):
                rest = line
                while len(rest) == LONGEST and not rest.endswith(b"\n"):
                    rest = file.readline(LONGEST)
                if rest is not line:
                    yield Raw(f"line {number}", b"", f"longer than {LONGEST} bytes")
                elif line.strip():
                    yield Raw(f"line {number}", line.rstrip(b"\r\n"))
    except BROKEN:
        yield Raw(f"after line {number}", b"", "the file breaks off here, what follows is unknown")


def _values(content: bytes) -> Iterator[Raw]:
    number, at, inside = 0, 0, False
    try:
        if len(content) >= LARGEST:
            raise ValueError(f"longer than {LARGEST} bytes")
        text = content.decode()
        while (at := cast(re.Match[str], _BETWEEN.match(text, at)).end()) < len(text):
            if mark := (_END if inside else _ARRAY).match(text, at):
                at, inside = mark.end(), not inside
                continue
            end = json.JSONDecoder().raw_decode(text, at)[1]
            number += 1
            yield Raw(f"value {number}", text[at:end].encode())
            at = end
        if inside:
            raise ValueError("an array has no end")
    except (ValueError, RecursionError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeError) else getattr(error, "msg", str(error))
        yield Raw(f"after value {number}", b"", f"the file breaks off here ({why}), what follows is unknown")


def parsed(content: bytes) -> dict[str, Any]:
    """The JSON object that a record is. A number that no float can hold becomes its text, a lone surrogate its escape.

    Raises:
        ValueError: for what is no JSON object, and for an object with two equal names, of which one would be lost.
    """
    try:
        value = _DECODER.decode(content.decode())
        if _ESCAPED.search(content):
            text = json.dumps(value, ensure_ascii=False)
            value = json.loads(_SURROGATE.sub(lambda lone: f"\\\\u{ord(lone[0]):x}", text))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {getattr(error, 'msg', 'a number is too long')}") from None
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(value := dict(pairs)) < len(pairs):
        raise json.JSONDecodeError("a name occurs twice in an object", "", 0)
    return value


def _refuse(name: str) -> None:
    raise json.JSONDecodeError(f"{name} is no JSON value", "", 0)


def number(text: str) -> float | str:
    """A decimal number, or its text where it is none, or where a float would be infinite."""
    try:
        return value if isfinite(value := float(text)) else text
    except ValueError:
        return text


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse, parse_float=number)
