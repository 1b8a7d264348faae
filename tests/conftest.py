"""What a developer's shell says about Pathline is no part of a test; the cache of jars is."""

from __future__ import annotations

import os

from streams.settings import Settings

for field in set(Settings.model_fields) - {"cache_dir"}:
    os.environ.pop(f"PATHLINE_{field.upper()}", None)
