"""The command ``switchboard``: what an operator and a developer type.

Commands read their settings as the server does; an error that is ours is shown as one plain line, never
as a traceback.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from agent.commands import imports, models, privacy, review, users
from agent.commands.of_apps import WithApps
from agent.commands.options import AppName, AsJson, Config, Data, err, out, settings_of
from agent.errors import DomainError, SwitchboardError, UnknownAppError

app = typer.Typer(
    name="switchboard",
    cls=WithApps,
    help="Chat agents for domain apps: one small model, grounded answers, feedback that teaches.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.add_typer(users.group, name="user")
app.add_typer(imports.group, name="import")


def main() -> None:
    """Entry point; turns our errors into one line and exit status 1, Ctrl-C into 130."""
    from index.documents import KnowledgeError

    try:
        app()
    except (SwitchboardError, KnowledgeError) as error:
        err.print(f"[red]Error:[/red] {_plain(error)}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("Stopped. What was under way goes on from its last checkpoint next time.")
        sys.exit(130)


def _plain(error: Exception) -> str:
    from rich.markup import escape

    return escape(str(error))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [default: 7860]")] = None,
    train: Annotated[
        bool, typer.Option(help="Train new and changed apps in the background; else probes answer for them.")
    ] = True,
    only: Annotated[str | None, typer.Option("--app", help="Serve this app alone. [default: all]")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Serve the page and the API; what is new in an app answers in seconds and is trained meanwhile."""
    import uvicorn

    from agent.app_work import AppWork, works_of
    from agent.background import Background
    from agent.ports import check_port
    from agent.runtime import Agent
    from agent.schedule import Schedule
    from agent.server import create_app
    from agent.teach import first_version
    from agent.watch import Watch

    settings = settings_of(config, host=host, port=port, data=data)
    check_port(settings.host, settings.port)
    agent = Agent.open(settings, holder=settings.address, only=only, untrained=first_version)
    background = Background(agent, adapters=train)
    schedule = Schedule(settings, agent.store.file, tuple(agent.domains), agent.retrainer)
    watch = Watch(agent)
    app_work = AppWork(works_of(agent))
    try:
        server = create_app(agent)
        background.start()
        app_work.start()
        schedule.start()
        watch.start()
        out.print(f"\n[bold]Switchboard is ready:[/bold] {settings.address}\n", highlight=False)
        uvicorn.run(
            server,
            host=settings.host,
            port=settings.port,
            log_config=None,  # its lines go through our handler, which masks personal data
            log_level="warning",
            access_log=False,
            server_header=False,
            # Longer than people think and proxies keep a connection: one that is closed just as the next message comes
            # on it loses that message.
            timeout_keep_alive=75,
        )
    finally:
        app_work.close()
        schedule.close()
        watch.close()
        background.close()
        agent.close()


@app.command()
def chat(name: AppName, data: Data = None, config: Config = None) -> None:
    """Talk to an app in the terminal; an empty line or Ctrl-D ends."""
    from rich.markdown import Markdown

    from agent.errors import BadInputError
    from agent.runtime import Agent
    from agent.types import Message

    settings = settings_of(config, data=data, log_level="warning")
    agent = Agent.open(settings, only=name)
    conversation: str | None = None
    try:
        out.print(agent.domains[name].greeting)
        while True:
            try:
                text = out.input("[bold]you:[/bold] ")
            except EOFError:
                break
            if not text.strip():
                break
            try:
                reply = agent.reply(Message(name, text, "terminal", conversation))
            except BadInputError as error:
                err.print(str(error))
                continue
            conversation = reply.conversation_id
            out.print(Markdown(reply.text))
            for number, citation in enumerate(reply.citations, 1):
                out.print(f"  [dim]\\[{number}] {_escape(citation.title)} ({_escape(citation.source)})[/dim]")
            for figure in reply.figures:
                said = f"{figure.title}: {figure.note}" if figure.note else figure.title
                out.print(f"  [dim]{_escape(said)} (PNG {_escape(figure.png)}, CSV {_escape(figure.table)})[/dim]")
            out.print(f"  [dim]{_escape(reply.route.kind)}: {_escape(reply.route.reason)}[/dim]")
    finally:
        agent.close()


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


