"""Security records in the Open Cybersecurity Schema Framework, OCSF 1.8.0.

`read` turns a folder of events into one table and says what it left out; `inspect` counts what is in a table;
`faults` and `validate_folder` check events against the schema; `features` lists the schema's columns with their kinds.
Told in `book/part3/records.md`.
"""

from residual.extras import need

need("residual.ocsf", "records", "polars", "pyarrow", "ocsf_json_schema", "jsonschema_rs")

from residual.ocsf.bulk import validate_folder
from residual.ocsf.inspect import inspect
from residual.ocsf.read import read
from residual.ocsf.schema import features
from residual.ocsf.validate import faults

__all__ = ["faults", "features", "inspect", "read", "validate_folder"]
