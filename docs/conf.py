"""How Sphinx builds the manual: MyST pages in this folder, with furo's look and copy buttons.

    .venv/bin/nox -s docs       # into docs/_build; a warning is an error

The reference comes from the package's docstrings; their single backticks are code.
"""

from __future__ import annotations

import inspect
from importlib.metadata import metadata
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

import p0f_middleware

project = "p0f_middleware"
author = "The p0f_middleware developers"
project_copyright = author
version = release = p0f_middleware.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build"]
default_role = "code"

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Settings", "params_style")]

smartquotes = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["manual.css"]
html_js_files = ["manual.js"]
html_title = f"p0f_middleware {release}"
html_theme_options = {
    name: value
    for url in metadata("p0f-middleware").get_all("Project-URL", [])
    for name, value in (
        ("source_repository", url.partition(", ")[2]),
        ("source_branch", "main"),
        ("source_directory", "docs/"),
    )
}  # a link to the source, once pyproject.toml has its address
html_show_sourcelink = False
html_show_copyright = False
pygments_style = "tango"


def init_signature(
    _app: Sphinx, what: str, _name: str, cls: Any, _options: Any, _signature: str, _returns: str
) -> tuple[str, None] | None:
    """The options of a class whose `__new__` takes any: those of its `__init__`."""
    if what != "class" or "__new__" not in vars(cls) or "__init__" not in vars(cls):
        return None
    signature = inspect.signature(cls.__init__)
    own = list(signature.parameters.values())[1:]  # without self
    shown = signature.replace(parameters=own, return_annotation=signature.empty)
    return stringify_signature(shown, unqualified_typehints=True), None


def setup(app: Sphinx) -> None:
    """Show the options of each class; show languages that pygments does not know as plain text."""
    app.connect("autodoc-process-signature", init_signature)
    for language in ("haproxy", "haproxy-3.4", "nginx-1.25", "caddyfile"):
        app.add_lexer(language, TextLexer)
