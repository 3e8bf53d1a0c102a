"""Zeek's conn, dns, http and ssl logs as OCSF: Network Activity (4001), DNS (4003) and HTTP Activity (4002).

TLS has no class of its own in OCSF 1.8.0: an ssl record is Network Activity with an object `tls`. The mappings follow
those of ocsf/examples on GitHub, mappings/markdown/Zeek: conn_log for 1.4.0; dns_log, http_log and ssl_log for 1.3.0.
We depart from them in this:

- Zeek's `uid` is that of a connection, and several records have it. It goes to `connection_info.uid`, where it still
  joins them; `metadata.uid` is an event's own.
- OCSF 1.8.0 has places that older versions lacked: `service` goes to `app_protocol_name`, `history` to
  `connection_info.flag_history`, `missed_bytes` to `traffic.bytes_missed`, the lengths of bodies to `body_length`.
- `connection_info.direction_id` is known where Zeek was told which networks are local.
- A DNS record with a response code is Traffic, one without is a Query; ssl is Open, Fail or Traffic, as `established`
  is true, false or unset.
- The issuer and the subject of a certificate stay unmapped: OCSF wants its serial number too. So does what the mappings
  put into lists of objects: names of sensors, headers, cookies, observables.

Fields: docs.zeek.org, base/protocols/conn, dns, http and ssl, main.zeek, `Info`. The format with tabs is that of Zeek's
`LogAscii`; its escapes (`\\x09`) are kept as they are, and bytes that are not UTF-8 are written like them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from residual.ocsf.convert.draft import Draft, attempt, milliseconds, whole
from residual.ocsf.convert.raw import Raw, number, parsed

WHAT = "a log of Zeek: lines with # at the top, or JSON"
STARTS = (b"#", b"{", b"[")
_CONNECTION = {
    "uid": "connection_info.uid", "proto": "connection_info.protocol_name", "_write_ts": "metadata.logged_time",
    "community_id": "connection_info.community_uid", "id.orig_h": "src_endpoint.ip", "id.orig_p": "src_endpoint.port",
    "id.resp_h": "dst_endpoint.ip", "id.resp_p": "dst_endpoint.port", "orig_l2_addr": "src_endpoint.mac",
    "resp_l2_addr": "dst_endpoint.mac",
}  # fmt: skip
_LOGS: dict[str, tuple[int, dict[str, str]]] = {
    "conn": (4001, {
        "service": "app_protocol_name", "history": "connection_info.flag_history", "conn_state": "status_code",
        "missed_bytes": "traffic.bytes_missed", "orig_bytes": "traffic.bytes_out", "resp_bytes": "traffic.bytes_in",
        "orig_pkts": "traffic.packets_out", "resp_pkts": "traffic.packets_in",
    }),
    "dns": (4003, {
        "query": "query.hostname", "qtype_name": "query.type", "qclass_name": "query.class", "rcode": "rcode_id",
        "opcode": "query.opcode_id", "trans_id": "query.packet_uid",
    }),
    "http": (4002, {
        "method": "http_request.http_method", "version": "http_request.version", "host": "http_request.url.hostname",
        "user_agent": "http_request.user_agent", "referrer": "http_request.referrer", "uri": "http_request.url.path",
        "request_body_len": "http_request.body_length", "response_body_len": "http_response.body_length",
        "status_code": "http_response.code", "status_msg": "http_response.status",
    }),
    "ssl": (4001, {"version": "tls.version", "cipher": "tls.cipher", "server_name": "tls.sni"}),
}  # fmt: skip
_MARKS = ("separator", "set_separator", "empty_field", "unset_field")
_STATES = {"S0": 4, "REJ": 5} | dict.fromkeys(("SF", "RSTO", "RSTR", "RSTRH", "SH", "SHR"), 2)
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "PATCH")
_ANSWER_FLAGS = {"AA": 1, "TC": 2, "RD": 3, "RA": 4}


def events(records: Iterable[Raw], file: str) -> Iterator[tuple[Raw, dict[str, Any] | str]]:
    """The records of a log, each with its event, or with the reason why it has none. `file` may say which log it is."""
    header = _Header(path=next((log for log in _LOGS if log in re.split(r"[^a-z0-9]+", file.lower())), ""))
    for raw in records:
        if raw.content.startswith(b"#") and header.learns(raw.content.decode(errors="backslashreplace")):
            continue
        yield raw, attempt(raw, partial(_event, header))


@dataclass
class _Header:
    """What the lines with # at the top of a log say about its fields; the log's name is its `path`."""

    path: str
    separator: str = "\t"
    set_separator: str = ","
    empty_field: str = "(empty)"
    unset_field: str = "-"
    fields: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def learns(self, line: str) -> bool:
        """Take in a line with #; false if it is none of Zeek's."""
        name, _, rest = line[1:].partition(" " if line.startswith("#separator") else self.separator)
        if name in ("fields", "types"):
            setattr(self, name, tuple(rest.split(self.separator)))
        elif name in ("path", *_MARKS) and rest:
            setattr(self, name, re.sub(r"\\x([0-9a-fA-F]{2})", lambda code: chr(int(code[1], 16)), rest))
        return name in ("fields", "types", "path", *_MARKS, "open", "close", "start", "end")

    def fields_of(self, line: bytes) -> dict[str, Any]:
        """The fields of a line that are set, in Zeek's types; a value that is not of its type stays text."""
        if not self.fields:
            return parsed(line)
        values = line.decode(errors="backslashreplace").split(self.separator)
        if len(values) != len(self.fields):
            raise ValueError(f"expected {len(self.fields)} fields, got {len(values)}")
        if len(set(self.fields)) < len(self.fields):
            raise ValueError("#fields names a field twice")
        types = self.types if len(self.types) == len(values) else ["string"] * len(values)
        rows = zip(self.fields, types, values, strict=True)
        return {field: self._value(kind, value) for field, kind, value in rows if value != self.unset_field}

    def _value(self, kind: str, text: str) -> Any:
        if kind.startswith(("set[", "vector[")):
            inner, values = kind.partition("[")[2], text.split(self.set_separator) if text != self.empty_field else []
            return [None if value == self.unset_field else self._value(inner, value) for value in values]
        if kind.startswith(("double", "interval")):
            return number(text)
        if kind.startswith(("count", "int", "port")):
            return text if (value := whole(text)) is None else value
        return (
            text == "T" if kind.startswith("bool") and text in ("T", "F") else "" if text == self.empty_field else text
        )


