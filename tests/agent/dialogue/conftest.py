"""The small app, loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.domain import Domain
from tests.agent.dialogue.small_app import make_app


@pytest.fixture(scope="session")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Domain:
    return Domain.load(make_app(tmp_path_factory.mktemp("apps")))


@pytest.fixture
def app_folder(tmp_path: Path) -> Path:
    """The small app in a folder of its own, to be changed."""
    return make_app(tmp_path)
