from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from agent.database import FILE_NAME
from agent.errors import BadInputError, ConversationError, DiskFullError, LockedError, StoreError
from agent.store import Store
from agent.types import Feedback
from tests.agent.samples import VERSION, figure, prediction, reply, route


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


def save(store: Store, conversation: str, message_id: str = "m1", text: str = "hi", **state: Any) -> None:
    answer = reply(conversation, message_id)
    store.save_turn(conversation, "support", message_id, text, prediction(text), route(), answer, state, 12.5)


def begin(store: Store, client: str = "c1", claimed: bool = True) -> str:
    return store.new_conversation("support", client, claimed)


def rows(store: Store, sql: str) -> list[dict[str, Any]]:
    return store.file.read(sql, [])


def test_a_turn_keeps_both_messages_prediction_route_and_state(store: Store) -> None:
    conversation = begin(store)
    save(
        store,
        conversation,
        text="'; DROP TABLE messages; --",
        form={"name": "returns", "slots": {"order": "48213"}},
    )
    user, bot = store.messages(conversation)
    assert (user["role"], user["text"]) == ("user", "'; DROP TABLE messages; --")
    assert (bot["role"], bot["message_id"], bot["text"]) == ("bot", "m1", "They take three days. [1]")
    assert bot["citations"][0]["passage_id"] == "shipping#2"
    assert bot["quick_replies"] == [{"title": "Track it", "text": "where is my parcel"}]
    assert (user["figures"], bot["figures"]) == ([], [asdict(figure())])
    [said] = rows(store, "SELECT * FROM predictions")
    assert (said["message_id"], said["model_version"], said["intent"]) == ("m1", VERSION, "order_status")
    assert (said["out_of_scope"], said["latency_ms"]) == (0.125, 12.5)
    [decided] = rows(store, "SELECT * FROM routes")
    assert (decided["kind"], decided["threshold"]) == ("answer", 0.5)
    row = store.conversation(conversation)
    assert row is not None
    assert row.state == {"form": {"name": "returns", "slots": {"order": "48213"}}}
    assert (row.app, row.client_id, row.claimed, row.turns) == ("support", "c1", True, 1)


def test_messages_keep_their_order_over_turns(store: Store) -> None:
    conversation = begin(store)
    for turn in range(12):
        save(store, conversation, f"m{turn}", f"question {turn}")
    assert [m["text"] for m in store.messages(conversation) if m["role"] == "user"] == [
        f"question {turn}" for turn in range(12)
    ]


def test_a_stored_reply_has_its_grounds_and_the_last_judgement_of_its_client(store: Store) -> None:
    conversation = begin(store)
    save(store, conversation)
    for client, kind in (("c1", "down"), ("c1", "up"), ("other", "down")):
        with suppress(ConversationError):
            store.add_feedback(Feedback("m1", client, kind))
    user, bot = store.messages(conversation)
    assert (user["route"], user["why"], user["model_version"], user["judged"]) == (None, None, None, None)
    assert bot["route"] == asdict(route()) | {"options": []}
    assert (bot["why"], bot["model_version"], bot["judged"]) == (reply(conversation).why, VERSION, "up")


def test_conversations_are_listed_for_their_client_the_last_used_first(store: Store) -> None:
    old, new, empty, foreign = begin(store), begin(store), begin(store), begin(store, "c2")
    for number, conversation in enumerate((old, foreign, new, old)):
        save(store, conversation, f"m{number}", f"question {number}")
    listed = store.conversations("c1", None, 10)
    assert [(row["id"], row["title"], row["turns"]) for row in listed] == [
        (old, "question 0", 2),
        (new, "question 2", 1),
    ]
    assert empty not in {row["id"] for row in listed}
    assert set(listed[0]) == {"id", "app", "title", "turns", "begun_at", "updated_at"}
    assert store.conversations("c1", "support", 1) == listed[:1]
    assert store.conversations("c1", "shop", 10) == []


def test_a_conversation_has_one_owner(store: Store) -> None:
    conversation = begin(store)
    store.require_owner(conversation, "c1")
    for asked, client in ((conversation, "c2"), ("nowhere", "c1")):
        with pytest.raises(ConversationError):
            store.require_owner(asked, client)


def test_a_process_killed_after_a_turn_loses_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from agent.store import Store; "
        "from tests.agent.test_store import begin, save; s = Store.open(Path(sys.argv[1])); c = begin(s); "
        "save(s, c, form={'asked': 'order_number'}); print(c, flush=True); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    store = Store.open(tmp_path)
    row = store.conversation(done.stdout.strip())
    assert row is not None
    assert row.state == {"form": {"asked": "order_number"}}
    assert len(store.messages(row.id)) == 2
    store.close()


