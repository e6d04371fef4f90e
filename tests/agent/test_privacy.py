from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pysqlite3 as sqlite3
import pytest

from agent.audit import AuditLog
from agent.backup import backups, make_backup
from agent.customers import Subject
from agent.database import FILE_NAME, insert
from agent.errors import BadInputError, HeldError, LockedError, StoreError
from agent.lock import COPIES, TRAINING, FolderLock
from agent.model.backbone import Backbone
from agent.model.storage import load_memory, rewrite, verify
from agent.privacy import Privacy
from agent.redaction import BuiltinRedactor
from agent.scrub import ERASED
from agent.store import Store
from agent.types import Feedback
from tests.agent.library import make_library, train_library
from tests.agent.samples import prediction, reply, route

SECRET = "my sister Ottilie hid the parcel at ottilie@harbour.example"
MASKED = "my sister Ottilie hid the parcel at [email]"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def privacy(store: Store) -> Privacy:
    return Privacy(store.file, BuiltinRedactor())


def talk(store: Store, client: str, *texts: str, app: str = "library") -> str:
    """A conversation of these messages; its id. The replies' ids are its id and a number."""
    conversation = store.new_conversation(app, client, True)
    for number, text in enumerate(texts):
        answer = reply(conversation, f"{conversation}-{number}", text=f"You said: {text}")
        store.save_turn(
            conversation, app, answer.message_id, text, prediction(text), route(), answer, {"last": text}, 9.0
        )
    return conversation


def review(store: Store, conversation: str, text: str, client: str = "ann", **changes: Any) -> None:
    with store.file.transaction() as db:
        row = {"app": "library", "message_id": f"{conversation}-0", "conversation_id": conversation, "text": text}
        row |= {"client_id": client, "verdict": "corrected", "intent": "fines", "reviewer": "eve"}
        insert(db, "reviews", row | {"created_at": "2026-11-25T10:00:00.000000+00:00"} | changes)


def client(name: str) -> Subject:
    return Subject("client", name)


