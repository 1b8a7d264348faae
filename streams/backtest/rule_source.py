"""Where the rules of a backtest come from: a folder with an overlay, or what was published."""

from __future__ import annotations

import asyncio
from pathlib import Path

from models.errors import BadSetting, Unavailable
from rules.loader import RuleBook, load
from streams.keyring import load_keyring
from streams.published import HISTORY_KEY, find_digest, load_history, load_published
from streams.settings import Settings
from streams.shelf import fetch_from
from streams.topics import Topics

DIGEST_CHARS = 64


def rules_from(
    settings: Settings, side: str | None, calendars: Path | None, overlay: Path | None
) -> RuleBook:
    """A folder, else the digest of a published set or its beginning, or `published`.

    Raises BadRule with every fault, BadSetting when nothing is called so.
    """
    if side is None or Path(side).is_dir():
        folder = Path(side) if side else settings.rules
        return load(folder, calendars or settings.calendars, overlay or settings.overlay)
    if overlay is not None:
        raise BadSetting("--overlay goes onto a folder; a published set is what it is")
    try:
        return asyncio.run(_published(settings, side))
    except Unavailable as error:
        raise Unavailable(f"{side} is no folder here, and {error}") from None


async def _published(settings: Settings, side: str) -> RuleBook:
    fetch = fetch_from(
        settings, Topics(settings).rules.name, load_keyring(settings.control_key_file)
    )
    if len(side) == DIGEST_CHARS:
        return await load_published(fetch, side)
    history = await load_history(fetch)
    if side == HISTORY_KEY and not history:
        raise BadSetting("no rule set was ever published")
    digest = history[-1] if side == HISTORY_KEY else find_digest(history, side)
    return await load_published(fetch, digest)
