"""How Sphinx writes the course as pages; website.py says where the sources are, and adds the repository's address."""

project = "Why eight bits are enough"
author = "The PTQ teaching suite authors"
language = "en"
html_title = project
smartquotes = False  # quotes stand in anchors as they stand in the notebooks

extensions = ["myst_nb", "sphinx_copybutton", "sphinx_course"]
exclude_patterns = ["files/**"]  # what pages offer to download
templates_path = ["_templates"]

# Notebooks are shown as they are stored, never run. No script of a page comes from elsewhere.
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_ipywidgets_js = {}
html_math_renderer = "mathml"
myst_update_mathjax = False

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
myst_heading_slug_func = "sphinx_course.jupyter_anchor"

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["course.css", "cheat_sheet.css"]
html_use_index = False
html_copy_source = True  # website.py puts the notebooks there that one can download
html_show_search_summary = False  # it would ask for each page that was found, which a browser refuses from a disk
html_last_updated_fmt = None
html_theme_options = {
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "show_toc_level": 2,
    "search_bar_text": "Search the course",
    "logo": {"text": project},
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"**": ["navbar-logo.html", "search-button-field.html", "sbt-sidebar-nav.html", "live_pages.html"]}
copybutton_selector = (
    "div.cell_input div.highlight pre, div.highlight-default pre, div.highlight-text pre"  # not what a cell prints
)
