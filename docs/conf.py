"""Settings of the documentation site; docs/build.py lays out its pages and calls Sphinx."""

import logging
from functools import partial
from importlib.metadata import version as installed

from jupyter_cache.executors import utils

project = "foundational"
author = "The foundational developers"
project_copyright = "The foundational developers, CC-BY-4.0"
release = version = installed("foundational")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
html_theme = "furo"
html_title = "foundational"
html_show_sourcelink = False
html_copy_source = False
exclude_patterns = ["**/.ipynb_checkpoints"]

# Pages are Markdown; anchors of headings are those that GitHub gives them.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

# Every cell of a page is run by the build, in an empty folder; a cell that fails stops the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_output_stderr = "remove"  # progress, where the machine is slow

# The public interface, from its docstrings.
napoleon_google_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

# One line for each page that is run says nothing that the end of the build does not.
logging.getLogger("traitlets").setLevel(logging.WARNING)

# The pieces in which a cell prints are joined as they came; `nb_merge_streams` would begin a line with each of them.
utils.executenb = partial(utils.executenb, coalesce_streams=True)
