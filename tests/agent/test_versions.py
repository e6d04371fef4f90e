from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.audit import AuditLog
from agent.config import Settings
from agent.database import DataFile
from agent.errors import ModelError, UnknownAppError
from agent.jobs import JobBook
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.reviews import ReviewBook
from agent.types import Review
from agent.versions import KIND, REPORT, Versions
from tests.agent.library import make_library, train_library

APP = "library"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Path:
    base = tmp_path_factory.mktemp("versions")
    settings = make_library(base)
    train_library(settings, tiny)
    return settings.data


@pytest.fixture
def registry(trained: Path, tmp_path: Path) -> ModelRegistry:
    """Version 1 in service, and version 2 that reads as it does."""
    shutil.copytree(trained, tmp_path / "data")
    registry = ModelRegistry(tmp_path / "data", APP)
    shutil.copytree(registry.version_folder("1"), registry.next_folder())
    return registry


@pytest.fixture
def file(registry: ModelRegistry) -> Iterator[DataFile]:
    file = DataFile.open(registry.folder.parents[1])
    yield file
    file.close()


class Service:
    """Serves what it is told to, as an Agent does."""

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry
        self.version = "1"

    def serving(self, app: str) -> str:
        return self.version

    def serve(self, app: str) -> None:
        champion = self.registry.champion()
        assert champion is not None
        self.version = champion.name


@pytest.fixture
def service(registry: ModelRegistry) -> Service:
    return Service(registry)


@pytest.fixture
def versions(file: DataFile, service: Service, tiny: Backbone) -> Versions:
    settings = Settings(data=file.folder, fewest_reviews=7)
    return Versions(settings, file, tiny, [APP], service.serving, service.serve)


def report(registry: ModelRegistry, version: str, passed: bool) -> None:
    folder = registry.folder / "reports" / version
    folder.mkdir(parents=True)
    verdict = {"passed": passed, "reasons": ["Worse than the champion."], "comparisons": []}
    (folder / REPORT).write_text(json.dumps({"versions": ["1", version], "verdict": verdict}))


def test_what_there_is(versions: Versions, registry: ModelRegistry, file: DataFile) -> None:
    registry.set_challenger("2")
    report(registry, "2", passed=False)
    book = JobBook(file)
    book.end(book.begin(APP, KIND, "ann", {"until": "2026"}, "1"), "done", "", version="2")
    ReviewBook(file).add(Review(APP, "when is it open", "confirmed", "ann", intent="hours"))
    ReviewBook(file).add(Review(APP, "what is it", "skipped", "ann"))
    found = versions.overview(APP)
    assert [row["name"] for row in found["versions"]] == ["2", "1"]
    new, old = found["versions"]
    assert (new["who"], new["against"], new["base"]) == ("ann", "1", None)
    assert new["verdict"] == {"passed": False, "reasons": ["Worse than the champion."]}
    assert (old["who"], old["verdict"], old["adapter"]) == ("", None, "lora")
    assert old["examples"] > 0
    assert 0 <= old["figures"]["intent"] <= 1
    assert (found["champion"], found["challenger"], found["serving"], found["previous"]) == ("1", "2", "1", None)
    assert (found["new_reviews"], found["needed"]) == (1, 7)
    assert [(move["kind"], move["after"]) for move in found["moves"]] == [("promote", "1")]
    assert json.loads(json.dumps(found)) == found


def test_a_promotion_and_its_way_back_are_on_record(
    versions: Versions, registry: ModelRegistry, service: Service, file: DataFile
) -> None:
    registry.set_challenger("2")
    versions.promote(APP, "2", "ann", "it knows the new hours")
    assert service.version == "2"
    found = versions.overview(APP)
    assert (found["champion"], found["challenger"], found["previous"]) == ("2", None, "1")
    assert versions.roll_back(APP, "bob", "it forgot the fines") == "1"
    assert service.version == "1"
    found = versions.overview(APP)
    assert [(m["kind"], m["after"], m["who"], m["why"]) for m in found["moves"][:2]] == [
        ("rollback", "1", "bob", "it forgot the fines"),
        ("promote", "2", "ann", "it knows the new hours"),
    ]
    entries = [(e.who, e.action, e.detail["version"], e.detail["why"]) for e in AuditLog(file).entries(APP)]
    assert entries == [
        ("bob", "rollback", "1", "it forgot the fines"),
        ("ann", "promote", "2", "it knows the new hours"),
    ]


def test_what_cannot_serve_does_not_become_champion(
    versions: Versions, registry: ModelRegistry, service: Service, file: DataFile
) -> None:
    (registry.version_folder("2") / "heads.safetensors").write_bytes(b"no weights")
    for name in ("2", "3"):
        with pytest.raises(ModelError):
            versions.promote(APP, name, "ann", "why not")
    with pytest.raises(ModelError, match="served before"):
        versions.roll_back(APP, "ann", "why not")
    champion = registry.champion()
    assert champion is not None
    assert (champion.name, service.version) == ("1", "1")
    assert AuditLog(file).entries(APP) == []


def test_a_way_back_to_what_cannot_serve_is_none(versions: Versions, registry: ModelRegistry, service: Service) -> None:
    versions.promote(APP, "2", "ann", "it is better")
    (registry.version_folder("1") / "heads.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError):
        versions.roll_back(APP, "ann", "it is not")
    assert service.version == versions.overview(APP)["champion"] == "2"


def test_one_beside_the_champion_of_its_time(versions: Versions, registry: ModelRegistry) -> None:
    report(registry, "2", passed=True)
    found = versions.comparison(APP, "2")
    assert found is not None
    assert found["versions"] == ["1", "2"]
    assert versions.comparison(APP, "1") is None
    with pytest.raises(ModelError, match="no version '7'"):
        versions.comparison(APP, "7")
    assert versions.shadow(APP, "2")["messages"] == 0


def test_another_app_is_unknown(versions: Versions) -> None:
    with pytest.raises(UnknownAppError):
        versions.overview("other")
    with pytest.raises(UnknownAppError):
        versions.promote("other", "1", "ann", "x")