def test_a_turn_that_fails_half_way_leaves_nothing(store: Store) -> None:
    conversation = begin(store)
    save(store, conversation, "m1", step=1)
    with pytest.raises(StoreError, match="UNIQUE"):
        save(store, conversation, "m1", step=2)
    row = store.conversation(conversation)
    assert row is not None
    assert (row.state, row.turns) == ({"step": 1}, 1)
    assert len(store.messages(conversation)) == 2


def test_a_full_disk_is_named_and_leaves_nothing(store: Store) -> None:
    conversation = begin(store)
    pages = rows(store, "PRAGMA page_count")[0]["page_count"]
    rows(store, f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFullError, match="no room left"):
        save(store, conversation, text="x" * 100_000)
    assert store.counts()["messages"] == 0
    row = store.conversation(conversation)
    assert row is not None
    assert row.turns == 0
    rows(store, f"PRAGMA max_page_count = {pages + 1000}")
    save(store, conversation, text="x" * 100_000)
    assert store.counts()["messages"] == 2


def test_a_disk_that_refuses_writes_is_an_error_of_ours(store: Store) -> None:
    conversation = begin(store)
    rows(store, "PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot be used: attempt to write a readonly database"):
        save(store, conversation)
    assert store.messages(conversation) == []


def test_a_lone_surrogate_is_refused_and_leaves_nothing(store: Store) -> None:
    conversation = begin(store)
    with pytest.raises(BadInputError) as caught:
        save(store, conversation, text="a\ud800")
    assert caught.value.code == "not_text"
    assert store.counts()["messages"] == 0
    with pytest.raises(BadInputError):
        store.conversation("\ud800")


def test_a_turn_of_another_app_or_of_no_conversation_is_refused(store: Store) -> None:
    conversation = begin(store)
    with pytest.raises(ConversationError):
        save(store, "nowhere")
    with pytest.raises(ConversationError):
        store.save_turn(conversation, "shop", "m1", "hi", prediction(), route(), reply(conversation), {}, 1.0)
    assert store.counts()["messages"] == 0


# Who may use what


def test_ids_cannot_be_guessed(store: Store) -> None:
    ids = {begin(store) for _ in range(20)}
    assert len(ids) == 20
    assert {len(i) for i in ids} == {24}


def test_a_claimed_conversation_is_its_clients_alone(store: Store) -> None:
    conversation = begin(store, "c1", claimed=True)
    assert store.resume(conversation, "c1", claimed=True).id == conversation
    for client, claimed in (("c2", True), ("c2", False), ("c1", False)):
        with pytest.raises(ConversationError):
            store.resume(conversation, client, claimed)


def test_an_unclaimed_one_is_open_until_its_client_comes_back(store: Store) -> None:
    conversation = begin(store, "c1", claimed=False)
    assert not store.resume(conversation, "c2", claimed=False).claimed
    with pytest.raises(ConversationError):
        store.resume(conversation, "c3", claimed=True)
    assert store.resume(conversation, "c1", claimed=True).claimed
    with pytest.raises(ConversationError):
        store.resume(conversation, "c2", claimed=False)
    assert store.resume(conversation, "c1", claimed=True).claimed


def test_an_unknown_conversation_looks_like_anothers(store: Store) -> None:
    conversation = begin(store)
    messages = []
    for asked in (conversation, "nowhere"):
        with pytest.raises(ConversationError) as caught:
            store.resume(asked, "c2", claimed=True)
        messages.append(str(caught.value).replace(asked, "?"))
    assert messages[0] == messages[1]


# Feedback


def test_feedback_is_kept_once_and_a_changed_mind_is_a_new_row(store: Store) -> None:
    save(store, begin(store))
    down = Feedback("m1", "c1", "down", reason="wrong", comment="not my question")
    assert store.add_feedback(down) is True
    assert store.add_feedback(down) is False
    assert store.add_feedback(Feedback("m1", "c1", "up")) is True
    assert (store.counts()["feedback_up"], store.counts()["feedback_down"]) == (1, 1)


