"""The text of a file of JSON, whatever it is packed with: gzip, zstd, UTF-16. Told in `book/part3/records.md`."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from residual.ocsf.limits import Limits

CHUNK = 2**18
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableError(Exception):
    """The rest of a file cannot be read; how many events are in it is not known."""


def head(path: Path) -> bytes:
    """How the text of a file begins, without white space; nothing of one that cannot be unpacked."""
    try:
        return next(unpacked(path, Limits()), b"")[:64].lstrip()
    except UnreadableError:
        return b""


def unpacked(path: Path, limits: Limits) -> Iterator[bytes]:
    """The text of a file as UTF-8, unpacked, without a byte order mark, in chunks of at most 256 KiB.

    Raises:
        UnreadableError: after the last byte that can be read.
    """
    chunks = _bytes(path, limits)
    start = next(chunks, b"")
    if not start.startswith(_WIDE):
        yield start.removeprefix(codecs.BOM_UTF8)
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        yield decoder.decode(start).encode()
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise UnreadableError(f"not UTF-16, as its first bytes promise: {error}") from error


def _bytes(path: Path, limits: Limits) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            start = file.read(4)
            packed = "gzip" if start.startswith(_GZIP) else "zstd" if start == _ZSTD else None
            most = max(limits.free_bytes, limits.expansion * path.stat().st_size)
            file.seek(0)
            stream: io.BufferedIOBase = file
            if packed == "gzip":
                stream = gzip.GzipFile(fileobj=file)
            elif packed:
                stream = pa.CompressedInputStream(file, "zstd")
            seen = 0
            while chunk := stream.read(CHUNK) if packed == "zstd" else stream.read1(CHUNK):
                seen += len(chunk)
                if packed and seen > most:
                    raise UnreadableError(f"{packed} unpacks to more than {limits.expansion} times its size")
                yield chunk
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableError(f"broken off: {error}") from error
