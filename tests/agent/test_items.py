from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.catalogue import Catalogue, Filters, load_catalogue, own_mistakes
from agent.domain import Domain
from agent.errors import BadInputError, DomainError
from agent.items import is_private, item_of, item_text, price_of, read_items
from agent.types import Item
from tests.agent.dialogue.small_app import make_app

KITE = {"id": "kite", "title": "Red kite", "text": "A kite for windy beaches."}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def causes(path: Path) -> list[tuple[int, str]]:
    return [(reject.line, reject.cause) for reject in read_items(path)[1]]


def test_an_item_with_all_that_it_may_have(tmp_path: Path) -> None:
    more = {"price": 12.5, "image": "/covers/kite.svg", "url": "https://shop.example/kite", "stock": 3, "age": 6}
    [item], rejects = read_items(
        write(tmp_path / "items.jsonl", KITE | more | {"moods": ["Airy", "bright"], "by": "Orr"})
    )
    assert rejects == []
    assert (item.price, item.image, item.url) == (12.5, "/covers/kite.svg", "https://shop.example/kite")
    assert item.attributes == {"stock": 3.0, "age": 6.0, "moods": ("Airy", "bright"), "by": "Orr"}
    assert item_text(item) == "Red kite. A kite for windy beaches. Airy, bright, Orr."


def test_columns_are_known_by_their_usual_names(tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    path.write_text("SKU;Name;Description;Cost;Genre;quantity\nk1;Kite;For windy days;9,90;toys|outdoor;0\n")
    [item], rejects = read_items(path)
    assert rejects == []
    assert (item.id, item.title, item.text, item.price) == ("k1", "Kite", "For windy days", 9.9)
    assert item.attributes == {"category": ("toys", "outdoor"), "stock": 0.0}


def test_a_column_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    path.write_text("id,title,text,headline\nk1,short,For windy days,The long title\n")
    [item], _ = read_items(path, {"title": "headline"})
    assert (item.title, item.attributes) == ("The long title", {})
    with pytest.raises(BadInputError, match="no column 'caption'. It has: headline, id, text, title"):
        read_items(path, {"title": "caption"})


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"text": ""}, "it has no text"),
        ({"text": "\u200b \n"}, "it has no text"),
        ({"title": None}, "it has no title"),
        ({"id": " "}, "it has no id"),
        ({"title": ["a"]}, "its title is no text"),
        ({"text": "x" * 20_001}, "its text has 20001 characters; at most 20000 are taken"),
        ({"price": "ask us"}, "its price 'ask us' is no number of 0 or more; leave it empty if it is not known"),
        ({"price": -1}, "its price -1 is no number of 0 or more; leave it empty if it is not known"),
        ({"price": True}, "its price True is no number of 0 or more; leave it empty if it is not known"),
        ({"stock": "plenty"}, "its stock 'plenty' is no number of 0 or more"),
        ({"age": float("nan")}, "its age nan is no number of 0 or more"),
        ({"size": {"w": 1}}, "its size is neither a text nor a number, nor a list of texts"),
        ({"moods": ["a", 1]}, "its moods is neither a text nor a number, nor a list of texts"),
        (
            {"image": "http://shop.example/k.png"},
            "its image 'http://shop.example/k.png' is neither a path (/...) nor an",
        ),
        ({"image": "https://10.0.0.7/k.png"}, "its image 'https://10.0.0.7/k.png' is a private address"),
        ({"image": "https://localhost/k.png"}, "its image 'https://localhost/k.png' is a private address"),
        ({"image": "//evil.example/k.png"}, "its image '//evil.example/k.png' is neither a path"),
        ({"url": "javascript:alert(1)"}, "its url 'javascript:alert(1)' is neither a path"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(tmp_path: Path, changes: dict[str, Any], cause: str) -> None:
    [(line, said)] = causes(write(tmp_path / "items.jsonl", KITE | {"id": "other"}, KITE | changes))
    assert line == 2
    assert said.startswith(cause)


def test_one_bad_row_keeps_none_of_the_others_out(tmp_path: Path) -> None:
    path = write(tmp_path / "items.jsonl", KITE, "{broken", "[1]", "", KITE, KITE | {"id": "two"})
    items, rejects = read_items(path)
    assert [item.id for item in items] == ["kite", "two"]
    assert [reject.line for reject in rejects] == [2, 3, 5]
    assert rejects[2].cause == "the id 'kite' stands on line 1 already"


@pytest.mark.parametrize(
    ("written", "price"),
    [
        *[("free", 0.0), ("FREE ", 0.0), ("", None), (None, None), (0, 0.0), ("€ 12.50", 12.5), ("12,50", 12.5)],
        *[("1,299.00", 1299.0), ("1.299,00", 1299.0), ("USD 7", 7.0), ("5 euro", 5.0), (19, 19.0)],
    ],
)
def test_prices_as_people_write_them(written: object, price: float | None) -> None:
    assert price_of(written) == price


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "::1", "fe80::1%eth0", "intranet", "nas.local"])
def test_hosts_of_somebodys_own(host: str) -> None:
    assert is_private(host)
    assert not is_private("covers.example.com")
    assert not is_private("8.8.8.8")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("items.txt", "id\n", "neither JSON lines nor CSV"),
        ("items.csv", "", "has no header"),
        ("items.csv", "id,title\n\xff", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: str, error: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInputError, match=error):
        read_items(path)
    with pytest.raises(BadInputError, match="No such file"):
        read_items(tmp_path / "nowhere.csv")


