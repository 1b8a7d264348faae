"""`pathline settings`: every setting, its value, unit and reason."""

from __future__ import annotations

from rich.table import Table

from streams.console import Json, out, print_json
from streams.settings import Settings, load_settings


def show(json: Json = False) -> None:
    """Print every setting: its variable, value and what it is for. Secrets are masked."""
    values = load_settings().model_dump(mode="json")
    if json:
        print_json(values)
        return
    table = Table("variable", "value", "meaning")
    for name, field in Settings.model_fields.items():
        table.add_row(f"PATHLINE_{name.upper()}", str(values[name]), field.description)
    out.print(table)
