"""Logs that are not OCSF, converted to it: Zeek's conn, dns, http and ssl logs, and records of AWS CloudTrail.

Told in `book/part3/conversion.md`.
"""

from residual.ocsf.convert.folders import Conversion, convert

__all__ = ["Conversion", "convert"]
