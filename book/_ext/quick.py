"""What other extensions look up again for every citation, looked up once."""

from functools import cache

import pybtex.plugin
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    # It reads the metadata of every installed package, for each of several hundred citations.
    pybtex.plugin._load_entry_point = cache(pybtex.plugin._load_entry_point)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
