import pytest

from foundational.data.configurations import Configurations
from tests.engines.ani.cases import cells as make_cells


@pytest.fixture(scope="session")
def cells() -> dict[str, Configurations]:
    return make_cells()
