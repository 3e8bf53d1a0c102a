"""The command that builds the site: Jupyter Book's own, without what it imports and no build uses."""

import sys

# A checker of addresses, brought along by JupyterLab: its grammars take a second to compile whenever it is imported.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # so that importing it fails, which is provided for

from jupyter_book.cli.main import main  # noqa: E402  # only now

main()
