"""Zeek's conn, dns, http and ssl logs as OCSF: Network Activity (4001), DNS (4003) and HTTP Activity (4002).

Which field goes where, and why, stands in `zeek.toml`. The format with tabs is that of Zeek's `LogAscii`; its escapes
(`\\x09`) are kept as they are, and bytes that are not UTF-8 are written like them.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from residual.ocsf.convert.draft import Draft, mapping
from residual.ocsf.convert.values import decimal, milliseconds, parsed, whole
from residual.ocsf.records import Record

WHAT = "a log of Zeek: lines with # at the top, or JSON"
STARTS = (b"#", b"{", b"[")
_MAPPING = mapping("zeek.toml")
_CLASSES = {"conn": 4001, "dns": 4003, "http": 4002, "ssl": 4001}
_TOP = {
    "separator": "\t",
    "set_separator": ",",
    "empty_field": "(empty)",
    "unset_field": "-",
    "fields": (),
    "types": (),
}
_STATES = {"S0": 4, "REJ": 5} | dict.fromkeys(("SF", "RSTO", "RSTR", "RSTRH", "SH", "SHR"), 2)
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "PATCH")
_ANSWER_FLAGS = {"AA": 1, "TC": 2, "RD": 3, "RA": 4}


def converter(file: str) -> Callable[[Record], dict[str, Any] | None]:
    """What makes the events of one log: of a line with # at the top none. `file` may say which log it is."""
    words = re.split(r"[^a-z0-9]+", file.lower())
    return partial(_event, _TOP | {"path": next((log for log in _CLASSES if log in words), "")})


def _learns(top: dict[str, Any], line: str) -> bool:
    """Take in what a line with # says about the log; false if it is none of Zeek's."""
    name, _, rest = line[1:].partition(" " if line.startswith("#separator") else top["separator"])
    if name in ("fields", "types"):
        top[name] = rest.split(top["separator"])
    elif name in top and rest:
        top[name] = re.sub(r"\\x([0-9a-fA-F]{2})", lambda code: chr(int(code[1], 16)), rest)
    return name in (*top, "open", "close", "start", "end")


def _fields(top: dict[str, Any], line: bytes) -> dict[str, Any]:
    """The fields of a line that are set, in Zeek's types; a value that is not of its type stays text."""
    if not (names := top["fields"]):
        return parsed(line)
    values = line.decode(errors="backslashreplace").split(top["separator"])
    if len(values) != len(names):
        raise ValueError(f"expected {len(names)} fields, got {len(values)}")
    if len(set(names)) < len(names):
        raise ValueError("#fields names a field twice")
    types = top["types"] if len(top["types"]) == len(values) else ["string"] * len(values)
    rows = zip(names, types, values, strict=True)
    return {name: _typed(top, kind, value) for name, kind, value in rows if value != top["unset_field"]}


def _typed(top: dict[str, Any], kind: str, text: str) -> Any:
    if kind.startswith(("set[", "vector[")):
        inner, values = kind.partition("[")[2], text.split(top["set_separator"]) if text != top["empty_field"] else []
        return [None if value == top["unset_field"] else _typed(top, inner, value) for value in values]
    if kind.startswith(("double", "interval")):
        return decimal(text)
    if kind.startswith(("count", "int", "port")):
        return text if (value := whole(text)) is None else value
    if kind.startswith("bool") and text in ("T", "F"):
        return text == "T"
    return "" if text == top["empty_field"] else text


def _event(top: dict[str, Any], line: Record) -> dict[str, Any] | None:
    if line.raw.startswith(b"#") and _learns(top, line.raw.decode(errors="backslashreplace")):
        return None
    record = _fields(top, line.raw)
    log = path if isinstance(path := record.get("_path"), str) else top["path"]
    if log not in _CLASSES:
        raise ValueError(f"no mapping for Zeek's log {log[:40]!r}, there is one for {', '.join(_CLASSES)}")
    if record.get("_path") == log:
        del record["_path"]
    draft = Draft(_CLASSES[log], line, record, "ts", _MAPPING["always"])
    draft.put("metadata.log_name", log)
    draft.put("start_time", draft.places["time"])
    ours = [flag for name in ("local_orig", "local_resp") if isinstance(flag := record.get(name), bool)]
    draft.put("connection_info.direction_id", 2 * ours[0] + ours[1] if len(ours) == 2 else 0)  # out, in, or inside
    draft.take_all(_MAPPING["all"] | _MAPPING[log])
    return draft.finished({"conn": _conn, "dns": _dns, "http": _http, "ssl": _ssl}[log](draft))


def _conn(draft: Draft) -> int:
    for unit in ("bytes", "packets"):
        both = [draft.places.get(f"traffic.{unit}_{way}") for way in ("in", "out")]
        draft.put(f"traffic.{unit}", None if None in both else sum(both))
    draft.put("duration", milliseconds(draft.record.get("duration")))  # `unmapped` keeps what is finer
    return _STATES.get(draft.places.get("status_code", ""), 6)


def _dns(draft: Draft) -> int:
    time, rtt = draft.places["time"], milliseconds(draft.record.get("rtt"))
    draft.put("query_time", time)
    draft.put("response_time", None if rtt is None else time + rtt)
    draft.take("rejected", "status_id", lambda flag: 1 + flag if isinstance(flag, bool) else None)
    draft.take("answers", "answers", partial(_answers, draft.record))
    return 6 if "rcode_id" in draft.places else 1


def _answers(record: dict[str, Any], texts: Any) -> list[dict[str, Any]] | None:
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        return None
    flags = [flag for name, flag in _ANSWER_FLAGS.items() if record.get(name) is True]
    ttls = ttls if isinstance(ttls := record.get("TTLs"), list) and len(ttls) == len(texts) else [None] * len(texts)
    answers = (
        {"flag_ids": flags or None, "rdata": text, "ttl": whole(ttl)} for text, ttl in zip(texts, ttls, strict=True)
    )
    return [{name: value for name, value in answer.items() if value is not None} for answer in answers]


def _http(draft: Draft) -> int:
    path, _, query = draft.places.get("http_request.url.path", "").partition("?")
    if path and query:
        draft.places["http_request.url.path"] = path
        draft.put("http_request.url.query_string", query)
    method = draft.places.get("http_request.http_method")
    if method in _METHODS:
        return _METHODS.index(method) + 1
    draft.put("activity_name", method)
    return 99 if method else 0


def _ssl(draft: Draft) -> int:
    md5 = {"algorithm_id": 1, "algorithm": "MD5"}
    for field in ("ja3", "ja3s"):
        draft.take(field, f"tls.{field}_hash", lambda text: {**md5, "value": text} if text else None)
    established = draft.record.get("established")
    return 1 if established is True else 4 if established is False else 6