def holding(data: Path, *words: str) -> list[str]:
    """Files of the data folder in whose bytes one of the words stands."""
    files = [path for path in sorted(data.rglob("*")) if path.is_file()]
    return [str(p.relative_to(data)) for p in files if any(word.encode() in p.read_bytes() for word in words)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Path:
    return train_library(make_library(tmp_path_factory.mktemp("privacy")), tiny)


@pytest.fixture
def learned(store: Store, trained: Path) -> Path:
    """Ann's text was reviewed, learned, reported and backed up; the version's folder."""
    shutil.copytree(trained.parents[3], store.file.folder, dirs_exist_ok=True)
    version = store.file.folder / trained.relative_to(trained.parents[3])
    conversation = talk(store, "ann", SECRET, "thanks")
    talk(store, "ben", "is the KEEPSAKE open")
    store.add_feedback(Feedback(f"{conversation}-0", "ann", "down", comment=f"no: {SECRET}"))
    review(store, conversation, SECRET)
    lines = (version / "memory.jsonl").read_text().splitlines()
    lines[0] = json.dumps({**json.loads(lines[0]), "text": MASKED})
    rewrite(version, "memory.jsonl", "".join(line + "\n" for line in lines).encode())
    reports = version.parents[1] / "reports" / version.name
    reports.mkdir(parents=True)
    (reports / "report.json").write_text(json.dumps({"confusions": [{"texts": [MASKED, "hello"]}]}))
    (reports / "report.html").write_text(f"<table><td>{MASKED} · hello</td></table>")
    make_backup(store.file)
    return version


def test_after_an_erasure_the_text_is_found_nowhere(store: Store, privacy: Privacy, learned: Path) -> None:
    data = store.file.folder
    assert len(holding(data, "Ottilie")) >= 5
    erased = privacy.erase(client("ann"), "eve")
    assert holding(data, "Ottilie", "ottilie", "OTTILIE") == []
    assert (erased.conversations, erased.messages, erased.feedback, erased.reviews) == (1, 4, 1, 1)
    assert [Path(name).name for name in erased.files] == ["report.html", "report.json", "memory.jsonl"]
    assert len(erased.backups) == 1
    assert erased.whole
    verify(learned)
    assert load_memory(learned)[0].text == ERASED
    assert load_memory(learned)[0].intent is not None
    # What is another's stays, in the database and in its backup.
    assert {FILE_NAME, f"backups/{erased.backups[0]}"} <= set(holding(data, "KEEPSAKE"))
    [entry] = [e for e in AuditLog(store.file).entries() if e.action == "erase"]
    assert (entry.who, entry.detail["client"], entry.detail["messages"]) == ("eve", "ann", 4)


def test_many_erasures_leave_no_text_between_the_rows(store: Store, privacy: Privacy) -> None:
    # Long and short texts in turns, so that pages split, and rows move and spill onto pages of their own.
    for number in range(40):
        filler = "word " * ((37 * number * number) % 1500)
        talk(store, f"keeps{number}", f"KEEPSAKE {filler}")
        talk(store, f"gone{number}", f"SECRECY {filler}", f"SECRECY {filler}")
    for number in range(40):
        privacy.erase(client(f"gone{number}"), "eve", compact=False)
    assert holding(store.file.folder, "SECRECY") == []
    assert store.counts()["messages"] == 80
    for table in ("predictions", "routes", "turn_figures"):
        assert store.file.read(f"SELECT count(*) AS n FROM {table}", []) == [{"n": 40}]


def test_one_conversation_goes_and_the_others_stay(store: Store, privacy: Privacy) -> None:
    gone, kept = talk(store, "ann", SECRET), talk(store, "ann", "hello")
    review(store, gone, SECRET, client="")
    erased = privacy.erase(Subject("conversation", gone), "ann", compact=False)
    assert (erased.conversations, erased.reviews) == (1, 1)
    assert [row["id"] for row in store.conversations("ann", None, 9)] == [kept]
    assert holding(store.file.folder, "Ottilie") == []


def test_what_a_client_said_in_anothers_conversation_goes_too(store: Store, privacy: Privacy) -> None:
    conversation = store.new_conversation("library", "ben", claimed=False)
    answer = reply(conversation, "m1")
    store.save_turn(conversation, "library", "m1", "hi", prediction("hi"), route(), answer, {}, 9.0)
    store.add_feedback(Feedback("m1", "ann", "down", comment=SECRET))
    review(store, conversation, SECRET, message_id=None, conversation_id="")
    erased = privacy.erase(client("ann"), "eve")
    assert (erased.conversations, erased.feedback, erased.reviews) == (0, 1, 1)
    assert holding(store.file.folder, "Ottilie") == []
    assert len(store.messages(conversation)) == 2


def test_only_a_backup_has_it(store: Store, privacy: Privacy) -> None:
    conversation = talk(store, "ann", SECRET)
    make_backup(store.file)
    with store.file.transaction() as db:
        db.execute("DELETE FROM conversations WHERE id = ?", [conversation])
    store.file.compact()
    assert privacy.show(client("ann"))["backups"] == [b.path.name for b in backups(store.file.folder)]
    erased = privacy.erase(client("ann"), "eve")
    assert (erased.conversations, len(erased.backups)) == (0, 1)
    assert holding(store.file.folder, "Ottilie") == []


def test_a_backup_of_an_older_release_is_erased_from_too(store: Store, privacy: Privacy) -> None:
    talk(store, "ann", SECRET)
    backup = make_backup(store.file)
    with closing(sqlite3.connect(str(backup.path))) as db:
        for table in ("reviews", "handovers", "shadow_predictions", "turn_figures"):
            db.execute(f"DROP TABLE {table}")
        db.commit()
    privacy.erase(client("ann"), "eve")
    assert holding(store.file.folder, "Ottilie") == []


def test_a_damaged_backup_is_named_and_nothing_is_erased(store: Store, privacy: Privacy) -> None:
    talk(store, "ann", SECRET)
    backup = make_backup(store.file)
    backup.path.write_bytes(b"no database " * 999)
    with pytest.raises(StoreError, match=rf"The backup .*{backup.path.name} cannot be used.*delete it"):
        privacy.erase(client("ann"), "eve")
    assert store.counts()["conversations"] == 1


def test_a_backup_is_whole_and_for_our_account_alone(store: Store) -> None:
    talk(store, "ann", "hello")
    backup = make_backup(store.file)
    assert backup.path.stat().st_mode & 0o077 == 0
    assert backup.path.parent.stat().st_mode & 0o077 == 0
    assert [b.path for b in backups(store.file.folder)] == [backup.path]
    restored = store.file.folder / "restored"
    restored.mkdir()
    shutil.copy(backup.path, restored / FILE_NAME)
    with closing(Store.open(restored)) as other:
        assert other.counts() == store.counts()


def test_what_a_killed_backup_left_is_erased_too(store: Store, privacy: Privacy) -> None:
    talk(store, "ann", SECRET)
    backup = make_backup(store.file)
    half = backup.path.rename(backup.path.with_suffix(".new"))
    privacy.erase(client("ann"), "eve")
    assert not half.exists()
    assert holding(store.file.folder, "Ottilie") == []


def test_no_backup_is_made_while_something_is_erased(store: Store) -> None:
    with (
        closing(FolderLock(store.file.folder, "an erasure", COPIES)),
        pytest.raises(LockedError, match="an erasure"),
    ):
        make_backup(store.file)
    assert backups(store.file.folder) == []


def test_a_held_client_is_not_erased(store: Store, privacy: Privacy, learned: Path) -> None:
    privacy.holds.add("ann", "eve", "case 17")
    [row] = store.conversations("ann", None, 1)
    before = holding(store.file.folder, "Ottilie")
    for subject in (client("ann"), Subject("conversation", row["id"])):
        with pytest.raises(HeldError, match=r"Client ann is held since .* by eve \(case 17\).*hold remove ann"):
            privacy.erase(subject, "ben")
    assert holding(store.file.folder, "Ottilie") == before
    assert privacy.show(client("ann"))["held"] == ["ann"]
    privacy.holds.remove("ann", "eve")
    privacy.erase(client("ann"), "ben")
    assert holding(store.file.folder, "Ottilie") == []
    assert [e.action for e in AuditLog(store.file).entries()] == ["erase", "release", "hold"]


def test_a_hold_is_set_and_lifted_once(privacy: Privacy) -> None:
    privacy.holds.add("ann", "eve", "case 17")
    with pytest.raises(BadInputError, match="held already"):
        privacy.holds.add("ann", "ben", "case 18")
    assert [asdict(h) | {"since": ""} for h in privacy.holds.holds()] == [
        {"client_id": "ann", "who": "eve", "why": "case 17", "since": ""}
    ]
    privacy.holds.remove("ann", "eve")
    with pytest.raises(BadInputError, match="not held"):
        privacy.holds.remove("ann", "eve")


def test_nothing_is_erased_while_a_training_holds_the_text(store: Store, privacy: Privacy, learned: Path) -> None:
    before = holding(store.file.folder, "Ottilie")
    with (
        closing(FolderLock(learned.parents[1], "training of library", TRAINING)),
        pytest.raises(LockedError, match="training of library"),
    ):
        privacy.erase(client("ann"), "eve")
    assert holding(store.file.folder, "Ottilie") == before
    # Nothing was learned from ben, so that no training stands in the way.
    with closing(FolderLock(learned.parents[1], "training of library", TRAINING)):
        assert privacy.erase(client("ben"), "eve").conversations == 1


def test_an_erasure_that_was_killed_is_finished_by_the_next(
    store: Store, privacy: Privacy, learned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("agent.privacy._erase_in_backup", dying)
    with pytest.raises(KeyboardInterrupt):
        privacy.erase(client("ann"), "eve")
    monkeypatch.undo()
    assert store.counts()["conversations"] == 2
    assert privacy.erase(client("ann"), "eve").conversations == 1
    assert holding(store.file.folder, "Ottilie") == []


def test_another_reader_of_the_log_is_told(store: Store, privacy: Privacy) -> None:
    talk(store, "ann", SECRET)
    with closing(sqlite3.connect(str(store.file.path), isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM messages").fetchall()
        assert not privacy.erase(client("ann"), "eve", compact=False).whole
        other.execute("COMMIT")
    assert privacy.erase(client("ann"), "eve").whole
    assert holding(store.file.folder, "Ottilie") == []


def test_the_sweep_erases_what_rested_long_enough(store: Store, privacy: Privacy, learned: Path) -> None:
    talk(store, "cyd", "an old tale of KEEPSAKE")
    privacy.holds.add("cyd", "eve", "case 17")
    old = (datetime.now(UTC) - timedelta(days=40)).isoformat(timespec="microseconds")
    with store.file.transaction() as db:
        db.execute("UPDATE conversations SET updated_at = ? WHERE client_id IN ('ann', 'cyd')", [old])
    for backup in backups(store.file.folder):
        backup.path.unlink()
    make_backup(store.file)
    assert not privacy.sweep(60, "retention")
    erased = privacy.sweep(30, "retention")
    assert (erased.conversations, len(erased.files), len(erased.backups)) == (1, 3, 1)
    assert holding(store.file.folder, "Ottilie") == []
    assert [store.conversations(name, None, 9) != [] for name in ("ann", "ben", "cyd")] == [False, True, True]
    assert not privacy.sweep(30, "retention")


def test_all_that_is_kept_can_be_handed_out(store: Store, privacy: Privacy, learned: Path) -> None:
    talk(store, "ann", "hello")
    said = json.loads("".join(privacy.export(client("ann"))))
    assert [len(c["messages"]) for c in said["conversations"]] == [4, 2]
    first = said["conversations"][0]["messages"]
    assert (first[0]["role"], first[0]["text"]) == ("user", SECRET)
    assert (first[1]["intent"], first[1]["route"], first[1]["why"]["sentiment"]) == (
        "order_status",
        "answer",
        "neutral",
    )
    assert [f["kind"] for f in said["feedback"]] == ["down"]
    assert [(r["verdict"], r["intent"]) for r in said["reviews"]] == [("corrected", "fines")]
    assert "eve" not in json.dumps(said["reviews"])
    assert "KEEPSAKE" not in json.dumps(said)
    nobody = json.loads("".join(privacy.export(client("nobody"))))
    assert (nobody["conversations"], nobody["feedback"], nobody["reviews"]) == ([], [], [])


def test_what_is_shown_has_no_texts(store: Store, privacy: Privacy, learned: Path) -> None:
    shown = privacy.show(client("ann"))
    assert [(c["app"], c["client_id"], c["turns"]) for c in shown["conversations"]] == [("library", "ann", 2)]
    assert (shown["messages"], shown["feedback"], shown["reviews"]) == (4, 1, 1)
    assert "Ottilie" not in json.dumps(shown)
