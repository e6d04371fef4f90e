"""Recommendations in the running service: an app's items from its files to a row, and what becomes of users in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.background import Background
from agent.config import Settings
from agent.domain import Domain
from agent.errors import ConversationError, DomainError, HeldError
from agent.model.backbone import Backbone
from agent.model.frozen import FrozenEncoder
from agent.runtime import Agent
from agent.types import Message
from tests.agent.library import make_library, train_library

APP = "library"
ITEMS = [
    {"id": "boots", "title": "Boots", "text": "Warm boots for the moon", "price": 40, "category": "shoes"},
    {"id": "tent", "title": "Tent", "text": "A tent in a box", "price": 90, "category": "outdoor"},
    {"id": "card", "title": "Card", "text": "Hello and thanks", "price": "free", "category": "paper"},
]


def write_items(folder: Path, *items: dict[str, Any]) -> None:
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Settings:
    settings = make_library(tmp_path_factory.mktemp("library"))
    train_library(settings, tiny)
    return settings


@pytest.fixture
def settings(trained: Settings, tmp_path: Path) -> Settings:
    """A copy of the trained app and its data, with items."""
    shutil.copytree(trained.data.parent, tmp_path, dirs_exist_ok=True)
    write_items(tmp_path / APP, *ITEMS)
    return Settings.load(env={}, apps=(tmp_path / APP,), data=tmp_path / "data", log_level="error")


@pytest.fixture
def agent(settings: Settings, tiny: Backbone) -> Iterator[Agent]:
    agent = Agent.open(settings, backbone=tiny, only=APP)
    yield agent
    agent.close()


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that the frozen encoder reads from now on."""
    seen: list[str] = []
    encode = FrozenEncoder.encode

    def counting(self: FrozenEncoder, texts: Sequence[str], prompt: str = "") -> Any:
        seen.extend(texts)
        return encode(self, texts, prompt)

    monkeypatch.setattr(FrozenEncoder, "encode", counting)
    return seen


def test_words_are_read_by_the_apps_own_model(agent: Agent) -> None:
    recommender = agent.recommenders[APP]
    said = "warm boots for the moon"
    picks = recommender.recommend("ann", said, diversity=0)
    [prediction] = agent.predict(APP, [said])
    ranked = recommender.model.rank(words=prediction.query_vector)
    assert [card.item_id for card in picks.cards] == [one.item for one in ranked]
    assert {card.item_id: card.price for card in picks.cards} == {"boots": 40, "tent": 90, "card": 0}


def test_an_app_without_items_offers_none(settings: Settings, tiny: Backbone) -> None:
    (settings.apps[0] / "items.jsonl").unlink()
    agent = Agent.open(settings, backbone=tiny, only=APP)
    assert agent.recommenders == {}
    agent.close()


def test_items_are_embedded_once(settings: Settings, tiny: Backbone, embedded: list[str]) -> None:
    Agent.open(settings, backbone=tiny, only=APP).close()
    assert len(embedded) == 3
    embedded.clear()
    write_items(settings.apps[0], *ITEMS[:2], ITEMS[2] | {"text": "Hello again"}, ITEMS[0] | {"id": "more"})
    Agent.open(settings, backbone=tiny, only=APP).close()
    assert sorted(embedded) == ["Boots. Warm boots for the moon. shoes.", "Card. Hello again. paper."]


