"""The shop's orders: a SQLite database in the app's data folder, made from ``orders.csv`` on first use.

Values reach SQL as parameters alone. Knows nothing of what is said about an order.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from agent.dialogue.actions import ActionContext, ActionError

DATABASE = "orders.db"
BUSY_SECONDS = 5.0
_SCHEMA = """
CREATE TABLE orders (
    order_number TEXT PRIMARY KEY, email TEXT NOT NULL, customer_name TEXT NOT NULL, placed_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('placed', 'packed', 'shipped', 'out_for_delivery', 'delivered', 'cancelled',
        'return_requested', 'returned', 'refunded')), items TEXT NOT NULL, total_eur TEXT NOT NULL,
    carrier TEXT NOT NULL, tracking_number TEXT NOT NULL, expected_at TEXT NOT NULL, address_city TEXT NOT NULL,
    country TEXT NOT NULL
) STRICT;
CREATE TABLE returns (
    reference TEXT PRIMARY KEY, order_number TEXT NOT NULL REFERENCES orders (order_number), item TEXT NOT NULL,
    reason TEXT NOT NULL, wish TEXT NOT NULL, conversation_id TEXT NOT NULL, created_at TEXT NOT NULL,
    UNIQUE (order_number, item)
) STRICT;
CREATE TABLE address_changes (
    id INTEGER PRIMARY KEY, order_number TEXT NOT NULL REFERENCES orders (order_number), address TEXT NOT NULL,
    conversation_id TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE (order_number, address)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Order:
    """The columns that answers need."""

    order_number: str
    email: str
    state: str
    items: str
    carrier: str
    tracking_number: str
    expected_at: str

    @property
    def expected(self) -> date:
        """The day it was or is due; an order that was cancelled has none."""
        return date.fromisoformat(self.expected_at)

    @property
    def travels(self) -> bool:
        """Whether it is still to arrive."""
        return self.state in ("placed", "packed", "shipped", "out_for_delivery")

    @property
    def articles(self) -> list[str]:
        """Names of what was ordered, without the counts."""
        return [part.rsplit(" x", 1)[0].strip() for part in self.items.split(";")]


@contextmanager
def database(context: ActionContext) -> Iterator[sqlite3.Connection]:
    """The orders database in one write transaction, made on first use. Raises ActionError; nothing is kept then."""
    try:
        with closing(sqlite3.connect(context.data_folder / DATABASE, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("BEGIN IMMEDIATE")
            if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                _fill(db, context.app_folder / "orders.csv")
            yield db
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise ActionError(f"the orders database in {context.data_folder}: {error}") from error


def _fill(db: sqlite3.Connection, path: Path) -> None:
    """Tables and orders, within the caller's transaction."""
    for statement in _SCHEMA.split(";"):
        db.execute(statement)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    db.executemany(
        "INSERT INTO orders VALUES (:order_number, :email, :customer_name, :placed_at, :state, :items, :total_eur, "
        ":carrier, :tracking_number, :expected_at, :address_city, :country)",
        rows,
    )
    db.execute("PRAGMA user_version = 1")


def find(db: sqlite3.Connection, number: str) -> Order | None:
    """The order of that number."""
    row = db.execute(
        "SELECT order_number, email, state, items, carrier, tracking_number, expected_at FROM orders "
        "WHERE order_number = ?",
        [number],
    ).fetchone()
    return Order(*row) if row else None
