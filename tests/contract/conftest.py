"""What the contract tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from streams.faust_app import PathlineApp
from tests.contract.unstarted import SETTINGS, making


@pytest.fixture
async def app() -> AsyncIterator[PathlineApp]:
    with making(SETTINGS) as made:
        yield made
