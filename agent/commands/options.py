"""What all commands share: consoles, the options that many have, settings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from agent.config import Settings
from agent.redaction import RedactingFormatter

out = Console()
err = Console(stderr=True)

AppName = Annotated[str, typer.Argument(metavar="APP", help="Name of the app: its folder's name.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder. [default: data]")]
Config = Annotated[Path | None, typer.Option("--config", help="TOML file with settings. [default: switchboard.toml]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def settings_of(config: Path | None = None, **overrides: Any) -> Settings:
    """Settings from file, environment and options; sets up logging by them."""
    settings = Settings.load(config, **overrides)
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler])
    for noisy in ("httpx", "httpcore", "transformers", "asyncio", "presidio-analyzer"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return settings
