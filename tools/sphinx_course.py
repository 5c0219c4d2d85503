"""What Sphinx has to know of the course: formulas as MathML, Jupyter's anchors, live figures where a page has some.

`tools/templates/site/conf.py` names this module as an extension.
"""

import html

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

import export
import live

RENDERER = "mathml"  # the name under which conf.py asks for these formulas
LIVE = {"css": "live.css", "js": "live.js"}  # in _static/, written by website.py


def jupyter_anchor(heading: str) -> str:
    """Return the anchor that Jupyter gives a heading: its words, with '-' for each space."""
    return heading.strip().replace(" ", "-")


def setup(app: Sphinx) -> dict:
    """Register all of it with Sphinx."""
    app.add_html_math_renderer(RENDERER, (_inline, None), (_block, None))
    app.connect("doctree-read", _escape_anchors)
    app.connect("html-page-context", _bring_to_life)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(export.formula(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(writer: HTML5Translator, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="formula">{export.formula(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def _escape_anchors(app: Sphinx, doctree: nodes.document) -> None:
    """Escape what Jupyter's anchors take over from a heading: docutils writes all ids but the first as they are."""
    for section in doctree.findall(nodes.section):
        section["ids"][1:] = [html.escape(anchor) for anchor in section["ids"][1:]]


def _bring_to_life(app: Sphinx, pagename: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Load the script of the live figures, and of the predictions, on a page that has some."""
    if live.ALIVE.search(context.get("body", "")):
        app.add_css_file(LIVE["css"])
        app.add_js_file(LIVE["js"], loading_method="defer")