def test_a_row_with_too_many_cells_is_named(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("id,title,text\nk1,Kite,For wind\nk2,Kite,For wind,more\n")
    assert causes(path) == [(3, "it has 4 cells where the header has 3")]


def test_the_mistakes_of_an_apps_own_items_are_among_those_of_the_app(tmp_path: Path) -> None:
    folder = make_app(tmp_path)
    write(folder / "items.jsonl", KITE, KITE | {"text": ""})
    assert Domain.check(folder) == ["items.jsonl:2: it has no text."]
    write(folder / "items.jsonl")
    assert own_mistakes(folder) == ["items.jsonl:1: the catalogue is empty. Add an item, or remove the file."]
    (folder / "items.csv").write_text("id\n")
    assert own_mistakes(folder) == ["items.csv:1: items.jsonl is there too. Keep one of them."]


def test_an_imported_catalogue_stands_in_the_place_of_the_apps_own(tmp_path: Path) -> None:
    folder, data = tmp_path / "toys", tmp_path / "data"
    folder.mkdir()
    assert load_catalogue("toys", folder, data) is None
    write(folder / "items.jsonl", KITE)
    own = load_catalogue("toys", folder, data)
    assert own is not None
    assert list(own.row) == ["kite"]
    (data / "catalogues" / "toys").mkdir(parents=True)
    imported = write(data / "catalogues" / "toys" / "items.jsonl", KITE | {"id": "two"})
    found = load_catalogue("toys", folder, data)
    assert found is not None
    assert list(found.row) == ["two"]
    imported.write_text("{broken\n" * 30)
    with pytest.raises(DomainError, match=r"items.jsonl:1: it is no JSON(.|\n)*10 more rows are no items") as caught:
        load_catalogue("toys", folder, data)
    assert len(caught.value.mistakes) == 21


@pytest.fixture
def shelf() -> Catalogue:
    def item(name: str, price: float | None = None, **attributes: Any) -> Item:
        return Item(name, name.title(), "Words.", attributes, price)

    return Catalogue(
        [
            item("kite", 12.0, stock=0.0, moods=("Airy", "bright"), age=6.0),
            item("lamp", 30.0, stock=2.0, moods=("Cosy",), age=18.0),
            item("song", None, category="Music"),
        ]
    )


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (Filters(in_stock=False), ["kite", "lamp", "song"]),
        (Filters(), ["lamp", "song"]),
        (Filters(price_most=12, in_stock=False), ["kite"]),
        (Filters(price_least=12.5), ["lamp"]),
        (Filters(age=7, in_stock=False), ["kite"]),
        (Filters(only=("MUSIC",)), ["song"]),
        (Filters(avoid=("cosy",)), ["song"]),
        (Filters(only=("airy", "bright"), in_stock=False), ["kite"]),
        (Filters(only=("nowhere",)), []),
    ],
)
def test_filters(shelf: Catalogue, filters: Filters, names: list[str]) -> None:
    masks = shelf.conditions(filters)
    kept = [item.id for row, item in enumerate(shelf.items) if all(mask[row] for mask in masks.values())]
    assert kept == names


def test_words_of_attributes(shelf: Catalogue) -> None:
    assert shelf.values == {"airy": "Airy", "bright": "bright", "cosy": "Cosy", "music": "Music"}
    assert shelf.share("cosy") == pytest.approx(1 / 3)
    assert shelf.mask(["song", "gone"]).tolist() == [False, False, True]


def test_an_item_with_too_many_attributes() -> None:
    with pytest.raises(ValueError, match="51 attributes"):
        item_of(KITE | {f"a{n}": n for n in range(51)})
