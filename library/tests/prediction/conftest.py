"""A model that scores the tables of the tests, and how its training data was read."""

from pathlib import Path

import pytest
from exported_models import export_digits

from millrace.components.example_gen.section import Data
from millrace.model_server.about import About, read_about


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, About]:
    """The folder of a model of a regression, and what it says of itself."""
    folder = export_digits(tmp_path_factory.mktemp("digits"))
    about = read_about(str(folder))
    assert about is not None
    return folder, about


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """How its training data is read."""
    return Data(path=str(tmp_path), rules="table", missing=("N/A", "-9"))
