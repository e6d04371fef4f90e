from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import pytest

from agent.errors import BusyError, UnknownAppError
from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine
from agent.model.multitask import MultiTaskModel
from agent.model.tokens import TokenReader, Tokens
from agent.types import Prediction
from tests.agent.model.test_multitask import make_model


class Held(MultiTaskModel):
    """Waits before every batch until it is let go; keeps the batches it saw and the threads that ran them."""

    gate: threading.Event
    entered: threading.Event
    seen: list[list[str]]
    ran_by: list[str]

    def predict(
        self, texts: Sequence[str], head: str = "intent", *, tokens: Sequence[Tokens] | None = None
    ) -> list[Prediction]:
        self.entered.set()
        assert self.gate.wait(10)
        self.seen.append(list(texts))
        self.ran_by.append(threading.current_thread().name)
        return super().predict(texts, head, tokens=tokens)


def held(tiny: Backbone, version: str = "1") -> Any:
    model: Any = make_model(tiny)
    model.__class__ = Held
    model.version, model.seen, model.ran_by = version, [], []
    model.gate, model.entered = threading.Event(), threading.Event()
    model.gate.set()
    return model


@pytest.fixture
def engine() -> Iterator[InferenceEngine]:
    engine = InferenceEngine(queue_limit=4, token_budget=24)
    yield engine
    engine.close()


def serve_held(engine: InferenceEngine, tiny: Backbone, version: str = "1") -> Any:
    model = held(tiny, version)
    engine.swap("support", model)
    model.gate.clear()
    model.entered.clear()
    model.seen.clear()
    model.ran_by.clear()
    return model


def test_answers_come_back_to_who_asked(engine: InferenceEngine, tiny: Backbone) -> None:
    engine.swap("support", make_model(tiny))
    texts = [f"parcel {i}" for i in range(32)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda t: engine.predict("support", [t])[0].text, texts))
    assert answers == texts


def test_what_waits_becomes_one_batch_within_the_budget(engine: InferenceEngine, tiny: Backbone) -> None:
    model = serve_held(engine, tiny)
    first = engine.submit("support", ["hello"])
    assert model.entered.wait(10)
    rest = [engine.submit("support", [text]) for text in ("order", "parcel parcel", "boots")]
    model.gate.set()
    for future in [first, *rest]:
        future.result(10)
    assert model.seen == [["hello"], ["order", "parcel parcel", "boots"]]


def test_a_caller_that_finds_the_engine_idle_runs_its_own_batch_and_others_wait_for_it(
    engine: InferenceEngine, tiny: Backbone
) -> None:
    model = serve_held(engine, tiny)
    with ThreadPoolExecutor(2, thread_name_prefix="caller") as pool:
        first = pool.submit(engine.predict, "support", ["hello"])
        assert model.entered.wait(10)
        rest = [engine.submit("support", [text]) for text in ("order", "boots")]
        engine.swap("support", new := held(tiny, "new"))
        new.seen.clear()
        new.ran_by.clear()
        model.gate.set()
        assert first.result(10)[0].model_version == "1"
        assert [future.result(10)[0].model_version for future in rest] == ["new", "new"]
    assert (model.seen, new.seen) == ([["hello"]], [["order", "boots"]])
    assert model.ran_by[0].startswith("caller")
    assert new.ran_by == ["engine"]


def test_closing_waits_for_a_caller_that_runs_its_own_batch(tiny: Backbone) -> None:
    engine = InferenceEngine()
    model = serve_held(engine, tiny)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engine.predict, "support", ["hello"])
        assert model.entered.wait(10)
        closed = pool.submit(engine.close)
        model.gate.set()
        closed.result(10)
        assert engine.state().read == 1
        assert first.result(10)[0].text == "hello"
    with pytest.raises(BusyError):
        engine.predict("support", ["hello"])


def test_a_full_queue_refuses_and_recovers(engine: InferenceEngine, tiny: Backbone) -> None:
    model = serve_held(engine, tiny)
    futures = [engine.submit("support", ["hello"]) for _ in range(4)]
    with pytest.raises(BusyError, match="4 messages are waiting") as caught:
        engine.submit("support", ["hello"])
    assert caught.value.retry_after > 0
    model.gate.set()
    for future in futures:
        future.result(10)
    assert engine.predict("support", ["hello"])[0].text == "hello"


def test_a_bulk_request_larger_than_the_queue_is_taken_alone(engine: InferenceEngine, tiny: Backbone) -> None:
    engine.swap("support", make_model(tiny))
    assert len(engine.predict("support", ["hello"] * 50)) == 50


