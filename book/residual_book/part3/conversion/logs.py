"""Small logs to convert: a visit to a web site, and a call to a cloud. Told in `book/part3/conversion.md`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from residual.ocsf.convert import Conversion, convert

Record = dict[str, Any]

_PAIR = {"id.orig_h": "192.0.2.7", "id.orig_p": 49170, "id.resp_h": "198.51.100.3", "id.resp_p": 443, "proto": "tcp"}
VISIT: dict[str, Record] = {
    "dns": {
        "ts": 1741078800.123456, "uid": "C4bODh3GKRAdFktnj", **_PAIR, "id.resp_p": 53, "proto": "udp",
        "trans_id": 48298, "rtt": 0.021, "query": "www.example.org", "qclass": 1, "qclass_name": "C_INTERNET",
        "qtype": 1, "qtype_name": "A", "rcode": 0, "AA": False, "RD": True,
        "answers": ["198.51.100.3"], "TTLs": [300.0],
    },
    "conn": {
        "ts": 1741078800.156789, "uid": "CHhAvVGS1DHFjwGM9", **_PAIR, "service": "ssl", "duration": 1.234567,
        "orig_bytes": 780, "resp_bytes": 34266, "conn_state": "SF", "local_orig": True, "local_resp": False,
        "missed_bytes": 0, "history": "ShADadfF", "orig_pkts": 18, "orig_ip_bytes": 1212, "resp_pkts": 38,
        "resp_ip_bytes": 35790,
    },
    "ssl": {
        "ts": 1741078800.178901, "uid": "CHhAvVGS1DHFjwGM9", **_PAIR, "version": "TLSv13",
        "cipher": "TLS_AES_128_GCM_SHA256", "curve": "x25519", "server_name": "www.example.org", "resumed": False,
        "established": True,
    },
    "http": {
        "ts": 1741078807.5, "uid": "CtPZjS20MLrsMUOJi2", **_PAIR, "id.resp_p": 80, "trans_depth": 1, "method": "GET",
        "host": "www.example.org", "uri": "/old", "version": "1.1", "user_agent": "curl/8.5", "request_body_len": 0,
        "response_body_len": 154, "status_code": 301, "status_msg": "Moved",
    },
}  # fmt: skip
CALL: Record = {
    "eventVersion": "1.09", "eventTime": "2025-03-04T09:00:00Z", "eventID": "865d9377-9c6b-4fd7-8aad-725e95f6a140",
    "eventName": "PutObject", "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-1", "eventType": "AwsApiCall",
    "recipientAccountId": "123456789012", "requestID": "710f2703", "sourceIPAddress": "192.0.2.7", "userAgent": "cli",
    "userIdentity": {
        "type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ada", "principalId": "AIDA1", "userName": "ada",
        "accountId": "123456789012", "accessKeyId": "AKIA1",
    },
    "requestParameters": {"bucketName": "plans"}, "managementEvent": False, "readOnly": False,
}  # fmt: skip


@dataclass(frozen=True)
class Converted:
    """What a conversion came to, its events by the record that they were made of, and the quarantine."""

    summary: Conversion
    events: Mapping[int, Record]
    quarantine: Mapping[int, str]


def converted(source: str, records: Sequence[Record], log: str = "conn") -> Converted:
    """Convert records, written as lines of JSON; events and reasons are kept by the number of the record, from 0.

    All records must become events of one class, or be quarantined.
    """
    with TemporaryDirectory() as folder:
        Path(folder, f"{log}.log").write_text("\n".join(map(json.dumps, records)))
        summary = convert(source, Path(folder, f"{log}.log"), Path(folder, "out"))
        lines = {
            path.name: list(map(json.loads, path.read_text().splitlines())) for path in Path(folder, "out").iterdir()
        }
    rejects = lines.pop("_quarantine.jsonl", [])
    quarantine = {int(reject["place"].split()[1]) - 1: reject["reason"] for reject in rejects}
    good = [number for number in range(len(records)) if number not in quarantine]
    (events,) = lines.values()
    return Converted(summary, dict(zip(good, events, strict=True)), quarantine)
