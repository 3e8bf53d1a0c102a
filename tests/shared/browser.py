"""Find a Chromium to look at the site with. Run as a script, make sure that there is one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = """\
No Chromium was found to look at the site with, and none could be fetched. Any of these helps:
  on Debian         apt-get install chromium, as root
  elsewhere         .venv/bin/playwright install --with-deps chromium
  one you have      set CHROMIUM to its path"""


def find() -> Path | None:
    """The first that runs: the one that CHROMIUM names, one on the PATH, Playwright's own."""
    return next((path for path in _candidates() if _runs(path)), None)


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("CHROMIUM"):
        yield Path(named)
        return  # whoever names one wants no other
    yield from (Path(found) for name in NAMES if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    yield own


def _runs(path: Path) -> bool:
    """Whether it is there and works: some systems install a name that only tells how to get the rest."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def fetch() -> None:
    """Debian's where we may install it, else Playwright's."""
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=False)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
        subprocess.run(install, env=quiet, stdout=subprocess.DEVNULL, check=False)
        if find():
            return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> int:
    if find():
        return 0
    if named := os.environ.get("CHROMIUM"):
        print(f"CHROMIUM is {named}, and that does not run.", file=sys.stderr)
        return 1
    print("No Chromium on this machine: fetching one (a few minutes)")
    fetch()
    if find():
        return 0
    print(MISSING, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
