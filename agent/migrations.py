"""The database's schema as numbered steps. Append only: a step that has been released never changes.

Each step runs once, in the order given here, and is recorded in ``_sqlite_migrations``.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("switchboard")


def unknown(db: Database, steps: Migrations = migrations) -> list[str]:
    """Steps that this database has and this release does not know: a newer release wrote it."""
    with Database(memory=True) as blank:
        known = {step.name for step in steps.pending(blank)}
    return sorted({step.name for step in steps.applied(db)} - known)


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


@migrations()
def m005_feedback_kinds(db: Database) -> None:
    """More kinds of feedback; ``value`` is what each says: an intent, a passage's id, a sentiment, 1 to 5."""
    db.execute(
        """
        CREATE TABLE feedback_of_all_kinds (
            id INTEGER PRIMARY KEY,
            message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
            client_id TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN (
                'up', 'down', 'intent', 'right_passage', 'wrong_passage', 'sentiment', 'csat', 'comment', 'takeover'
            )),
            value TEXT NOT NULL DEFAULT '',
            reason TEXT NOT NULL,
            comment TEXT NOT NULL,
            created_at TEXT NOT NULL,
            UNIQUE (message_id, client_id, kind, value, reason, comment)
        ) STRICT
        """
    )
    db.execute(
        "INSERT INTO feedback_of_all_kinds (id, message_id, client_id, kind, reason, comment, created_at) "
        "SELECT id, message_id, client_id, kind, reason, comment, created_at FROM feedback"
    )
    db.execute("DROP TABLE feedback")
    db.execute("ALTER TABLE feedback_of_all_kinds RENAME TO feedback")


@migrations()
def m006_reviews(db: Database) -> None:
    """What a person decided that a message means. Only ``undone_at`` is ever set later.

    ``message_id`` is the bot's message; it is NULL for a review of a text that was never said here. ``client_id`` is
    who said the text. The text goes when its message goes.
    """
    db.execute(
        """
        CREATE TABLE reviews (
            id INTEGER PRIMARY KEY,
            app TEXT NOT NULL,
            message_id TEXT REFERENCES messages (id) ON DELETE CASCADE,
            conversation_id TEXT NOT NULL DEFAULT '',
            client_id TEXT NOT NULL DEFAULT '',
            text TEXT NOT NULL,
            verdict TEXT NOT NULL CHECK (verdict IN ('confirmed', 'corrected', 'out_of_scope', 'skipped')),
            intent TEXT,
            sentiment TEXT,
            document TEXT,
            wrong_document TEXT,
            reviewer TEXT NOT NULL,
            created_at TEXT NOT NULL,
            undone_at TEXT
        ) STRICT
        """
    )
    db.execute("CREATE INDEX reviews_by_message ON reviews (message_id)")
    db.execute("CREATE INDEX reviews_by_app ON reviews (app, created_at)")


@migrations()
def m007_users(db: Database) -> None:
    """Who may sign in to the console. A session is known by the sha256 of its token, and so is whoever failed to
    sign in: a name that was typed may be a password in the wrong box."""
    db.execute(
        """
        CREATE TABLE users (
            name TEXT PRIMARY KEY,
            password TEXT NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('operator', 'admin')),
            created_at TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE sessions (
            token_hash TEXT PRIMARY KEY,
            user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
            created_at TEXT NOT NULL,
            used_at TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE sign_in_failures (
            key_hash TEXT PRIMARY KEY,
            failures INTEGER NOT NULL,
            failed_at TEXT NOT NULL
        ) STRICT
        """
    )


@migrations()
def m008_audit(db: Database) -> None:
    """Who did what, when and why. It only grows, and holds no text of a customer."""
    db.execute(
        """
        CREATE TABLE audit (
            id INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            who TEXT NOT NULL,
            action TEXT NOT NULL,
            app TEXT NOT NULL,
            detail TEXT NOT NULL
        ) STRICT
        """
    )
    for change in ("UPDATE", "DELETE"):
        db.execute(
            f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
        )


@migrations()
def m009_jobs(db: Database) -> None:
    """A training run with all that is needed to repeat it, and what came of it."""
    db.execute(
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            app TEXT NOT NULL,
            kind TEXT NOT NULL,
            who TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'stopped')),
            process INTEGER NOT NULL,
            began_at TEXT NOT NULL,
            ended_at TEXT,
            recipe TEXT NOT NULL,
            base TEXT,
            version TEXT,
            verdict TEXT,
            reason TEXT NOT NULL DEFAULT ''
        ) STRICT
        """
    )
    db.execute("CREATE INDEX jobs_by_app ON jobs (app, began_at)")


@migrations()
def m010_handovers(db: Database) -> None:
    """Conversations that wait for a person, or are with one: at most one row of each until it is returned. ``author``
    is the person who wrote a message in the service's name; it is empty for the bot's own. A message without a
    reply of the bot's is its own turn."""
    db.execute(
        """
        CREATE TABLE handovers (
            id INTEGER PRIMARY KEY,
            conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            reason TEXT NOT NULL,
            asked_at TEXT NOT NULL,
            operator TEXT,
            taken_at TEXT,
            returned_at TEXT,
            note TEXT NOT NULL DEFAULT ''
        ) STRICT
        """
    )
    db.execute("CREATE INDEX handovers_by_conversation ON handovers (conversation_id)")
    db.execute("CREATE UNIQUE INDEX handovers_open ON handovers (conversation_id) WHERE returned_at IS NULL")
    db.execute("CREATE INDEX conversations_by_use ON conversations (updated_at)")
    db.execute("ALTER TABLE messages ADD COLUMN author TEXT NOT NULL DEFAULT ''")


