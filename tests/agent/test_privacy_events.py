"""What users did with items is shown, handed out and erased like their conversations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pysqlite3 as sqlite3
import pytest

from agent.backup import backups, make_backup
from agent.customers import Subject
from agent.database import DataFile, insert
from agent.errors import HeldError
from agent.events import EventBook
from agent.privacy import Privacy
from agent.redaction import BuiltinRedactor
from agent.scrub import Texts, scrub
from agent.types import Event

AT = "2026-11-24T09:30:00.000000+00:00"
OLD = "2026-01-01T00:00:00.000000+00:00"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DataFile]:
    opened = DataFile.open(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def book(file: DataFile) -> EventBook:
    """Two users did the same, with two apps."""
    book = EventBook(file)
    for user in ("ann", "ben"):
        for app in ("toys", "books"):
            book.add([Event(f"{user}-{app}", app, user, f"secretive-{user}", "like", AT)])
            book.show(app, user, [f"secretive-{user}", "kite"])
            book.change_wishes(app, user, ["horror"], [], f"secretive {user} wants no horror")
    return book


@pytest.fixture
def privacy(file: DataFile) -> Privacy:
    return Privacy(file, BuiltinRedactor())


def rows(file: DataFile, user: str) -> list[int]:
    return [
        len(file.read(f"SELECT 1 FROM {table} WHERE client_id = ?", [user]))
        for table in ("events", "exposures", "wishes")
    ]


def test_with_a_client_goes_all_that_it_did(file: DataFile, book: EventBook, privacy: Privacy) -> None:
    make_backup(file)
    assert privacy.show(Subject("client", "ann"))["events"] == 6
    erased = privacy.erase(Subject("client", "ann"), "eve")
    assert (erased.events, erased.conversations, len(erased.backups)) == (6, 0, 1)
    for path in (file.path, *(backup.path for backup in backups(file.folder))):
        content = path.read_bytes()
        assert (content.count(b"secretive-ann"), content.count(b"secretive ann")) == (0, 0)
        assert b"secretive-ben" in content
    assert rows(file, "ben") == [2, 2, 2]
    assert not privacy.erase(Subject("client", "ann"), "eve")


def test_a_profile_goes_without_the_conversations(file: DataFile, book: EventBook, privacy: Privacy) -> None:
    with file.transaction() as db:
        row = {"id": "c1", "app": "toys", "client_id": "ann", "claimed": 1, "state": "{}"}
        insert(db, "conversations", row | {"begun_at": AT, "updated_at": AT})
    assert privacy.erase(Subject("profile", "ann", app="toys"), "ann", compact=False).events == 3
    assert rows(file, "ann") == [1, 1, 1]
    assert book.history("books", "ann") != []
    assert privacy.erase(Subject("profile", "ann"), "ann", compact=False).events == 3
    assert privacy.show(Subject("client", "ann"))["conversations"] != []


def test_a_conversation_takes_nothing_of_it_along(file: DataFile, book: EventBook, privacy: Privacy) -> None:
    assert not privacy.erase(Subject("conversation", "ann"), "ann")
    assert rows(file, "ann") == [2, 2, 2]


def test_a_held_clients_profile_stays(file: DataFile, book: EventBook, privacy: Privacy) -> None:
    privacy.holds.add("ann", "eve", "case 17")
    with pytest.raises(HeldError):
        privacy.erase(Subject("profile", "ann"), "ann")
    assert privacy.show(Subject("profile", "ann"))["held"] == ["ann"]
    assert rows(file, "ann") == [2, 2, 2]


def test_the_sweep_goes_by_how_long_something_is_kept(file: DataFile, book: EventBook, privacy: Privacy) -> None:
    with file.transaction() as db:
        for table in ("events", "exposures", "wishes"):
            db.execute(f"UPDATE {table} SET kept_at = ? WHERE app = 'books'", [OLD])
    privacy.holds.add("ben", "eve", "case 17")
    assert privacy.sweep(30, "retention").events == 3
    assert (rows(file, "ann"), rows(file, "ben")) == ([1, 1, 1], [2, 2, 2])


def test_all_of_it_is_handed_out(book: EventBook, privacy: Privacy) -> None:
    said = json.loads("".join(privacy.export(Subject("client", "ann"))))
    assert [(e["app"], e["item"], e["kind"], e["shown"]) for e in said["events"]] == [
        ("toys", "secretive-ann", "like", []),
        ("books", "secretive-ann", "like", []),
    ]
    assert [row["items"] for row in said["exposures"]] == [["secretive-ann", "kite"]] * 2
    assert [wish["said"] for wish in said["wishes"]] == ["secretive ann wants no horror"] * 2


def test_a_backup_of_an_older_release_is_searched_too(file: DataFile, book: EventBook, privacy: Privacy) -> None:
    backup = make_backup(file)
    with closing(sqlite3.connect(str(backup.path))) as db:
        for table in ("events", "exposures", "wishes"):
            db.execute(f"DROP TABLE {table}")
        db.commit()
    assert privacy.erase(Subject("client", "ann"), "eve").backups == ()


def test_a_catalogue_is_not_the_customers(file: DataFile) -> None:
    folder = file.folder / "catalogues" / "toys"
    folder.mkdir(parents=True)
    (folder / "items.jsonl").write_text('{"id": "a", "title": "A", "text": "the last harbour"}\n')
    shutil.copy(folder / "items.jsonl", file.folder / "report.jsonl")
    assert scrub(file.folder, Texts(["the last harbour"])) == ["report.jsonl"]
