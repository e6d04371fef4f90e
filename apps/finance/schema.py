"""The tables of ``items.db`` as numbered steps. Append only: a step that has been released never changes."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

steps = Migrations("finance")


@steps()
def m001_items(db: Database) -> None:
    """What was read, from where, and what could not be.

    Times are UTC in ISO 8601 to the second, so that they sort as texts.
    """
    db.execute(
        """
        CREATE TABLE ingests (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            sha256 TEXT NOT NULL UNIQUE,
            rows INTEGER NOT NULL DEFAULT 0,
            items INTEGER NOT NULL DEFAULT 0,
            known INTEGER NOT NULL DEFAULT 0,
            done INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
            error TEXT NOT NULL DEFAULT '',
            demo INTEGER NOT NULL DEFAULT 0 CHECK (demo IN (0, 1)),
            began_at TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE rejects (
            ingest INTEGER NOT NULL REFERENCES ingests (id),
            row INTEGER NOT NULL,
            reason TEXT NOT NULL,
            content TEXT NOT NULL,
            PRIMARY KEY (ingest, row)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE sources (
            source TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            weight REAL NOT NULL CHECK (weight BETWEEN 0 AND 1)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE items (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL UNIQUE,
            ingest INTEGER NOT NULL REFERENCES ingests (id),
            published TEXT NOT NULL,
            source TEXT NOT NULL,
            url TEXT NOT NULL,
            text TEXT NOT NULL,
            repost_of INTEGER REFERENCES items (id)
        ) STRICT
        """
    )
    db.execute("CREATE INDEX items_by_source ON items (source)")
    # Which items' shingles fall together in a band of their signatures; see ``reposts``.
    db.execute(
        """
        CREATE TABLE bands (
            band INTEGER NOT NULL,
            published TEXT NOT NULL,
            item INTEGER NOT NULL REFERENCES items (id),
            PRIMARY KEY (band, published, item)
        ) STRICT, WITHOUT ROWID
        """
    )


@steps()
def m002_mentions_and_days(db: Database) -> None:
    """What each item says of each company, and the sums of a company's day, which queries read.

    ``day`` is that of publication in UTC; ``session`` the trading day for which it counts. In ``days`` the column
    ``session`` says which of the two ``day`` is. ``pull`` is how much the item moves the index. ``passage`` is what the
    item says of the company, ``reads`` how the model was given it, ``scored_by`` the version that read it.
    """
    db.execute(
        """
        CREATE TABLE mentions (
            item INTEGER NOT NULL REFERENCES items (id),
            ticker TEXT NOT NULL,
            day TEXT NOT NULL,
            session TEXT NOT NULL,
            negative REAL NOT NULL,
            neutral REAL NOT NULL,
            positive REAL NOT NULL,
            confidence REAL NOT NULL,
            weight REAL NOT NULL,
            passage TEXT NOT NULL,
            reads TEXT NOT NULL,
            scored_by TEXT NOT NULL,
            pull REAL NOT NULL GENERATED ALWAYS AS (ABS(positive - negative) * weight) VIRTUAL,
            PRIMARY KEY (item, ticker)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX mentions_by_day ON mentions (ticker, day)")
    db.execute("CREATE INDEX mentions_by_session ON mentions (ticker, session)")
    db.execute("CREATE INDEX mentions_by_pull ON mentions (ticker, pull, day)")
    db.execute("CREATE INDEX mentions_by_version ON mentions (scored_by)")
    db.execute(
        """
        CREATE TABLE days (
            session INTEGER NOT NULL CHECK (session IN (0, 1)),
            ticker TEXT NOT NULL,
            day TEXT NOT NULL,
            n INTEGER NOT NULL,
            stories INTEGER NOT NULL,
            weight_sum REAL NOT NULL,
            weight_sq_sum REAL NOT NULL,
            score_sum REAL NOT NULL,
            score_sq_sum REAL NOT NULL,
            negative INTEGER NOT NULL,
            neutral INTEGER NOT NULL,
            positive INTEGER NOT NULL,
            PRIMARY KEY (session, ticker, day)
        ) STRICT, WITHOUT ROWID
        """
    )


@steps()
def m003_queries(db: Database) -> None:
    """What was asked, so that an answer's rows can be had again by its id; see ``queries``."""
    db.execute(
        """
        CREATE TABLE queries (
            id TEXT PRIMARY KEY,
            asked TEXT NOT NULL,
            last_item INTEGER NOT NULL,
            at TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """
    )


@steps()
def m004_alerts(db: Database) -> None:
    """What is watched, what came of it, and the last item that was looked at; see ``alarm``.

    Ids of items are never given twice, so that those beyond the last one looked at are new. A rule that was removed
    stays for the sake of what it fired.
    """
    db.execute(
        """
        CREATE TABLE rules (
            id INTEGER PRIMARY KEY,
            subject TEXT NOT NULL,
            kind TEXT NOT NULL,
            side TEXT NOT NULL,
            line REAL NOT NULL,
            rearm REAL NOT NULL,
            cool_down INTEGER NOT NULL,
            fewest INTEGER NOT NULL,
            removed INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1))
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE fired (
            id INTEGER PRIMARY KEY,
            rule INTEGER NOT NULL REFERENCES rules (id),
            name TEXT NOT NULL,
            day TEXT NOT NULL,
            value REAL NOT NULL,
            items INTEGER NOT NULL,
            told INTEGER NOT NULL CHECK (told IN (0, 1)),
            at TEXT NOT NULL,
            UNIQUE (rule, name, day)
        ) STRICT
        """
    )
    db.execute("CREATE INDEX fired_by_day ON fired (day)")
    db.execute("CREATE INDEX fired_untold ON fired (id) WHERE told = 0")
    db.execute("CREATE TABLE looked (one INTEGER PRIMARY KEY CHECK (one = 1), item INTEGER NOT NULL) STRICT")
    db.execute("INSERT INTO looked VALUES (1, 0)")
