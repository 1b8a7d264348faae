"""Settings for a test on the real Kafka: topics, group and folders of its own."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from streams.settings import Settings


def settings_for(bootstrap: str, folder: Path, **changes: Any) -> Settings:
    """Nothing of it meets another test: topic names, app id and state dir are new each time."""
    name = f"t{uuid.uuid4().hex[:8]}"
    own: dict[str, Any] = {
        "broker": bootstrap,
        "app_id": name,
        "topic_prefix": f"{name}.",
        "raw_topic": f"raw.{name}.v1",
        "state_dir": folder / "state",
        "metrics_port": 0,
    }
    return Settings(**{**own, **changes})


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give a `pathline` process these settings, in this machine's environment.

    >>> environment(Settings(app_id="x"))["PATHLINE_APP_ID"]
    'x'
    """
    ours = {
        f"PATHLINE_{name.upper()}": value.get_secret_value()
        if isinstance(value, SecretStr)
        else str(value)
        for name, value in settings
        if value is not None
    }
    others = {k: v for k, v in os.environ.items() if not k.startswith("PATHLINE_")}
    return others | ours
