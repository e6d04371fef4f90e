"""Commands around reviews: going through the queue in the terminal, and handing out what came of it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from agent.commands.options import AppName, Config, Data, out, settings_of
from agent.errors import ConfigError


def review(
    name: AppName,
    wishes: Annotated[
        bool, typer.Option("--wishes", help="Groups of messages that no intent is for, instead of single messages.")
    ] = False,
    labels: Annotated[
        bool, typer.Option("--labels", help="Examples of the app whose intent looks wrong, instead of messages.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, help="Messages in the batch.")] = 150,
    reviewer: Annotated[
        str | None, typer.Option("--as", help="Name of the reviewer. [default: your account's]")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Review messages one by one, those first that teach the most; a key decides, and undo takes back."""
    from agent.apps import open_index
    from agent.commands.review_session import ReviewSession
    from agent.learning.registry import ModelRegistry
    from agent.model.bulk import read_all
    from agent.model.memory import Memory
    from agent.reviewing import Matrix, group_wishes, review_queue, wrong_labels
    from agent.store import Store
    from agent.teach import domain_of, learning_data, load_champion

    settings = settings_of(config, data=data, log_level="warning")
    domain = domain_of(settings, name)
    model = load_champion(settings, name)
    index = open_index(domain, settings.data, model.backbone)

    def read(texts: Sequence[str]) -> Matrix:
        queries = read_all(model, texts).query
        assert queries is not None
        return queries.numpy()

    with closing(Store.open(settings.data)) as store:
        session = ReviewSession(out, store, domain, index, reviewer or getpass.getuser(), name)
        known = learning_data(domain, index, store.file, settings)
        if wishes:
            session.wishes(group_wishes(store.file, name, read))
        elif labels:
            session.labels(wrong_labels(known, lambda texts: model.backbone.encode(texts, prompt="query")))
        else:
            memory = Memory.load(ModelRegistry(settings.data, name).version_folder(model.version))
            session.messages(review_queue(store.file, name, known, memory, read, most))


def export(
    name: AppName,
    form: Annotated[
        str, typer.Option("--format", help="csv, jsonl (chat messages), preference (pairs) or rasa.")
    ] = "csv",
    to: Annotated[Path | None, typer.Option(help="File to write. [default: standard output]")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Hand out an app's reviewed data for other tools; what was undone or skipped is left out."""
    from agent.export import FORMATS, exported
    from agent.store import Store
    from agent.teach import domain_of

    if form not in FORMATS:
        raise ConfigError(f"Option '--format' is '{form}'; choose {', '.join(FORMATS)}.")
    settings = settings_of(config, data=data)
    domain_of(settings, name)
    with closing(Store.open(settings.data)) as store:
        text = exported(store.file, name, form)
    if to is None:
        sys.stdout.write(text)
    else:
        # As it is: a CSV's line ends are part of its format.
        to.write_text(text, encoding="utf-8", newline="")
