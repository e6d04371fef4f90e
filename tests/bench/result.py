"""What a bench gives back, how it is shown, and where it is kept."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.data import QUICK

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Result:
    name: str
    figure: float | None
    """None where this machine cannot be measured; ``detail`` says why."""
    target: float
    ok: bool
    detail: dict[str, Any] = field(default_factory=dict)
    """Figures of rivals and floors, by name, and whatever explains the figure."""


def show(result: Result, seconds: float) -> None:
    """Print a table, keep the result in ``results/NAME.json``, and print one line of JSON.

    A quick run is not kept, nor one that measured nothing.
    """
    table = Table("what", "figure", title=result.name)
    table.add_row("ours", "not measured" if result.figure is None else f"{result.figure:.4f}")
    table.add_row("target", f"{result.target:.4f}")
    for name, value in result.detail.items():
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    table.add_row("met", "yes" if result.ok else "NO")
    Console(width=120).print(table)
    if not QUICK and result.figure is not None:
        FOLDER.mkdir(exist_ok=True)
        kept = asdict(result) | {
            "commit": _commit(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {_processor()}, Python {platform.python_version()}",
            "seconds": round(seconds, 1),
        }
        (FOLDER / f"{result.name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(asdict(result)), flush=True)


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")
