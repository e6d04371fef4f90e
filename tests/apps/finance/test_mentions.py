from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import BadInputError
from apps.finance.mentions import Finder
from apps.finance.watchlist import load_watchlist
from apps.finance.windows import passages


def named(finder: Finder, text: str) -> list[str]:
    return [mention.ticker for mention in finder.find(text)]


@pytest.mark.parametrize(
    ("text", "tickers"),
    [
        ("Halcyon Networks beats", ["HLXN"]),
        ("$HLXN and $qrtz", ["HLXN"]),
        ("HLXN up", ["HLXN"]),
        ("hlxn up", []),
        ("the pelagia oil & gas field", ["PLAG"]),
        ("Halcyonic days", []),
        ("#Halcyon is not counted as a name", []),
    ],
)
def test_companies_by_ticker_cashtag_and_name(finder: Finder, text: str, tickers: list[str]) -> None:
    assert named(finder, text) == tickers


@pytest.mark.parametrize(
    "text",
    [
        "Analysts say Harbor will cut its dividend",
        "Harbor slumps on office loans",
        "Harbor's margin widened again",
        "A downgrade for Orchard Foods, and Orchard shares fall",
        "harbor stock is dead money, down 5%",
        "$HRBR harbor is fine",
    ],
)
def test_an_everyday_word_among_business_words_is_a_company(finder: Finder, text: str) -> None:
    assert named(finder, text)


@pytest.mark.parametrize(
    "text",
    [
        "Ships wait outside the harbor for a third week",
        "The statement falls under the safe harbor rules for forward-looking figures",
        "Frost threatens the apple orchard and the cherry orchard",
        "Cruise lines fight over berths in Sydney Harbor",
        "we walked through an orchard in bloom",
    ],
)
def test_an_everyday_word_elsewhere_is_none(finder: Finder, text: str) -> None:
    assert named(finder, text) == []


def test_a_ticker_that_the_file_gives_decides(finder: Finder) -> None:
    assert [m.ticker for m in finder.find("the harbor app is down", ["HRBR"])] == ["HRBR"]


def test_each_company_has_its_own_clause(finder: Finder) -> None:
    text = "While Voltara counts the cost of its strike, Merrowind is flying full planes and raising fares."
    first, second = passages(text, finder.find(text))
    assert (first.ticker, first.words) == ("VTRA", "While Voltara counts the cost of its strike,")
    assert (second.ticker, second.words) == ("MWND", "Merrowind is flying full planes and raising fares.")


def test_a_clause_without_a_name_goes_on_about_the_one_before_it(finder: Finder) -> None:
    text = "Halcyon beats, Quartzline warns; the chipmaker drops 5%."
    first, second = passages(text, finder.find(text))
    assert first.words == "Halcyon beats,"
    assert second.words == "Quartzline warns; the chipmaker drops 5%."


@pytest.mark.parametrize("between", ["takes the contract from", "grew twice as fast as", "as expected beats"])
def test_a_clause_of_two_companies_is_read_whole_by_their_parts(finder: Finder, between: str) -> None:
    text = f"Halcyon {between} Quartzline."
    assert [(p.words, p.reads) for p in passages(text, finder.find(text))] == [
        (text, f"the company {between} a rival."),
        (text, f"a rival {between} the company."),
    ]


@pytest.mark.parametrize(
    "text", ["Unlike Halcyon, Quartzline beats", "Halcyon and Quartzline beat", "Quartzline beats, like Halcyon"]
)
def test_a_name_alone_is_no_clause(finder: Finder, text: str) -> None:
    assert [p.words for p in passages(text, finder.find(text))] == [text, text]


def test_one_company_has_the_whole_text(finder: Finder) -> None:
    text = "Halcyon beats, but the outlook is weak; Halcyon slips."
    assert [p.words for p in passages(text, finder.find(text))] == [text]


def test_a_company_that_is_given_without_being_named_has_the_whole_text(finder: Finder) -> None:
    assert [(p.ticker, p.words) for p in passages("Shares up", [], ["HLXN"])] == [("HLXN", "Shares up")]


def test_what_the_model_reads_has_no_names_and_no_links(finder: Finder) -> None:
    text = "$HLXN beats Quartzline https://t.example/a1 https://t.example/b2"
    found = {p.ticker: p for p in passages(text, finder.find(text), ["MWND"])}
    assert [found[ticker].reads for ticker in ("HLXN", "QRTZ", "MWND")] == [
        "the company beats a rival",
        "a rival beats the company",
        "$HLXN beats Quartzline",
    ]
    assert found["MWND"].words == text
    assert [p.reads for p in passages("https://t.example/a1", [], ["HLXN"])] == ["https://t.example/a1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ticker,name\nA,B\n", "no column company"),
        ("ticker,company,sector,aliases\n,Nobody,,\n", "needs a ticker"),
        ("ticker,company\nAAA,One\nAAA,Two\n", "AAA stands twice"),
        ("ticker,company,sector,aliases\nAAA,One,,Same\nBBB,Two,,same\n", "'same' is a name of AAA and of BBB"),
    ],
)
def test_a_watch_list_with_a_mistake_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "w.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadInputError, match=said):
        load_watchlist(path)


def test_an_alias_with_a_question_mark_is_doubtful(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text("ticker,company,sector,aliases\nVTRA,Voltara Motors,Cars,Voltara; Pico? ;\n", encoding="utf-8")
    company = load_watchlist(path)["VTRA"]
    assert company.aliases == ("Voltara", "Pico")
    assert company.doubtful == {"Pico"}
