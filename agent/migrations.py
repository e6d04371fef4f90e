"""The database's schema as numbered steps. Append only: a step that has been released never changes.

Each step runs once, in the order given here, and is recorded in ``_sqlite_migrations``.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("switchboard")


def unknown(db: Database) -> list[str]:
    """Steps that this database has and this release does not know: a newer release wrote it."""
    with Database(memory=True) as blank:
        known = {step.name for step in migrations.pending(blank)}
    return sorted({step.name for step in migrations.applied(db)} - known)


@migrations()
def m001_conversations(db: Database) -> None:
    """A conversation and the state that its next turn starts from."""
    db.execute(
        """
        CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            app TEXT NOT NULL,
            client_id TEXT NOT NULL,
            claimed INTEGER NOT NULL CHECK (claimed IN (0, 1)),
            state TEXT NOT NULL,
            turns INTEGER NOT NULL DEFAULT 0,
            begun_at TEXT NOT NULL,
            updated_at TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX conversations_by_client ON conversations (client_id, updated_at)")


@migrations()
def m002_messages(db: Database) -> None:
    """Both sides' messages in order. ``turn`` is the id of the bot's message that answers."""
    db.execute(
        """
        CREATE TABLE messages (
            id TEXT PRIMARY KEY,
            conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            turn TEXT NOT NULL,
            number INTEGER NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('user', 'bot')),
            text TEXT NOT NULL,
            citations TEXT NOT NULL DEFAULT '[]',
            quick_replies TEXT NOT NULL DEFAULT '[]',
            created_at TEXT NOT NULL,
            UNIQUE (conversation_id, number)
        ) STRICT
        """
    )


@migrations()
def m003_predictions_and_routes(db: Database) -> None:
    """What the model said and what was decided, keyed by the bot's message that came of it."""
    db.execute(
        """
        CREATE TABLE predictions (
            message_id TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
            model_version TEXT NOT NULL,
            intent TEXT,
            confidence REAL NOT NULL,
            intents TEXT NOT NULL,
            out_of_scope REAL NOT NULL,
            out_of_scope_threshold REAL NOT NULL,
            sentiment TEXT,
            sentiment_scores TEXT NOT NULL,
            unknown_share REAL NOT NULL,
            truncated INTEGER NOT NULL,
            latency_ms REAL NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE routes (
            message_id TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
            kind TEXT NOT NULL,
            reason TEXT NOT NULL,
            intent TEXT,
            score REAL,
            threshold REAL,
            options TEXT NOT NULL,
            why TEXT NOT NULL
        ) STRICT
        """
    )


@migrations()
def m004_feedback(db: Database) -> None:
    """What people said of replies. Rows are never changed; a changed mind is a new row."""
    db.execute(
        """
        CREATE TABLE feedback (
            id INTEGER PRIMARY KEY,
            message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
            client_id TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('up', 'down')),
            reason TEXT NOT NULL,
            comment TEXT NOT NULL,
            created_at TEXT NOT NULL,
            UNIQUE (message_id, client_id, kind, reason, comment)
        ) STRICT
        """
    )
