"""Notebooks as HTML pages that ask nothing of the network: pictures and styles inside, formulas as MathML.

nbconvert's own pages load MathJax, RequireJS and Mermaid from a CDN. These leave the three out: a browser
draws MathML by itself, and the course's outputs need no other script.
"""

import html
import re
from pathlib import Path

import live
import nb  # before anything that imports nbformat

# isort: split
from latex2mathml.converter import convert as mathml
from nbconvert.exporters.html import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

HIDDEN = "hide-input"  # the tag of a code cell that shows what it prints or draws, and not its code

PAGE = """{% extends "lab/index.html.j2" %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
"""

# nbconvert's "lab" template forgets the alternative text of a figure. The size of its smallest letters goes along too.
FIGURE = """
{% block data_png scoped %}
{%- set alt = output | get_metadata("alt", "image/png") -%}
{%- set width = output | get_metadata("width", "image/png") -%}
{%- set smallest = output | get_metadata("smallest_text", "image/png") -%}
{%- set live = output | get_metadata("live", "image/png") -%}
<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}"
{%- if live %} data-live="{{ live | tojson | forceescape }}"{% endif %}>
<img src="data:image/png;base64,{{ output.data["image/png"] | escape_html }}"
{%- if alt %} alt="{{ alt | escape_html }}"{% endif %}{% if width %} width="{{ width }}"{% endif %}
{%- if smallest %} data-smallest-text="{{ smallest }}"{% endif %}>
</div>
{% endblock %}
"""


def formula(tex: str, display: str) -> str:
    """Return a TeX formula as MathML, or as it stands if it cannot be read.

    Args:
        tex: the formula without its dollar signs.
        display: "inline" or "block".
    """
    try:
        element = mathml(tex.strip().replace("{aligned}", "{split}"), display=display)  # it knows only the latter
        return element.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")  # HTML needs none; headings lose it
    except Exception:  # latex2mathml raises many kinds; TeX in typewriter is still readable
        return f"<code>{html.escape(tex)}</code>"


class _Renderer(IPythonRenderer):
    """nbconvert's Markdown, with the formulas written out as MathML instead of left to MathJax."""

    def inline_math(self, body: str) -> str:
        return formula(body, "inline")

    def block_math(self, body: str) -> str:
        return formula(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", "block")

    def _html_embed_images(self, html: str) -> str:
        """Look for pictures only where there are some: the search closes what a piece of HTML only opens."""
        return super()._html_embed_images(html) if "<img" in html else html


def markdown(source: str, folder: Path | str = "") -> str:
    """Turn a cell's Markdown into HTML with its formulas and the pictures it shows from `folder` inside."""
    renderer = _Renderer(escape=False, embed_images=True, path=str(folder), anchor_link_text="")
    return MarkdownWithMath(renderer=renderer).render(source)


def exporter(cls: type[HTMLExporter] = HTMLExporter, template: str = PAGE, **options) -> HTMLExporter:
    """Return an nbconvert exporter of class `cls` whose pages stand alone."""
    result = cls(raw_template=template + FIGURE, embed_images=True, **options)
    result.exclude_input_prompt = result.exclude_output_prompt = False
    result.register_filter("markdown2html", _with_context(markdown))
    return result


def _with_context(convert):
    """Give a Markdown filter the folder of the notebook, as Jinja knows it."""
    from jinja2 import pass_context

    @pass_context
    def markdown2html(context, source):
        return convert(source, context.get("resources", {}).get("metadata", {}).get("path", ""))

    return markdown2html


def page(notebook: nb.NotebookNode, name: str, folder: Path) -> str:
    """Return a notebook as one HTML page; its links to other notebooks lead to their pages.

    Args:
        notebook: the notebook as nbformat read it.
        name: the page's title.
        folder: where the notebook's relative pictures are found.
    """
    body, _ = exporter().from_notebook_node(notebook, {"metadata": {"name": name, "path": str(folder)}})
    return live.inserted(re.sub(r'href="([^":]+)\.ipynb([#"])', r'href="\1.html\2', body))
