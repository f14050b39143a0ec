"""How Sphinx builds these pages as a site (`make site`)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
VERSION = re.search(
    r'"([\d.]+)"$', (DOCS.parent / "src/stepwell/version.py").read_text("utf-8"), re.MULTILINE
)

project = "Stepwell"
author = "The Stepwell authors"
version = release = VERSION[1] if VERSION else ""
extensions = ["myst_parser", "sphinx_copybutton"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# A prompt and the output below it are not part of what a reader copies.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
suppress_warnings = ["misc.highlighting_failure"]

# `make links`. GitHub adds the anchors of a file in the browser.
linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]
linkcheck_retries = 2
linkcheck_timeout = 20

html_theme = "furo"
html_title = f"Stepwell {version}"
html_static_path: list[str] = []
html_theme_options = {"source_directory": "docs/"}
templates_path = ["site"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "versions.html",
        "sidebar/scroll-end.html",
    ]
}


def versions() -> list[str]:
    """Return this version and those that have a tag, the newest first."""
    listed = subprocess.run(
        ["git", "tag", "--list", "v[0-9]*", "--sort=-version:refname"],  # noqa: S607 - any git will do
        cwd=DOCS,
        capture_output=True,
        text=True,
        check=False,
    )
    return list(dict.fromkeys([version, *(tag.removeprefix("v") for tag in listed.stdout.split())]))


html_context = {"versions": versions()}


def add_navigation(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Append one hidden toctree per section of the index, so that its links are the navigation."""
    if docname != "index":
        return
    caption, pages = "", dict[str, list[str]]()
    for line in source[0].splitlines():
        if line.startswith("#"):
            caption = line.lstrip("# ")
        elif link := re.search(r"\]\(([\w/.-]+)\.md\)", line):
            pages.setdefault(caption, []).append(link[1])
    pages.pop("Stepwell", None)
    for caption, names in pages.items():
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(names) + "\n```\n"


def setup(app: Sphinx) -> None:
    """Register the navigation with Sphinx."""
    app.connect("source-read", add_navigation)
