"""What all commands share: consoles, the options that many have, spans of time, settings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from agent.config import Settings
from agent.errors import BadInputError
from agent.redaction import RedactingFormatter

out = Console()
err = Console(stderr=True)

AppName = Annotated[str, typer.Argument(metavar="APP", help="Name of the app: its folder's name.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder. [default: data]")]
Config = Annotated[Path | None, typer.Option("--config", help="TOML file with settings. [default: switchboard.toml]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str, option: str) -> float:
    """A span such as 90s, 30m, 24h or 7d in seconds. Raises BadInputError."""
    number, unit = text[:-1], text[-1:]
    if not number.isdigit() or int(number) == 0 or unit not in SECONDS:
        raise BadInputError("bad_span", f"{option} is '{text}'; write a number and s, m, h or d, such as 24h.")
    return float(int(number) * SECONDS[unit])


def settings_of(config: Path | None = None, **overrides: Any) -> Settings:
    """Settings from file, environment and options; sets up logging by them."""
    settings = Settings.load(config, **overrides)
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    for noisy in ("httpx", "httpcore", "transformers", "asyncio", "presidio-analyzer"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return settings