def test_what_was_judged_is_up_or_down_whatever_else_was_said(store: Store) -> None:
    conversation = begin(store)
    save(store, conversation)
    for said in (
        Feedback("m1", "c1", "down"),
        Feedback("m1", "c1", "intent", "returns"),
        Feedback("m1", "c1", "csat", "2"),
        Feedback("m1", "c1", "csat", "4"),
        Feedback("m1", "c1", "comment", comment="slow"),
    ):
        assert store.add_feedback(said) is True
        assert store.add_feedback(said) is False
    assert [m["judged"] for m in store.messages(conversation)] == [None, "down"]
    kept = rows(store, "SELECT kind, value, comment FROM feedback ORDER BY id")
    assert [row["kind"] for row in kept] == ["down", "intent", "csat", "csat", "comment"]
    assert [row["value"] for row in kept] == ["", "returns", "2", "4", ""]


def test_feedback_on_what_is_not_theirs_is_refused(store: Store) -> None:
    conversation = begin(store)
    save(store, conversation)
    users_own = store.messages(conversation)[0]["message_id"]
    for message, client in (("m1", "c2"), ("nowhere", "c1"), (users_own, "c1")):
        with pytest.raises(ConversationError):
            store.add_feedback(Feedback(message, client, "up"))
    assert store.counts()["feedback_up"] == 0


# Threads, processes, files


def test_many_threads_write_at_once(store: Store) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            conversation = begin(store, f"c{number}")
            for turn in range(10):
                save(store, conversation, f"m{number}-{turn}")
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert store.counts()["messages"] == 8 * 10 * 2


def test_two_processes_read_then_write_without_a_failure(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from agent.store import Store; "
        "from tests.agent.test_store import begin, save; s = Store.open(Path(sys.argv[1])); c = begin(s, sys.argv[2])\n"
        "for n in range(25): s.resume(c, sys.argv[2], True); save(s, c, f'{sys.argv[2]}-{n}')"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], stderr=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    errors = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], errors
    store = Store.open(tmp_path)
    assert store.counts()["messages"] == 2 * 25 * 2
    store.close()


def test_a_second_server_is_refused_naming_the_first(tmp_path: Path, store: Store) -> None:
    store.lock("http://127.0.0.1:7860")
    second = Store.open(store.file.folder)
    with pytest.raises(LockedError, match=rf"process {os.getpid()} \(http://127.0.0.1:7860\).*--data"):
        second.lock("http://127.0.0.1:9999")
    store.close()
    second.lock("http://127.0.0.1:9999")
    assert "9999" in (store.file.folder / "server.lock").read_text()
    second.close()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from agent.store import Store; "
        "s = Store.open(Path(sys.argv[1])); s.lock('a long holder name'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    store = Store.open(tmp_path)
    store.lock("b")
    assert (tmp_path / "server.lock").read_text() == f"process {os.getpid()} (b)\n"
    store.close()


def test_files_are_for_our_account_alone(store: Store) -> None:
    assert store.file.folder.stat().st_mode & 0o077 == 0
    assert (store.file.folder / FILE_NAME).stat().st_mode & 0o077 == 0


def test_writes_are_durable_and_the_log_is_a_write_ahead_log(store: Store) -> None:
    assert rows(store, "PRAGMA journal_mode")[0]["journal_mode"] == "wal"
    assert rows(store, "PRAGMA synchronous")[0]["synchronous"] == 2
    assert rows(store, "PRAGMA foreign_keys")[0]["foreign_keys"] == 1


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=rf"{FILE_NAME} cannot be used: file is not a database"):
        Store.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Cannot use the data folder .*file/data"):
        Store.open(tmp_path / "file" / "data")


def test_an_unsafe_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.database.SAFE_SQLITE", (99, 0, 0))
    with pytest.raises(StoreError, match=r"can damage a database; 99.0.0 or later"):
        Store.open(tmp_path)


def test_a_turn_is_read_back_for_its_own_client(store: Store) -> None:
    conversation = begin(store)
    save(store, conversation, text="where is my parcel")
    turn = store.turn("m1", "c1")
    assert (turn.message_id, turn.app, turn.text) == ("m1", "support", "where is my parcel")
    assert (turn.model_version, turn.intent) == (VERSION, "order_status")
    assert turn.route["kind"] == "answer"
    assert turn.route["threshold"] == 0.5
    assert turn.route["options"] == []
    assert turn.why["sentiment"] == "neutral"
    users = store.messages(conversation)[0]["message_id"]
    for message, client in (("m1", "eve"), ("m2", "c1"), (users, "c1")):
        with pytest.raises(ConversationError):
            store.turn(message, client)