def test_a_swap_takes_effect_between_batches(engine: InferenceEngine, tiny: Backbone) -> None:
    old = serve_held(engine, tiny, "old")
    running = engine.submit("support", ["hello", "order"])
    assert old.entered.wait(10)
    engine.swap("support", held(tiny, "new"))
    waiting = engine.submit("support", ["boots", "tent"])
    old.gate.set()
    assert {p.model_version for p in running.result(10)} == {"old"}
    assert {p.model_version for p in waiting.result(10)} == {"new"}
    assert engine.version("support") == "new"


def test_a_cancelled_request_is_not_read(engine: InferenceEngine, tiny: Backbone) -> None:
    model = serve_held(engine, tiny)
    first = engine.submit("support", ["hello"])
    assert model.entered.wait(10)
    gone = engine.submit("support", ["boots"])
    assert gone.cancel()
    model.gate.set()
    first.result(10)
    with pytest.raises(CancelledError):
        gone.result(10)
    assert engine.predict("support", ["tent"])[0].text == "tent"
    assert "boots" not in [t for batch in model.seen for t in batch]


def test_two_apps_are_never_in_one_batch(engine: InferenceEngine, tiny: Backbone) -> None:
    model = serve_held(engine, tiny)
    other = held(tiny, "other")
    engine.swap("finance", other)
    other.seen.clear()
    first = engine.submit("support", ["hello"])
    assert model.entered.wait(10)
    futures = [engine.submit(app, ["order"]) for app in ("support", "finance", "support")]
    model.gate.set()
    for future in [first, *futures]:
        future.result(10)
    assert model.seen == [["hello"], ["order", "order"]]
    assert other.seen == [["order"]]


def test_a_request_whose_client_has_gone_is_not_read(engine: InferenceEngine, tiny: Backbone) -> None:
    model = serve_held(engine, tiny)
    left = threading.Event()
    first = engine.submit("support", ["hello"], left.is_set)
    assert model.entered.wait(10)
    gone = engine.submit("support", ["boots"], left.is_set)
    still_there = engine.submit("support", ["tent"])
    left.set()
    model.gate.set()
    assert first.result(10)[0].text == "hello"
    assert still_there.result(10)[0].text == "tent"
    with pytest.raises(CancelledError):
        gone.result(10)
    assert model.seen == [["hello"], ["tent"]]
    assert engine.state().waiting == 0


def test_a_message_is_tokenised_once_and_by_who_brings_it(
    engine: InferenceEngine, tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.swap("support", make_model(tiny))
    read = TokenReader.read
    seen: list[tuple[list[str], str]] = []

    def counted(self: TokenReader, texts: Sequence[str], prompt: str = "") -> list[Tokens]:
        seen.append((list(texts), threading.current_thread().name))
        return read(self, texts, prompt)

    monkeypatch.setattr(TokenReader, "read", counted)
    prediction = engine.predict("support", ["where is my parcel"])[0]
    assert seen == [(["where is my parcel"], threading.current_thread().name)]
    assert prediction.unknown_share == 0
    assert not prediction.truncated


def test_a_swap_tries_a_batch_of_every_length_first(engine: InferenceEngine, tiny: Backbone) -> None:
    model = held(tiny)
    engine.swap("support", model)
    assert [tiny.token_counts(batch) for batch in model.seen] == [[length] for length in tiny.buckets]


def test_a_failing_model_fails_the_request_and_not_the_engine(
    engine: InferenceEngine, tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(tiny)
    engine.swap("support", model)
    with monkeypatch.context() as patch:
        patch.setattr(model, "forward", Mock(side_effect=RuntimeError("no memory")))
        with pytest.raises(RuntimeError, match="no memory"):
            engine.predict("support", ["hello"])
    assert engine.predict("support", ["hello"])[0].text == "hello"
    assert engine.state().waiting == 0


def test_a_text_that_is_none_never_reaches_the_queue(engine: InferenceEngine, tiny: Backbone) -> None:
    engine.swap("support", make_model(tiny))
    with pytest.raises(TypeError):
        engine.predict("support", ["hello", 3])  # type: ignore[list-item]
    assert engine.state().waiting == 0


def test_an_unknown_app_lists_those_there(engine: InferenceEngine, tiny: Backbone) -> None:
    engine.swap("support", make_model(tiny))
    with pytest.raises(UnknownAppError, match="No app 'shop'. Available: support"):
        engine.predict("shop", ["hello"])