def _event(header: _Header, raw: Raw) -> dict[str, Any]:
    record = header.fields_of(raw.content)
    log = path if isinstance(path := record.get("_path"), str) else header.path
    if log not in _LOGS:
        raise ValueError(f"no mapping for Zeek's log {log[:40]!r}, there is one for {', '.join(_LOGS)}")
    class_uid, fields = _LOGS[log]
    draft = Draft(class_uid, record, raw, "Zeek", "Zeek")
    draft.put("metadata.log_name", log)
    if record.get("_path") == log:
        del record["_path"]
    draft.take_time("ts")
    draft.put("start_time", draft.places["time"])
    ours = [flag for name in ("local_orig", "local_resp") if isinstance(flag := record.get(name), bool)]
    draft.put("connection_info.direction_id", 2 * ours[0] + ours[1] if len(ours) == 2 else 0)  # out, in, or inside
    for field, path in (_CONNECTION | fields).items():
        draft.take(field, path)
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
    flags = [flag for name, flag in _ANSWER_FLAGS.items() if draft.record.get(name) is True]
    draft.take("answers", "answers", lambda answers: _answers(answers, draft.record.get("TTLs"), flags))
    return 6 if "rcode_id" in draft.places else 1


def _answers(texts: Any, ttls: Any, flags: list[int]) -> list[dict[str, Any]] | None:
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        return None
    answers = [{"rdata": text} | ({"flag_ids": flags} if flags else {}) for text in texts]
    for answer, ttl in zip(answers, ttls if isinstance(ttls, list) and len(ttls) == len(texts) else (), strict=False):
        answer |= {} if (seconds := whole(ttl)) is None else {"ttl": seconds}
    return answers


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
