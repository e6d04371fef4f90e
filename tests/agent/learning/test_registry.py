from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.learning.registry import ModelRegistry
from agent.model.storage import FORMAT, sha256_file


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """Three versions, each of a manifest and one file."""
    registry = ModelRegistry(tmp_path, "library")
    for _ in range(3):
        add(registry)
    return registry


def add(registry: ModelRegistry) -> str:
    folder = registry.next_folder()
    folder.mkdir()
    (folder / "heads.safetensors").write_bytes(folder.name.encode())
    sums = {"heads.safetensors": sha256_file(folder / "heads.safetensors")}
    (folder / "manifest.json").write_text(json.dumps({"format": FORMAT, "sha256": sums}))
    return folder.name


def champion(registry: ModelRegistry) -> str | None:
    folder = registry.champion()
    return folder.name if folder else None


def test_every_move_says_who_when_and_why(registry: ModelRegistry) -> None:
    registry.promote("1")
    registry.promote("2", who="ann", why="reads returns better")
    assert registry.rollback(who="bob", why="customers complain") == "1"
    assert champion(registry) == "1"
    moves = [(m.kind, m.before, m.after, m.who, m.why) for m in registry.history()]
    assert moves == [
        ("promote", None, "1", "", ""),
        ("promote", "1", "2", "ann", "reads returns better"),
        ("rollback", "2", "1", "bob", "customers complain"),
    ]
    assert all(m.at.endswith("+00:00") for m in registry.history())


def test_rolling_back_twice_goes_back_two_promotions(registry: ModelRegistry) -> None:
    for name in ("1", "2", "3"):
        registry.promote(name)
    assert [registry.rollback(who="ann", why="") for _ in range(2)] == ["2", "1"]
    with pytest.raises(ModelError, match="no version that served before"):
        registry.rollback(who="ann", why="")
    registry.promote("3")
    assert registry.rollback(who="ann", why="") == "1"


def test_a_registry_without_a_history_starts_one(registry: ModelRegistry) -> None:
    (registry.folder / "aliases.json").write_text('{"champion": "1"}')
    registry.promote("2")
    assert registry.rollback(who="ann", why="") == "1"


def test_promoting_the_champion_again_is_no_move(registry: ModelRegistry) -> None:
    registry.promote("1")
    registry.promote("1")
    assert len(registry.history()) == 1


def test_a_version_follows_its_own_champion_alone(registry: ModelRegistry) -> None:
    registry.promote("1")
    assert not registry.follow(None, "2")
    assert registry.follow(registry.version_folder("1"), "2", who="ann", why="passed")
    assert registry.history()[-1].why == "passed"


def test_the_challenger_stands_beside_the_champion_until_it_is_promoted(registry: ModelRegistry) -> None:
    registry.promote("1")
    registry.set_challenger("2")
    assert [(v.champion, v.challenger) for v in registry.versions()] == [(True, False), (False, True), (False, False)]
    registry.promote("3")
    assert registry.challenger() == registry.version_folder("2")
    registry.promote("2")
    assert registry.challenger() is None
    registry.set_challenger("1")
    registry.set_challenger(None)
    assert registry.challenger() is None
    with pytest.raises(ModelError, match="no version '9'. Available: 1, 2, 3"):
        registry.set_challenger("9")


def test_a_damaged_version_is_not_promoted(registry: ModelRegistry) -> None:
    registry.promote("1")
    (registry.folder / "versions" / "2" / "heads.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="damaged"):
        registry.promote("2")
    assert champion(registry) == "1"


def test_a_kill_between_the_two_steps_leaves_the_aliases_as_they_were(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.promote("1")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            registry.promote("2")
    assert champion(registry) == "1"
    registry.promote("2")
    assert champion(registry) == "2"


def test_damaged_aliases_are_named_with_the_remedy(registry: ModelRegistry) -> None:
    for text in ("{", '{"champoin": "1"}'):
        (registry.folder / "aliases.json").write_text(text)
        with pytest.raises(ModelError, match=r"aliases.json is damaged.*Delete it"):
            registry.champion()


def test_a_sweep_keeps_the_last_ones_and_all_that_ever_served(registry: ModelRegistry) -> None:
    for _ in range(5):
        add(registry)
    registry.promote("2")
    registry.promote("4")
    registry.set_challenger("5")
    for name in ("1", "4"):
        (registry.folder / "reports" / name).mkdir(parents=True)
    assert registry.sweep(keep=2) == ["1", "3", "6"]
    assert [v.name for v in registry.versions()] == ["2", "4", "5", "7", "8"]
    assert [p.name for p in (registry.folder / "reports").iterdir()] == ["4"]
    assert registry.next_folder().name == "9"
    assert registry.sweep(keep=2) == []


def test_a_sweep_ends_what_a_killed_one_left(registry: ModelRegistry) -> None:
    registry.promote("3")
    os.replace(registry.folder / "versions" / "1", registry.folder / "versions" / ".1.old")
    assert [v.name for v in registry.versions()] == ["2", "3"]
    registry.sweep(keep=10)
    assert sorted(p.name for p in (registry.folder / "versions").iterdir()) == ["2", "3"]
