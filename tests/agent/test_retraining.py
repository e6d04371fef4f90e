from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import retraining
from agent.audit import AuditLog
from agent.config import Settings
from agent.database import DataFile
from agent.errors import LockedError, ModelError, TrainingError
from agent.jobs import JobBook
from agent.learning.gate import GateSettings
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import recipe
from agent.learning.run import Step
from agent.model.backbone import Backbone
from agent.model.storage import load_model, read_manifest
from agent.retraining import Outcome, retrain
from agent.reviews import ReviewBook
from agent.teach import training_lock
from agent.types import Review
from agent.versions import REPORT
from tests.agent.library import TEXTS, make_library, train_library

APP = "library"
RECIPE = recipe(rank=4, epochs=6, batch_size=8, learning_rate=5e-3)
MILD = GateSettings(fewest_texts=10, accuracy=1, auroc=1, recall=1, refused=1, calibration=1, floor=1, slower=100)
STRICT = GateSettings(fewest_texts=1000)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone, tiny_folder: Path) -> Path:
    """The library app with its champion and a test split."""
    base = tmp_path_factory.mktemp("library")
    settings = make_library(base, backbone=str(tiny_folder), device="cpu")
    test = settings.apps[0] / "test"
    test.mkdir()
    rows = [{"text": f"{text} please", "intent": name} for name, texts in TEXTS.items() for text in texts]
    (test / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    train_library(settings, tiny)
    return base


@pytest.fixture
def settings(trained: Path, tmp_path: Path, tiny_folder: Path) -> Settings:
    base = tmp_path / "copy"
    shutil.copytree(trained, base)
    (app,) = [p.parent for p in base.glob("*/domain.toml")]
    return Settings(
        apps=(app,), data=base / "data", backbone=str(tiny_folder), device="cpu", log_level="error", fewest_reviews=3
    )


@pytest.fixture
def file(settings: Settings) -> Iterator[DataFile]:
    file = DataFile.open(settings.data)
    yield file
    file.close()


@pytest.fixture
def registry(settings: Settings) -> ModelRegistry:
    return ModelRegistry(settings.data, APP)


def review(file: DataFile, texts: list[str], intent: str, **others: str) -> None:
    for text in texts:
        ReviewBook(file).add(Review(APP, text, "corrected", "ann", intent=intent, **others))  # type: ignore[arg-type]


def again(settings: Settings, **options: object) -> Outcome:
    defaults: dict[str, object] = {"auto": True, "who": "ann", "recipe": RECIPE, "gate": MILD, "start": "champion"}
    return retrain(settings, APP, **(defaults | options))  # type: ignore[arg-type]


def add_intent(settings: Settings, texts: list[str]) -> None:
    """The new intent ``weather`` with its examples."""
    with (settings.apps[0] / "domain.toml").open("a") as stream:
        stream.write('\n[intents.weather]\ntitle = "the weather"\nroute = "reply"\nresponse = "sunny"\n')
        stream.write('\n[responses.sunny]\nneutral = "The sun shines."\n')
    with (settings.apps[0] / "examples.jsonl").open("a") as stream:
        for text in texts:
            stream.write(json.dumps({"text": text, "intent": "weather"}) + "\n")


def champion(registry: ModelRegistry) -> str:
    folder = registry.champion()
    assert folder is not None
    return folder.name


def test_with_too_few_new_reviews_nothing_is_done(settings: Settings, file: DataFile, registry: ModelRegistry) -> None:
    review(file, ["is it late", "is it here"], "loan_status")
    outcome = again(settings)
    assert (outcome.version, outcome.promoted) == (None, False)
    assert "2 reviews since the last retraining, 3 are needed" in outcome.reason
    assert JobBook(file).jobs(APP) == []
    assert [v.name for v in registry.versions()] == ["1"]


def test_an_intent_that_reviews_alone_teach_waits_until_it_has_enough_of_them(
    settings: Settings, file: DataFile, registry: ModelRegistry, tiny: Backbone
) -> None:
    with (settings.apps[0] / "domain.toml").open("a") as stream:
        stream.write('\n[intents.weather]\ntitle = "the weather"\nroute = "reply"\nresponse = "sunny"\n')
        stream.write('from_reviews = true\n\n[responses.sunny]\nneutral = "The sun shines."\n')
    review(file, ["will it rain"], "weather")
    review(file, ["is my tent here", "is my tent late"], "loan_status")
    first = again(settings).version
    assert first is not None
    assert "weather" not in load_model(registry.version_folder(first), tiny).labels("intent")
    review(file, ["rain tomorrow", "will it be sunny", "snow today"], "weather")
    second = again(settings).version
    assert second is not None
    assert "weather" in load_model(registry.version_folder(second), tiny).labels("intent")


def test_reviews_become_the_champion_and_all_is_on_record(
    settings: Settings, file: DataFile, registry: ModelRegistry, tiny: Backbone
) -> None:
    review(file, ["is my tent here", "is my tent late", "where is the tent"], "loan_status")
    outcome = again(settings)
    assert outcome.promoted, outcome.reason
    assert champion(registry) == outcome.version == "2"
    manifest = read_manifest(registry.version_folder("2"))
    assert manifest["base"] == "1"
    assert manifest["epochs"] == {"done": 2, "planned": 2, "finished": True}
    assert manifest["data"]["intents"]["loan_status"] == len(TEXTS["loan_status"]) + 3
    (move, *_) = registry.history()[::-1]
    assert (move.before, move.after, move.who) == ("1", "2", "ann")
    assert "passed the gate" in move.why
    (job,) = JobBook(file).jobs(APP)
    assert (job.state, job.base, job.version) == ("done", "1", "2")
    assert job.verdict is not None
    assert {"recipe", "seed", "data", "backbone", "libraries", "intents", "start"} <= set(job.recipe)
    assert job.recipe["data"] == manifest["data"]["hash"]
    assert [e.action for e in AuditLog(file).entries(APP)][:2] == ["promote", "train"]
    shown = json.loads((registry.folder / "reports" / "2" / REPORT).read_text())
    assert shown["versions"] == ["1", "2"]
    assert again(settings).version is None, "what was learned is not new any more"


def test_the_same_job_gives_the_same_weights(settings: Settings, registry: ModelRegistry) -> None:
    names = [again(settings, force=True, auto=False).version for _ in range(2)]
    weights = [(registry.folder / "versions" / str(n) / "adapter.safetensors").read_bytes() for n in names]
    assert weights[0] == weights[1]


def test_a_refused_challenger_is_kept_with_its_report(
    settings: Settings, file: DataFile, registry: ModelRegistry
) -> None:
    outcome = again(settings, force=True, gate=STRICT)
    assert not outcome.promoted
    assert "refused" in outcome.reason
    assert "too few to judge" in outcome.reason
    assert champion(registry) == "1"
    assert registry.challenger() == registry.version_folder("2")
    assert not json.loads((registry.folder / "reports" / "2" / REPORT).read_text())["verdict"]["passed"]
    assert AuditLog(file).entries(APP)[0].action == "refuse"


def test_without_auto_what_passed_waits(settings: Settings, registry: ModelRegistry) -> None:
    outcome = again(settings, force=True, auto=False)
    assert outcome.verdict is not None
    assert outcome.verdict.passed
    assert not outcome.promoted
    assert f"switchboard promote {APP} 2" in outcome.reason
    assert champion(registry) == "1"


def test_a_champion_that_somebody_chose_meanwhile_stays(settings: Settings, registry: ModelRegistry) -> None:
    shutil.copytree(registry.version_folder("1"), registry.folder / "versions" / "7")
    chosen: list[int] = []

    def choose(step: Step) -> None:
        if not chosen:
            registry.promote("7")
        chosen.append(step.number)

    outcome = again(settings, force=True, progress=choose)
    assert outcome.verdict is not None
    assert outcome.verdict.passed
    assert "not the champion any more" in outcome.reason
    assert champion(registry) == "7"


def test_a_new_intent_joins_and_the_others_keep_their_weights(
    settings: Settings, registry: ModelRegistry, tiny: Backbone
) -> None:
    add_intent(settings, ["what weather is it", "is the weather fine", "the weather is awful", "weather please"])
    outcome = again(settings, force=True)
    assert outcome.promoted, outcome.reason
    before, after = (load_model(registry.version_folder(n), tiny) for n in ("1", "2"))
    assert after.predict(["is the weather awful"])[0].intent == "weather"
    texts = {text: name for name, texts in TEXTS.items() for text in texts}
    right = [sum(p.intent == texts[p.text] for p in model.predict(list(texts))) for model in (before, after)]
    assert right[1] >= right[0] - 1
    row, column = before.labels("intent").index("hours"), after.labels("intent").index("hours")
    weights = [m.heads["intent"].classifier.weight[i] for m, i in ((before, row), (after, column))]  # type: ignore[union-attr, index]
    first, second = (w.detach() for w in weights)
    assert float((first - second).norm() / first.norm()) < 0.2


def test_best_tries_both_and_takes_what_held_out_examples_prefer(
    settings: Settings, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"1": 0.4, None: 0.9}
    whole = retraining.train_model
    tried: list[str | None] = []

    def train(*arguments: object, **options: object) -> object:
        done = whole(*arguments, **options)  # type: ignore[arg-type]
        tried.append(done.base)
        done.history[:] = [{"intent": scores[done.base]}]
        return done

    monkeypatch.setattr(retraining, "train_model", train)
    short = recipe(rank=2, epochs=1, batch_size=8)
    for expected in (None, "1"):
        version = again(settings, force=True, start="best", recipe=short, auto=False).version
        assert read_manifest(registry.version_folder(str(version)))["base"] == expected
        scores[None] = 0.4  # level: what is known already goes first
    assert tried == ["1", None] * 2


def test_a_time_limit_keeps_the_best_so_far(settings: Settings, registry: ModelRegistry) -> None:
    outcome = again(settings, force=True, limit_s=0.0, start="best")
    manifest = read_manifest(registry.version_folder(str(outcome.version)))
    assert manifest["base"] == "1", "no time is left for a second candidate"
    assert manifest["epochs"] == {"done": 0, "planned": 2, "finished": False}


def test_a_run_that_was_stopped_goes_on_where_it_was(settings: Settings, file: DataFile) -> None:
    def stop(step: Step) -> None:
        if step.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(settings, force=True, progress=stop)
    steps: list[int] = []
    again(settings, force=True, progress=lambda step: steps.append(step.number))
    assert steps[0] == 4
    assert [j.state for j in JobBook(file).jobs(APP)] == ["done", "stopped"]


def test_a_failure_is_on_record(settings: Settings, file: DataFile) -> None:
    add_intent(settings, ["what weather is it"])
    with pytest.raises(TrainingError, match="weather"):
        again(settings, force=True)
    (job,) = JobBook(file).jobs(APP)
    assert job.state == "failed"
    assert "weather" in job.reason


def test_one_job_at_a_time(settings: Settings, registry: ModelRegistry) -> None:
    lock = training_lock(registry)
    with pytest.raises(LockedError):
        again(settings, force=True)
    lock.close()


def test_without_a_champion_the_remedy_is_named(settings: Settings, registry: ModelRegistry) -> None:
    (registry.folder / "aliases.json").unlink()
    with pytest.raises(ModelError, match=f"switchboard train {APP}"):
        again(settings)


def test_old_versions_are_swept(settings: Settings, registry: ModelRegistry) -> None:
    for _ in range(3):
        again(replace(settings, keep_versions=1), force=True, auto=False)
    assert [v.name for v in registry.versions()] == ["1", "4"]
