"""MovieLens in both layouts, and what is wrong in either."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import BadInputError
from agent.learning.movielens import read_movielens


@pytest.fixture
def csv_folder(tmp_path: Path) -> Path:
    (tmp_path / "movies.csv").write_text(
        'movieId,title,genres\n7,"Lighthouse, The (1998)",Drama|Mystery\n9,Plain,(no genres listed)\n', encoding="utf-8"
    )
    (tmp_path / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,7,4.5,0\n2,9,1.0,86400\n", encoding="utf-8"
    )
    return tmp_path


def test_csv(csv_folder: Path) -> None:
    found = read_movielens(csv_folder, "films")
    first, second = found.items
    assert (first.id, first.title) == ("7", "The Lighthouse (1998)")
    assert first.text == "The Lighthouse (1998). drama, mystery."
    assert first.attributes == {"genres": ("Drama", "Mystery"), "year": 1998.0}
    assert (second.text, second.attributes) == ("Plain.", {"genres": ()})
    event = found.events[0]
    assert (event.id, event.app, event.user, event.item, event.kind, event.value) == (
        "1-7",
        "films",
        "1",
        "7",
        "rate",
        4.5,
    )
    assert event.at == "1970-01-01T00:00:00.000000+00:00"
    assert not found.notices


def test_tab_separated(tmp_path: Path) -> None:
    flags = "|".join("1" if i in (8, 13) else "0" for i in range(19))
    (tmp_path / "u.item").write_bytes(f"3|Señal (1995)|01-Jan-1995||link|{flags}\n".encode("latin-1"))
    (tmp_path / "u.data").write_text("5\t3\t4\t874965758\n", encoding="utf-8")
    found = read_movielens(tmp_path, "films")
    assert found.items[0].text == "Señal (1995). drama, mystery."
    assert found.events[0].at == "1997-09-22T22:02:38.000000+00:00"


def test_a_damaged_row_is_named_and_the_others_are_read(csv_folder: Path) -> None:
    with (csv_folder / "ratings.csv").open("a", encoding="utf-8") as stream:
        stream.write("3,7,5.0,847 https://somewhere\n4,7,11,0\n5,7\n6,9,2.0,5\n")
    found = read_movielens(csv_folder, "films")
    assert [event.user for event in found.events] == ["1", "2", "6"]
    assert [notice.split(": ")[0] for notice in found.notices] == ["ratings.csv:4", "ratings.csv:5", "ratings.csv:6"]
    assert "11 is not within 0 to 5" in found.notices[1]


def test_a_folder_without_either_layout(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"neither ratings.csv with movies.csv, nor u.data with u.item"):
        read_movielens(tmp_path, "films")


def test_a_file_of_which_nothing_can_be_read(csv_folder: Path) -> None:
    (csv_folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\nnonsense\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"No row of .*ratings.csv can be read. ratings.csv:2"):
        read_movielens(csv_folder, "films")
    (csv_folder / "ratings.csv").write_text("", encoding="utf-8")
    with pytest.raises(BadInputError, match="ratings.csv is empty"):
        read_movielens(csv_folder, "films")


def test_a_file_in_another_encoding_is_named(csv_folder: Path) -> None:
    (csv_folder / "movies.csv").write_bytes("movieId,title,genres\n1,Señal,Drama\n".encode("latin-1"))
    with pytest.raises(BadInputError, match="movies.csv cannot be read"):
        read_movielens(csv_folder, "films")
