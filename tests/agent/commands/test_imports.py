from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from agent.config import Settings
from agent.database import DataFile
from agent.events import EventBook
from tests.agent.command_line import Run, runner, use
from tests.agent.library import make_library

ITEMS = """sku,name,description,price,genre
k1,Kite,For windy beaches,12.50,toys|outdoor
k2,Lamp,A lamp for the tent,free,outdoor
k3,Song,,3,music
k2,Lamp again,Another lamp,4,outdoor
"""
EVENTS = [
    {"id": "e1", "user": "ann", "item": "k1", "kind": "like", "at": "2026-11-20T10:00:00Z"},
    {"id": "e2", "user": "ben", "item": "k2", "kind": "purchase", "at": 1763633000},
    {"id": "e3", "user": "ben", "item": "k9", "kind": "click", "at": 1763633001},
    {"id": "e4", "user": "ben", "item": "k9", "kind": "click", "at": 1763633002},
    {"id": "e5", "user": "ben", "item": "k1", "kind": "stare", "at": 1763633003},
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_library(tmp_path)


@pytest.fixture
def run(
    settings: Settings, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    use(monkeypatch, settings, tiny_folder)
    return runner(monkeypatch, capsys)


@pytest.fixture
def goods(tmp_path: Path) -> tuple[str, str]:
    """A catalogue and what users did with it."""
    (tmp_path / "goods.csv").write_text(ITEMS)
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    return str(tmp_path / "goods.csv"), str(tmp_path / "events.jsonl")


def imported(settings: Settings) -> list[str]:
    lines = (settings.data / "catalogues" / "library" / "items.jsonl").read_text().splitlines()
    return [json.loads(line)["id"] for line in lines]


def liked(settings: Settings) -> dict[str, int]:
    with closing(DataFile.open(settings.data)) as file:
        return EventBook(file).popularity("library")


def test_a_catalogue_with_its_events(run: Run, settings: Settings, goods: tuple[str, str], tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.txt"
    status, out, err = run(
        "import", "catalogue", goods[0], "--events", goods[1], "--app", "library", "--rejects", str(rejects)
    )
    assert status == 0, err
    assert "2 items, 2 of them new.\n2 new events, 0 known ones." in out
    said = [
        "goods.csv:4: it has no text",
        "goods.csv:5: the id 'k2' stands on line 3 already",
        "events.jsonl:5: 'stare' is no kind of event. Known: view, click, like, dislike, buy, rate.",
        "2 events of item 'k9', which the catalogue has not",
    ]
    assert rejects.read_text().splitlines() == said
    assert all(f"not taken: {cause}" in err for cause in said)
    assert imported(settings) == ["k1", "k2"]
    assert liked(settings) == {"k1": 1, "k2": 1}
    with closing(DataFile.open(settings.data)) as file:
        assert [event.item for event in EventBook(file).history("library", "user:ann")] == ["k1"]


def test_the_same_again_changes_nothing(run: Run, settings: Settings, goods: tuple[str, str]) -> None:
    arguments = ("import", "catalogue", goods[0], "--events", goods[1], "--app", "library", "--json")
    assert run(*arguments)[0] == 0
    # The app has items now, so that it need not be named.
    again = json.loads(run("import", "catalogue", goods[0], "--events", goods[1], "--json")[1])
    assert (again["items"], again["new_items"], again["events"], again["known_events"]) == (2, 0, 0, 2)
    assert json.loads(run("import", "events", goods[1], "--json")[1])["known_events"] == 2


def test_items_join_those_of_before_or_take_their_place(
    run: Run, settings: Settings, goods: tuple[str, str], tmp_path: Path
) -> None:
    run("import", "catalogue", goods[0], "--app", "library")
    more = tmp_path / "more.csv"
    more.write_text("id;headline;text\nk1;Red kite;Now in red\nk4;Drum;Loud\n")
    assert run("import", "catalogue", str(more), "--column", "title=headline")[0] == 0
    assert imported(settings) == ["k1", "k2", "k4"]
    assert run("import", "catalogue", str(more), "--column", "title=headline", "--replace")[0] == 0
    assert imported(settings) == ["k1", "k4"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["catalogue", "nowhere.csv", "--app", "library"], "Cannot read nowhere.csv: No such file or directory"),
        (["catalogue", "{goods}", "--app", "nowhere"], "No app 'nowhere'. Available:"),
        (["catalogue", "{goods}", "--app", "library", "--column", "title"], "--column takes OURS=THEIRS"),
        (["catalogue", "{goods}", "--app", "library", "--column", "title=Caption"], "has no column 'Caption'"),
        (
            ["catalogue", "{empty}", "--app", "library"],
            "There is no item to import; nothing was changed.\nempty",
        ),
        (["events", "{events}", "--app", "library"], "App 'library' has no items yet. Import a catalogue first."),
        (["movielens", "{folder}", "--app", "library"], "u.data"),
    ],
)
def test_what_cannot_be_imported_is_said_and_nothing_changed(
    run: Run, settings: Settings, goods: tuple[str, str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "empty.csv").write_text("id,title,text\nk1,,\n")
    places = {"goods": goods[0], "events": goods[1], "empty": tmp_path / "empty.csv", "folder": tmp_path / "data"}
    status, _, err = run("import", *(argument.format(**places) for argument in arguments))
    assert status == 1
    assert said in err
    assert not (settings.data / "catalogues" / "library" / "items.jsonl").exists()


def test_the_app_must_be_clear(run: Run, goods: tuple[str, str]) -> None:
    status, _, err = run("import", "catalogue", goods[0])
    assert status == 1
    assert "Name the app with --app. Available:" in err


def test_films_in_both_layouts_of_movielens(run: Run, settings: Settings, tmp_path: Path) -> None:
    table, bars = tmp_path / "table", tmp_path / "bars"
    table.mkdir()
    (table / "movies.csv").write_text('movieId,title,genres\n1,"Ferry, The (1995)",Drama\n2,Kite (2001),Comedy|War\n')
    (table / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n7,1,4.5,964982703\n7,2,1.0,964982704\n8,2,x,9\n"
    )
    status, out, err = run("import", "movielens", str(table), "--app", "library")
    assert status == 0, err
    assert "2 items, 2 of them new.\n2 new events, 0 known ones." in out
    assert "not taken: ratings.csv:4:" in err
    assert liked(settings) == {"1": 1}
    assert "2 items, 0 of them new.\n0 new events, 2 known ones." in run("import", "movielens", str(table))[1]
    bars.mkdir()
    (bars / "u.item").write_text(
        f"1|Ferry (1995)|01-Jan-1995||http://films.example/1|{'0|' * 8}1|{'0|' * 9}0\n", "latin-1"
    )
    (bars / "u.data").write_text("9\t1\t5\t881250949\n")
    assert run("import", "movielens", str(bars), "--replace")[0] == 0
    assert imported(settings) == ["1"]
    assert liked(settings) == {"1": 2}


def test_many_rejects_are_shown_in_part(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    path.write_text("id,title,text\n" + "".join(f"k{n},Kite,{'' if n else 'For wind'}\n" for n in range(31)))
    status, _, err = run("import", "catalogue", str(path), "--app", "library")
    assert status == 0
    assert err.count("not taken:") == 10
    assert "and 20 more; --rejects FILE writes all of them." in err
