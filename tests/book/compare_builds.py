"""Compare what the pages of two builds printed: texts, tables, glued values, claims and drawings.

    python tests/book/compare_builds.py BEFORE AFTER [PAGE ...]

BEFORE and AFTER are folders of executed notebooks, such as `_build/executed` of two checkouts; PAGE is a name such as
part1/degradation, and all pages are compared where none is given. What exists in one build only is named.
What changed is shown in both versions. The exit status is 1 where something of BEFORE is gone or changed.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

GLUE = "application/papermill.record/"
CLAIM = "residual_claim"


def outputs(path: Path) -> Iterator[Any]:
    """The outputs of all cells. What a cell prints comes in as many pieces as chance has it: here it is one."""
    for cell in nbformat.read(path, as_version=4).cells:
        pieces: list[Any] = []
        for output in cell.get("outputs", ()):
            if pieces and output.output_type == "stream" and pieces[-1].get("name") == output.name:
                pieces[-1].text += output.text
            else:
                pieces.append(output)
        yield from pieces


def content(path: Path) -> dict[str, Any]:
    """What a page printed, by what it is: glued values and claims by name, all else by kind and in its order."""
    found: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for output in outputs(path):
        if output.output_type == "stream":
            pieces = {"text": output.text}
        elif output.output_type == "error":
            pieces = {"error": f"{output.ename}: {output.evalue}"}
        elif CLAIM in output.metadata:
            claim = output.metadata[CLAIM]
            found |= {f"claim {claim['id']}: {name}": value for name, value in claim.items()}
            continue
        elif any(kind.startswith(GLUE) for kind in output.data):
            # A value for the prose; what the page shows is the text.
            (kind,) = {kind.removeprefix(GLUE) for kind in output.data if kind.startswith(GLUE + "text/plain")}
            found[f"glued {output.metadata['scrapbook']['name']}"] = output.data[GLUE + kind]
            continue
        elif "image/svg+xml" in output.data:
            pieces = {"drawing": output.data["image/svg+xml"]}
        else:
            pieces = {"shown": output.data.get("text/markdown", output.data.get("text/plain", ""))}
        for kind, text in pieces.items():
            counts[kind] = counts.get(kind, 0) + 1
            found[f"{kind} {counts[kind]}"] = text
    return found


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What is gone or changed between two runs of a page, one line each."""
    return [
        *(f"gone: {name}" for name in old if name not in new),
        *(
            f"changed: {name}\n    before: {shortened(value, new[name])}\n    after:  {shortened(new[name], value)}"
            for name, value in old.items()
            if name in new and value != new[name]
        ),
    ]


def shortened(value: Any, other: Any, width: int = 160) -> str:
    """`value` around the first place where it differs from `other`."""
    text, text_of_other = json.dumps(value, ensure_ascii=False), json.dumps(other, ensure_ascii=False)
    at = next((i for i, (a, b) in enumerate(zip(text, text_of_other, strict=False)) if a != b), 0)
    start = max(0, at - width // 3)
    return f"{'...' if start else ''}{text[start : start + width]}"


def main(arguments: list[str]) -> int:
    before, after = map(Path, arguments[:2])
    pages = arguments[2:] or sorted(
        {
            str(path.relative_to(folder).with_suffix(""))
            for folder in (before, after)
            for path in folder.rglob("*.ipynb")
        }
    )
    different = 0
    for page in pages:
        paths = [folder / f"{page}.ipynb" for folder in (before, after)]
        missing = [f"missing: {path}" for path in paths if not path.exists()]
        old, new = ({}, {}) if missing else map(content, paths)
        found = missing or differences(old, new)
        added = ", ".join(name for name in new if name not in old)
        different += bool(found)
        print(f"{page}: {len(found)} differences", *found, f"new: {added or 'nothing'}", sep="\n  ")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
