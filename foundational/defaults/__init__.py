"""The settings and potentials that come with the package, laid out as in a project, for work outside of one.

The files are links to ``params.yaml`` and ``datasets/potentials/`` of the checkout, so that there is one copy of each;
a wheel holds what they point to.
"""

from pathlib import Path
from typing import Final

#: A folder with ``params.yaml`` and ``datasets/potentials/``; it is no project: it has no dvc.yaml and no datasets.
DEFAULTS: Final = Path(__file__).parent
