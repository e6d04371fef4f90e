from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.background import Background
from agent.config import Settings
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.runtime import Agent
from agent.teach import first_version
from agent.types import Message
from tests.agent.library import make_library, train_library

Start = Callable[..., Agent]
APP = "library"


@pytest.fixture
def settings(tmp_path: Path, tiny_folder: Path) -> Settings:
    return make_library(tmp_path, backbone=str(tiny_folder), device="cpu")


@pytest.fixture
def start(settings: Settings, tiny: Backbone) -> Iterator[Start]:
    """Opens agents as the server does; they are closed at the end."""
    opened: list[Agent] = []

    def open_agent() -> Agent:
        opened.append(Agent.open(settings, backbone=tiny, only=APP, untrained=first_version))
        return opened[-1]

    yield open_agent
    for agent in opened:
        agent.close()


def add_intent(settings: Settings) -> None:
    """A new intent with its examples, as somebody writes them."""
    folder = settings.apps[0]
    with (folder / "domain.toml").open("a") as stream:
        stream.write('\n[intents.weather]\ntitle = "the weather"\nroute = "reply"\nresponse = "sunny"\n')
        stream.write('\n[responses.sunny]\nneutral = "The sun shines."\n')
    with (folder / "examples.jsonl").open("a") as stream:
        for text in ("what weather is it", "is the weather fine", "the weather is awful", "weather please"):
            stream.write(json.dumps({"text": text, "intent": "weather"}) + "\n")


def saying(*lines: object, then: str = "") -> tuple[str, ...]:
    """A command in the place of the learning process: prints the lines and runs ``then``."""
    code = "import sys\n" + "".join(f"print({json.dumps(json.dumps(line))}, flush=True)\n" for line in lines) + then
    return (sys.executable, "-c", code)


def champion(settings: Settings) -> str | None:
    folder = ModelRegistry(settings.data, APP).champion()
    return folder.name if folder else None


def test_a_new_intent_is_answered_while_the_service_runs(settings: Settings, start: Start) -> None:
    """The one test with a learning process of ours; what it does is tested in test_study."""
    agent = start()
    background = Background(agent, adapters=False)
    add_intent(settings)
    assert not background._look(APP), "the files may still be written"
    assert background._look(APP)
    assert "weather" in agent.domains[APP].intents
    assert background._stage(APP) == "probe"
    background._learn(APP, adapter=False)
    assert background._stage(APP) is None
    reply = agent.reply(Message(APP, "what weather is it", "ann"))
    assert "The sun shines." in reply.text
    assert reply.model_version == champion(settings) == "2"
    assert agent.training == {}
    background.close()


def test_what_was_made_is_served(settings: Settings, start: Start, tiny: Backbone) -> None:
    agent = start()
    assert agent.reply(Message(APP, "when do you open", "ann")).model_version == "1"
    background = Background(agent, command=saying({"step": 1, "total": 1}, {"version": "2"}))
    train_library(settings, tiny)
    background._learn(APP, adapter=True)
    assert agent.reply(Message(APP, "when do you open", "ann")).model_version == "2"
    assert background._stage(APP) is None
    background.close()


def test_a_model_that_another_process_made_is_served(settings: Settings, start: Start, tiny: Backbone) -> None:
    agent = start()
    background = Background(agent, command=saying())
    train_library(settings, tiny)
    background._learn(APP, adapter=True)
    assert agent.engine.version(APP) == "2"
    background.close()


def test_files_with_mistakes_are_named_and_what_was_read_goes_on(
    settings: Settings, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    agent = start()
    background = Background(agent)
    with (settings.apps[0] / "domain.toml").open("a") as stream:
        stream.write("\n[intents.weather]\n")
    background._look(APP)
    assert not background._look(APP)
    assert "domain.toml" in caplog.text
    assert background._stage(APP) is None
    assert agent.reply(Message(APP, "when do you open", "ann")).why["intents"][0]["name"] == "hours"
    background.close()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (saying({"failed": "Too few examples of: fines."}, then="sys.exit(1)"), "Too few examples of: fines."),
        (saying(then="import os; os.kill(os.getpid(), 9)"), "SIGKILL"),
        (saying({"step": 1, "total": 9}, then="sys.exit(3)"), "status 3"),
        (("/no/such/program",), "cannot be run"),
    ],
)
def test_a_failure_is_said_and_the_service_goes_on(
    command: tuple[str, ...], said: str, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    agent = start()
    background = Background(agent, command=command)
    assert background._stage(APP) == "adapter"
    background._learn(APP, adapter=True)
    assert said in caplog.text
    assert background._stage(APP) is None, "it would fail again"
    assert agent.ready()[1]["training"] == {APP: {"state": "failed", "step": 0, "total": 0}}
    assert agent.apps()[0]["training"] is None
    assert agent.reply(Message(APP, "when do you open", "ann")).model_version == "1"
    background.close()


def test_progress_is_shown_and_close_ends_the_process_in_its_own_way(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = start()
    ended = tmp_path / "ended"
    then = f"sys.stdin.read(); open({str(ended)!r}, 'w').close(); sys.exit(130)"
    background = Background(agent, command=saying({"step": 3, "total": 9}, {"version": "1"}, then=then))
    heard = threading.Event()
    monkeypatch.setattr(background, "_serve_champion", lambda name: heard.set() or "")
    background.start()
    assert heard.wait(60)
    assert agent.apps()[0]["training"] == {"step": 3, "total": 9}
    assert agent.ready()[1]["training"][APP]["state"] == "running"
    background.close()
    assert ended.exists()
    assert agent.training == {}


def test_a_change_of_the_files_interrupts_what_is_learned(settings: Settings, start: Start) -> None:
    agent = start()
    steps = "import json\nfor line in iter(int, 1):\n    print(json.dumps({'step': 1, 'total': 9}), flush=True)\n"
    waits = (
        "import threading, os\nthreading.Thread(target=lambda: (os.read(0, 1), os._exit(130)), daemon=True).start()\n"
    )
    background = Background(agent, look_every=0.0, command=saying(then=waits + steps))
    add_intent(settings)
    background._learn(APP, adapter=True)
    assert "weather" in agent.domains[APP].intents
    assert background._stage(APP) == "probe"
    background.close()


def test_files_that_changed_while_they_were_read_are_read_again(settings: Settings, start: Start) -> None:
    agent = start()
    add_intent(settings)
    background = Background(agent)
    assert background._look(APP)
    assert "weather" in agent.domains[APP].intents
    background.close()
