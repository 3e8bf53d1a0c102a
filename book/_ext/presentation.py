"""What every page of the site has: a foot that says how it was made, drawings in the page's colors, and diagrams.

Nothing here, and nothing in a page, asks another host for anything.
"""

import html
import re
import subprocess
from pathlib import Path
from typing import Any

import sphinx_thebe
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole
from sphinxcontrib import mermaid

from execution import executed_pages, root_of
from ledger import seeds
from page_run import KEY, source_digest
from residual_book.recording import provenance
from residual_book.style import NARROW_SVG
from status import minutes

MERMAID = "vendor/mermaid/mermaid.min.js"
GROUND = '<svg style="background: white" '  # what `Drawing.show` puts behind the ink for viewers of notebooks


class InlineDrawing(SphinxPostTransform):
    """Put our SVG drawings into the page itself, where their ink takes the color of the page's text.

    An `<img>` cannot inherit a color, and a drawing in a fixed one is unreadable on either the light or the dark page.
    """

    default_priority = 5  # before Sphinx collects images to copy
    builders = ("html",)

    def run(self, **kwargs: Any) -> None:
        for image in list(self.document.findall(nodes.image)):
            file = Path(self.app.srcdir) / image["uri"].lstrip("/")
            if file.suffix != ".svg" or not file.is_file():
                continue
            text = file.read_text().replace(GROUND, "<svg ", 1)  # the page has its own ground
            if text.startswith("<svg role="):
                image.replace_self(nodes.raw("", inline(text), format="html"))


def inline(drawing: str) -> str:
    """Our SVG drawing as HTML: one picture with a name, in two layouts of which the style sheet shows one."""
    wide, narrow = wide_and_narrow(drawing)
    match = re.match(r'<svg (role="img" aria-label="[^"]*") ', wide)
    assert match
    wide = wide.replace(match[0], '<svg class="wide" aria-hidden="true" ' if narrow else '<svg aria-hidden="true" ', 1)
    shown = wide + narrow.replace(NARROW_SVG, '<svg class="narrow" aria-hidden="true"', 1)
    return f'<div class="drawing" {match[1]}>{shown}</div>'


def wide_and_narrow(drawing: str) -> tuple[str, str]:
    """The two layouts of a drawing as two SVG elements; the second is empty where there is only one."""
    wide, mark, narrow = drawing.partition(NARROW_SVG)
    return (wide + "</svg>\n", mark + narrow.removesuffix("</svg>\n")) if mark else (wide, "")


def foot(app: Sphinx, docname: str) -> str:
    """How the page was made, as HTML: commit, hash of the code, seeds, versions, machine, run time."""
    page = executed_pages(app).get(docname)
    if page is None:
        made, source = provenance(), source_digest(root_of(app))
        ran = f"This page runs no code: {app.config.pages_without_code.get(docname, 'it is made by the build')}."
        seeded = ""
    else:
        run = page.metadata[KEY]
        made, source = run["provenance"], run["source"]
        cores = "one core" if run["cores"] == 1 else f"{run['cores']} cores"
        took = f"{minutes(run['seconds'])} on {cores}"
        ran = f"Run in {took}, with at most {run['peak_memory'] / 2**30:.2f} GB of memory."
        used = ", ".join(map(str, seeds(app, docname)))
        seeded = f"Seeds: {used}. " if used else "No random numbers stand behind its claims. "
    versions = ", ".join(f"{k} {v}" for k, v in made.items() if k not in ("commit", "date", "machine"))
    text = (
        f"{ran} {seeded}Commit {made['commit']}, hash of the code {source[:12]}, {made['date']}. "
        f"{versions}, on {made['machine']}."
    )
    return f'<footer class="made" aria-label="How this page was made"><p>{html.escape(text)}</p></footer>'


def complete_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document
) -> None:
    """Add the foot, and the diagram scripts where the page has a diagram."""
    if doctree is None:
        return
    # For screen readers: an item of a list says so, and a button is called what stands on it.
    body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
    body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    context["body"] = body + foot(app, pagename)
    if doctree.next_node(mermaid.mermaid):
        # The classic script also works from a page opened as a file, where a module may not be imported.
        app.add_js_file(MERMAID, loading_method="defer")
        app.add_js_file("diagrams.js", loading_method="defer")


def quiet_scripts(app: Sphinx) -> None:
    """Keep what two extensions do to a page, but not the scripts that they load.

    sphinxcontrib-mermaid's imports a module, which a page opened as a file may not; sphinx-thebe's, which Jupyter Book
    always brings, names a host on the network.
    """
    unwanted = (mermaid.install_js, sphinx_thebe.init_thebe_core, sphinx_thebe.update_thebe_context)
    for listeners in app.events.listeners.values():
        for listener in list(listeners):
            if listener.handler in unwanted:
                app.disconnect(listener.id)


def forget_found_scripts(app: Sphinx, config: Config) -> None:
    """Jupyter Book loads every script and style under `_static` on every page; pages name what they need themselves."""
    config.html_js_files, config.html_css_files = [], []


def add_templates(app: Sphinx, config: Config) -> None:
    """Two of the theme's buttons, with the names that they show."""
    config.templates_path.append(str(Path(__file__).parent / "templates"))


def repository(root: Path) -> str | None:
    """The address of the repository's page, from git's `origin`; None where there is none, or no git.

    A book that is unpacked inside somebody else's repository, or kept there, has none: that origin is not its own.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        at_the_top = git("ls-files", "--full-name", "--error-unmatch", "requirements.txt") == "requirements.txt"
        origin = git("remote", "get-url", "origin") if at_the_top else ""
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.fullmatch(r"(?:https://|git@|ssh://git@)([\w.-]+)[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?", origin)
    return f"https://{match[1]}/{match[2]}" if match else None


def link_repository(app: Sphinx, config: Config) -> None:
    """Show the repository and launch buttons only where the repository's address is known."""
    address = repository(root_of(app))
    if address is None:
        return
    config.html_theme_options.update(
        repository_url=address,
        repository_branch="HEAD",
        path_to_docs="book",
        use_repository_button=True,
        use_issues_button=True,
    )
    if address.startswith("https://github.com/"):
        config.html_theme_options["launch_buttons"] = {
            "binderhub_url": "https://mybinder.org",
            "notebook_interface": "jupyterlab",
        }


class RepositoryLink(SphinxRole):
    """`` {repository}`its repository` ``: these words, linked to the repository where its address is known."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        address = repository(root_of(self.env.app))
        return [nodes.reference("", self.text, refuri=address) if address else nodes.Text(self.text)], []


def setup(app: Sphinx) -> dict[str, bool]:
    app.setup_extension("execution")
    app.setup_extension("ledger")
    app.add_post_transform(InlineDrawing)
    app.add_role("repository", RepositoryLink())
    app.connect("config-inited", link_repository)
    app.connect("config-inited", forget_found_scripts)
    app.connect("config-inited", add_templates)
    app.connect("builder-inited", quiet_scripts)
    app.connect("html-page-context", complete_page, priority=600)
    app.add_css_file("book.css")
    return {"parallel_read_safe": False, "parallel_write_safe": False}
