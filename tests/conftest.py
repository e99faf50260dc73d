"""Fixtures that every test may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

PROJECT = Path(__file__).resolve().parents[1]

# A slow machine is no failure; what `make bench` measures is not measured here.
settings.register_profile("papertape", settings.default, deadline=None, print_blob=True)
settings.load_profile("papertape")


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the repository."""
    return PROJECT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real market data, which lie beside the repository and are never part of it."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder shared/data does not lie beside the project: no real prices")
    return folder
