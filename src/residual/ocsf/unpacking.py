"""The bytes of a file, unpacked where gzip packed them, chunk by chunk and within limits.

Told in `book/part3/records.md`.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from residual.ocsf.limits import Limits

CHUNK = 2**18
GZIP = b"\x1f\x8b"


class UnreadableError(Exception):
    """The rest of a file cannot be read; how many events are in it is not known."""


def unpacked(path: Path, limits: Limits) -> Iterator[bytes]:
    """The bytes of a file in chunks of at most 256 KiB.

    Raises:
        UnreadableError: after the last byte that can be read.
    """
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