@migrations()
def m011_shadow(db: Database) -> None:
    """What a challenger read in a message that the champion answered."""
    db.execute(
        """
        CREATE TABLE shadow_predictions (
            message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
            model_version TEXT NOT NULL,
            intent TEXT,
            confidence REAL NOT NULL,
            out_of_scope REAL NOT NULL,
            out_of_scope_threshold REAL NOT NULL,
            sentiment TEXT,
            PRIMARY KEY (message_id, model_version)
        ) STRICT
        """
    )


@migrations()
def m012_alerts(db: Database) -> None:
    """A measure of an app that left its bounds, until it came back. ``told`` is what the webhook has heard of it."""
    db.execute(
        """
        CREATE TABLE alerts (
            id INTEGER PRIMARY KEY,
            app TEXT NOT NULL,
            measure TEXT NOT NULL,
            value REAL NOT NULL,
            threshold REAL NOT NULL,
            detail TEXT NOT NULL,
            opened_at TEXT NOT NULL,
            closed_at TEXT,
            told TEXT NOT NULL DEFAULT 'nothing' CHECK (told IN ('nothing', 'opened', 'closed'))
        ) STRICT
        """
    )
    db.execute("CREATE INDEX alerts_by_app ON alerts (app, opened_at)")


@migrations()
def m013_legal_holds(db: Database) -> None:
    """Clients whose conversations must not be erased."""
    db.execute(
        """
        CREATE TABLE legal_holds (
            client_id TEXT PRIMARY KEY,
            who TEXT NOT NULL,
            why TEXT NOT NULL,
            since TEXT NOT NULL
        ) STRICT
        """
    )


@migrations()
def m014_turn_figures(db: Database) -> None:
    """What the monitor counts of a turn, in one index, so that a period of an app is one range of it. ``distance`` (to
    the nearest training examples) is NULL for turns from before it was kept, and where the model remembers none."""
    db.execute(
        """
        CREATE TABLE turn_figures (
            message_id TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
            app TEXT NOT NULL,
            at TEXT NOT NULL,
            model_version TEXT NOT NULL,
            kind TEXT NOT NULL,
            latency_ms REAL NOT NULL,
            confidence REAL NOT NULL,
            unknown_share REAL NOT NULL,
            distance REAL
        ) STRICT
        """
    )
    db.execute(
        "INSERT INTO turn_figures (message_id, app, at, model_version, kind, latency_ms, confidence, unknown_share) "
        "SELECT m.id, c.app, m.created_at, p.model_version, r.kind, p.latency_ms, p.confidence, p.unknown_share "
        "FROM messages m JOIN conversations c ON c.id = m.conversation_id "
        "JOIN predictions p ON p.message_id = m.id JOIN routes r ON r.message_id = m.id"
    )
    db.execute(
        "CREATE INDEX turn_figures_by_app ON turn_figures "
        "(app, at, kind, latency_ms, confidence, unknown_share, distance, model_version)"
    )
    db.execute("CREATE INDEX feedback_by_time ON feedback (created_at)")


@migrations()
def m015_messages_by_turn(db: Database) -> None:
    """The message that a reply answers is looked up by the reply's id: for "why", for a review, for a correction."""
    db.execute("CREATE INDEX messages_by_turn ON messages (turn)")


@migrations()
def m016_extras(db: Database) -> None:
    """What else a reply shows, such as its figures, as a JSON object: kind -> list of objects."""
    db.execute("ALTER TABLE messages ADD COLUMN extras TEXT NOT NULL DEFAULT '{}'")


@migrations()
def m017_events(db: Database) -> None:
    """What users did with items, the rows of items that they were shown, and what they said they do not want.

    ``at`` is when it happened, ``kept_at`` since when it is kept. ``shown`` and ``items`` are JSON arrays of items' ids
    in the order of the row. An event's id is its sender's, so that it counts with its client alone.
    """
    db.execute(
        """
        CREATE TABLE events (
            app TEXT NOT NULL,
            client_id TEXT NOT NULL,
            id TEXT NOT NULL,
            item TEXT NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('view', 'click', 'like', 'dislike', 'buy', 'rate')),
            at TEXT NOT NULL,
            value REAL,
            position INTEGER,
            shown TEXT NOT NULL,
            kept_at TEXT NOT NULL,
            PRIMARY KEY (app, client_id, id)
        ) STRICT
        """
    )
    db.execute("CREATE INDEX events_by_client ON events (client_id, app, at)")
    db.execute("CREATE INDEX events_by_age ON events (kept_at)")
    db.execute(
        """
        CREATE TABLE exposures (
            id TEXT PRIMARY KEY,
            app TEXT NOT NULL,
            client_id TEXT NOT NULL,
            items TEXT NOT NULL,
            kept_at TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX exposures_by_client ON exposures (client_id, app, kept_at)")
    db.execute("CREATE INDEX exposures_by_age ON exposures (kept_at)")
    db.execute(
        """
        CREATE TABLE wishes (
            app TEXT NOT NULL,
            client_id TEXT NOT NULL,
            value TEXT NOT NULL,
            said TEXT NOT NULL,
            kept_at TEXT NOT NULL,
            PRIMARY KEY (client_id, app, value)
        ) STRICT
        """
    )