def test_what_was_embedded_before_a_kill_is_not_lost(
    settings: Settings, tiny: Backbone, embedded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.apps.SAVE_EVERY", 1)
    encode = FrozenEncoder.encode

    def killed(self: FrozenEncoder, texts: Sequence[str], prompt: str = "") -> Any:
        if len(embedded) == 2:
            raise KeyboardInterrupt
        return encode(self, texts, prompt)

    with monkeypatch.context() as patched:
        patched.setattr(FrozenEncoder, "encode", killed)
        with pytest.raises(KeyboardInterrupt):
            Agent.open(settings, backbone=tiny, only=APP)
    assert len(embedded) == 2
    Agent.open(settings, backbone=tiny, only=APP).close()
    assert len(embedded) == 3


def test_a_damaged_item_index_is_built_anew(settings: Settings, tiny: Backbone, embedded: list[str]) -> None:
    Agent.open(settings, backbone=tiny, only=APP).close()
    [vectors] = (settings.data / "catalogues" / APP / "index").rglob("items.safetensors")
    vectors.write_bytes(vectors.read_bytes()[:-4])
    agent = Agent.open(settings, backbone=tiny, only=APP)
    assert len(embedded) == 6
    assert len(agent.recommenders[APP].recommend("ann").cards) == 3
    agent.close()


def test_an_empty_catalogue_is_named_at_the_start(settings: Settings, tiny: Backbone) -> None:
    write_items(settings.apps[0])
    with pytest.raises(DomainError, match=r"items.jsonl:1: the catalogue is empty"):
        Agent.open(settings, backbone=tiny, only=APP)


def test_changed_items_are_taken_up_and_broken_ones_are_not(settings: Settings, agent: Agent) -> None:
    tell = [{"id": "1", "item": "boots", "kind": "like", "at": 1_700_000_000}]
    agent.recommenders[APP].add_events("ann", tell)
    write_items(settings.apps[0], *ITEMS, ITEMS[1] | {"id": "dome", "title": "Dome"})
    agent.reload(APP)
    assert {card.item_id for card in agent.recommenders[APP].recommend("ann").cards} == {"tent", "card", "dome"}
    write_items(settings.apps[0], ITEMS[0], ITEMS[1] | {"price": "ask"})
    with pytest.raises(DomainError, match=r"items.jsonl:2: its price 'ask' is no number"):
        agent.reload(APP)
    assert Domain.check(settings.apps[0]) != []
    assert len(agent.recommenders[APP].catalogue) == 4


def test_an_import_is_taken_up_by_the_running_service(settings: Settings, agent: Agent) -> None:
    background = Background(agent, adapters=False)
    folder = settings.data / "catalogues" / APP
    write_items(folder, ITEMS[0] | {"id": "moon boots"})
    looks = [background._look(APP) for _ in range(3)]
    assert looks == [False, True, False]
    assert list(agent.recommenders[APP].catalogue.row) == ["moon boots"]
    (folder / "items.jsonl").unlink()
    assert [background._look(APP) for _ in range(2)] == [False, True]
    assert len(agent.recommenders[APP].catalogue) == 3


def test_a_user_who_is_erased_within_a_conversation_is_a_newcomer(agent: Agent) -> None:
    recommender = agent.recommenders[APP]
    conversation = agent.reply(Message(APP, "hello", "ann")).conversation_id
    row = recommender.recommend("ann", "no shoes please").row
    recommender.add_events("ann", [{"id": "1", "item": "tent", "kind": "buy", "at": 1_700_000_000, "row": row}])
    agent.erase_client("ann")
    with pytest.raises(ConversationError):
        agent.reply(Message(APP, "something else", "ann", conversation))
    assert recommender.profile("ann").events == 0
    assert len(recommender.recommend("ann").cards) == 3
    done = recommender.add_events(
        "ann", [{"id": "2", "item": "tent", "kind": "click", "at": 1_700_000_000, "row": row}]
    )
    assert done.rejected[0][1].startswith("This user was shown no row")
    assert json.loads("".join(agent.export_client("ann")))["events"] == []


def test_a_profile_is_erased_and_corrected_unless_it_is_held(agent: Agent) -> None:
    recommender = agent.recommenders[APP]
    conversation = agent.reply(Message(APP, "hello", "ann")).conversation_id
    rows = [{"id": item, "item": item, "kind": "like", "at": 1_700_000_000} for item in ("tent", "card")]
    recommender.add_events("ann", rows)
    agent.privacy.holds.add("ann", "eve", "case 17")
    with pytest.raises(HeldError):
        recommender.forget("ann", item="tent")
    with pytest.raises(HeldError):
        agent.erase_profile(APP, "ann", "ann")
    agent.privacy.holds.remove("ann", "eve")
    assert recommender.forget("ann", item="tent")
    assert [one.item for one in recommender.profile("ann").liked] == ["card"]
    agent.erase_profile(APP, "ann", "ann")
    assert recommender.profile("ann").events == 0
    assert agent.history(conversation, "ann")


def test_a_version_that_learned_no_taste_ranks_by_texts(agent: Agent) -> None:
    before = agent.recommenders[APP].model
    agent.load_champion(APP)
    assert agent.recommenders[APP].model is not before
    assert len(agent.recommenders[APP].recommend("ann", "a tent").cards) == 3