@app.command()
def train(
    name: AppName,
    method: Annotated[
        str, typer.Option(help="lora, dora, adalora, bottleneck, full or none (the heads alone).")
    ] = "lora",
    rank: Annotated[int, typer.Option(min=1, help="Rank of LoRA, width of a bottleneck.")] = 16,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the examples at the most.")] = 4,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples a step.")] = 32,
    learning_rate: Annotated[float | None, typer.Option(help="Peak rate of the adapter. [default: by method]")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same data, same machine: the same model.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not go on from an interrupted run.")] = False,
    promote: Annotated[bool, typer.Option(help="Serve the new version.")] = True,
    data: Data = None,
    config: Config = None,
) -> None:
    """Train an app's model; Ctrl-C is safe, and the same command goes on where it stopped."""
    from agent.learning.retrain import recipe
    from agent.teach import teach_app

    settings = settings_of(config, data=data)
    chosen = recipe(method, rank, epochs, batch_size, learning_rate, seed)
    teach_app(settings, name, chosen, fresh=fresh, promote=promote)


@app.command()
def evaluate(
    name: AppName,
    version: Annotated[str | None, typer.Option(help="Version to evaluate. [default: the champion]")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Where to write the HTML report. [default: beside the version]")
    ] = None,
    recommendation: Annotated[
        bool,
        typer.Option(
            "--recommendation", help="Measure recommendations instead: a model of its own is trained beside baselines."
        ),
    ] = False,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Measure a model on the app's test split: a table, an HTML report with plots, and JSON."""
    from agent.learning.report import print_report, write_html
    from agent.teach import evaluate_app, evaluate_taste

    settings = settings_of(config, data=data)
    if recommendation:
        from agent.learning.ranking_report import print_ranking

        found = evaluate_taste(settings, name)
        if as_json:
            print(json.dumps(asdict(found)))
        else:
            print_ranking(found, out, app=name)
        return
    report, folder = evaluate_app(settings, name, version)
    folder.mkdir(parents=True, exist_ok=True)
    page = html or folder / "report.html"
    write_html(report, page, app=name)
    (folder / "report.json").write_text(json.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(report.to_dict()))
    else:
        print_report(report, out, app=name)
        out.print(f"Report with plots: {page}\nJSON: {folder / 'report.json'}", highlight=False, soft_wrap=True)


@app.command("test")
def hold_conversations(name: AppName, as_json: AsJson = False, data: Data = None, config: Config = None) -> None:
    """Hold an app's scripted conversations with its model; exit status 1 if a reply is not as expected."""
    from agent.rehearsal import rehearse_app

    done = rehearse_app(settings_of(config, data=data), name)
    rows = [(m.script.file, m.script.name, m.turn.number, m.turn.say, m.what, m.expected, m.got) for m in done.misses]
    if as_json:
        keys = ("file", "conversation", "turn", "say", "what", "expected", "got")
        misses = [dict(zip(keys, row, strict=True)) for row in rows]
        print(json.dumps({"conversations": len(done.scripts), "passed": done.passed, "misses": misses}))
    else:
        if rows:
            table = Table("file", "conversation", "turn", "said", "what", "expected", "got")
            for row in rows:
                table.add_row(*(_escape(str(cell)) for cell in row))
            out.print(table)
        out.print(f"{name}: {done.passed} of {len(done.scripts)} conversations went as expected.", highlight=False)
    if rows:
        raise typer.Exit(1)


@app.command()
def check(name: AppName, config: Config = None) -> None:
    """Name every mistake in an app's files, with file and line."""
    from agent.domain import Domain, discover

    found = discover(settings_of(config).apps)
    if name not in found and not Path(name).is_dir():
        raise UnknownAppError(name, list(found))
    folder = found.get(name, Path(name))
    mistakes = Domain.check(folder)
    if mistakes:
        raise DomainError(folder.name, mistakes)
    out.print(f"{folder.name}: no mistakes.", highlight=False)


@app.command()
def index(name: AppName, data: Data = None, config: Config = None) -> None:
    """Bring an app's knowledge index level with its documents."""
    from agent.apps import open_index
    from agent.model.backbone import Backbone
    from agent.progress import Bar
    from agent.teach import domain_of

    settings = settings_of(config, data=data)
    with Bar("index", "texts") as bar:
        built = open_index(
            domain_of(settings, name), settings.data, Backbone.load(settings.backbone, settings.device), bar.update
        )
    out.print(
        f"{name}: {len(built)} passages of {len(built.documents())} documents, FAISS {built.kind}.", highlight=False
    )


@app.command()
def predict(
    name: AppName,
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; none reads lines from standard input.")] = None,
    as_json: AsJson = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """What the model reads in each text: intent, out-of-scope score, sentiment."""
    from agent.teach import load_champion
    from agent.text import clean

    settings = settings_of(config, data=data)
    given = texts or [line for line in sys.stdin.read().splitlines() if line.strip()]
    cleaned = [clean(text, settings.max_message_chars) for text in given]
    predictions = load_champion(settings, name).predict(cleaned)
    if as_json:
        for p in predictions:
            row = {
                "text": p.text,
                "intents": {r.name: round(r.confidence, 4) for r in p.intents[:5]},
                "out_of_scope": round(p.out_of_scope, 4),
                "sentiment": {k: round(v, 4) for k, v in p.sentiment.scores.items()} if p.sentiment else None,
                "model_version": p.model_version,
            }
            print(json.dumps(row, ensure_ascii=False))
        return
    table = Table("text", "intent", "confidence", "out of scope", "sentiment")
    for p in predictions:
        scope = f"{p.out_of_scope:.2f}" + (" *" if p.out_of_scope >= p.out_of_scope_threshold else "")
        feeling = f"{p.sentiment.label} {p.sentiment.scores[p.sentiment.label]:.2f}" if p.sentiment else ""
        table.add_row(_escape(p.text), p.intent or "", f"{p.confidence:.2f}", scope, feeling)
    out.print(table)


app.command()(models.versions)
app.command()(models.retrain)
app.command()(models.compare)
app.command()(models.promote)
app.command()(models.rollback)


app.command()(review.review)
app.command()(review.export)


@app.command("bench-load")
def bench_load(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of a running service, with rate_limit = 0.")],
    name: AppName,
    clients: Annotated[int, typer.Option(min=1, help="Clients at the same time.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="How long they go on.")] = 60,
    think: Annotated[
        float, typer.Option(min=0, help="Seconds, on average, that a client thinks before it writes.")
    ] = 5,
    conversations: Annotated[
        Path | None,
        typer.Option(help="Text file: a message a line, an empty line between two. [default: the app's examples]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Load a running service with conversations; exit status 1 if a reply failed or was crossed with another."""
    from agent.load import example_conversations, read_conversations, run_load

    talks = read_conversations(conversations) if conversations else example_conversations(url, name)
    report = run_load(url, name, talks, clients=clients, seconds=seconds, think=think)
    if as_json:
        print(json.dumps(report.to_dict()))
    else:
        table = Table("what", "figure", title=f"{clients} clients, {think:g} s to think, {report.seconds:.0f} s")
        table.add_row("replies", str(report.messages))
        table.add_row("conversations", str(report.conversations))
        table.add_row("replies a second", f"{report.per_second:.1f}")
        for figure, value in report.latency_ms.items():
            table.add_row(f"latency, {figure}", f"{value:.0f} ms")
        table.add_row("crossed", str(report.crossed))
        table.add_row("failed", ", ".join(f"{code} {n}" for code, n in report.failed.items()) or "0")
        out.print(table)
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def doctor(as_json: AsJson = False, data: Data = None, config: Config = None) -> None:
    """Look over machine, weights, data, disk and versions; exit status 1 if something is wrong."""
    from agent.doctor import examine

    findings = examine(settings_of(config, data=data))
    if as_json:
        print(json.dumps([{"what": f.what, "ok": f.ok, "found": f.found, "remedy": f.remedy} for f in findings]))
    else:
        table = Table("what", "", "found", "remedy")
        for f in findings:
            table.add_row(f.what, "[green]ok[/green]" if f.ok else "[red]no[/red]", _escape(f.found), _escape(f.remedy))
        out.print(table)
    if not all(f.ok for f in findings):
        raise typer.Exit(1)


app.add_typer(privacy.customer, name="customer")
# Whoever is asked to erase a user may look for it there.
users.group.command("erase")(privacy.erase_customer)
app.add_typer(privacy.hold, name="hold")
app.command()(privacy.backup)
app.command()(privacy.sweep)


if __name__ == "__main__":
    main()
