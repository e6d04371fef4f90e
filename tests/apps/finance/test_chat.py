"""The chat's questions over a small desk: whom, when and what, the figures, the rows behind them, what is refused."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from agent.dialogue.actions import ActionContext, ActionResult, load_actions
from agent.problems import install
from apps.finance.queries import Headline
from apps.finance.routes import router
from apps.finance.setup import Desk
from apps.finance.telling import headlines_text

from .conftest import FOLDER
from .desks import FIRST, rows, take

ACTIONS = load_actions(FOLDER)
TODAY = date(2026, 11, 25)
LAST = FIRST + timedelta(days=60)


class Talk:
    """A conversation: actions called in turn, with what they remember."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.slots: dict[str, str] = {}

    def say(self, action: str, text: str) -> ActionResult:
        folder = self.data / "apps" / "finance"
        folder.mkdir(parents=True, exist_ok=True)
        given = ActionContext(FOLDER, folder, "c", dict(self.slots), text, "neutral", TODAY)
        result = ACTIONS[action](given)
        self.slots |= result.slots
        return result


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which Harbor falls after 40 of 61 days and Aldgrave stays friendly."""
    data = tmp_path_factory.mktemp("desk")
    desk = Desk.open(data)
    with closing(desk.file):
        harbor = [rows(day, "profit" if day < 40 else "loss", 3) for day in range(61)]
        take(desk, *harbor, *(rows(day, "profit", 1, "ALDG") for day in range(61)))
        take(desk, rows(20, "breach loss", 3, "HLXN"), rows(25, "profit", 1, "HLXN"))
        take(desk, rows(30, "<b>loss</b> [x](http://evil.example)", 1, "VTRA"))
    return data


@pytest.fixture
def talk(ready: Path, tmp_path: Path) -> Talk:
    shutil.copytree(ready, tmp_path / "data")
    return Talk(tmp_path / "data")


@pytest.fixture
def http(talk: Talk) -> Iterator[TestClient]:
    app = FastAPI()
    install(app)
    service: Any = SimpleNamespace(settings=SimpleNamespace(data=talk.data), require_change=lambda: None)
    app.include_router(router(service), prefix="/v1/finance")
    with TestClient(app) as client:
        yield client


def test_an_answer_has_figures_period_count_headlines_and_a_chart(talk: Talk) -> None:
    result = talk.say("trend", "sentiment on harbor since may")
    assert "**Harbor Financial**, 1 May to 3 July 2026 (183 items)" in result.text
    assert "A lasting shift from" in result.text
    assert "What weighed the most:" in result.text
    assert "newest item is of 3 July 2026" in result.text
    [figure] = result.figures
    assert figure.title == "Sentiment of Harbor Financial"
    assert "183 items" in figure.note
    assert "newest item" not in talk.say("trend", "and aldgrave?").text


def test_every_figure_can_be_traced_to_rows(talk: Talk, http: TestClient) -> None:
    figure = talk.say("trend", "harbor since may, by month").figures[0]
    table = list(csv.DictReader(io.StringIO(http.get(figure.table).text)))
    assert [row["first"] for row in table] == ["2026-05-01", "2026-06-01", "2026-07-01"]
    items = http.get(figure.table.replace("table", "items"))
    assert items.headers["content-disposition"].startswith("attachment")
    rows_behind = list(csv.DictReader(io.StringIO(items.text)))
    assert len(rows_behind) == 183 == sum(int(row["items"]) for row in table)
    june = [row for row in rows_behind if row["published"].startswith("2026-06")]
    weights = [float(row["weight"]) for row in june]
    scores = [float(row["positive"]) - float(row["negative"]) for row in june]
    value = sum(w * s for w, s in zip(weights, scores, strict=True)) / (sum(weights) + 1)
    assert float(table[1]["value"]) == pytest.approx(value, abs=1e-4)


def test_pictures_come_as_drawing_and_as_png_of_any_width(talk: Talk, http: TestClient) -> None:
    figure = talk.say("compare", "harbor against aldgrave since may").figures[0]
    assert http.get(figure.svg).text.startswith("<svg")
    assert http.get(f"{figure.svg}?width=4").headers["content-type"] == "image/svg+xml"
    assert http.get(f"{figure.svg}?width=400").status_code == 422
    assert http.get(figure.png).content.startswith(b"\x89PNG")
    missing = http.get("/v1/finance/queries/q-nothing/chart.svg")
    assert "There is no query" in missing.text


def test_a_follow_up_keeps_whom_when_and_what(talk: Talk) -> None:
    talk.say("compare", "compare harbor and aldgrave in june")
    assert talk.slots["company"] == "HRBR, ALDG"
    talk.say("trend", "by day")
    assert (talk.slots["company"], talk.slots["kind"], talk.slots["granularity"]) == ("HRBR, ALDG", "compare", "day")
    talk.say("trend", "and in may?")
    assert (talk.slots["since"], talk.slots["until"]) == ("2026-05-01", "2026-05-31")
    whole = talk.say("trend", "trend of aldgrave")
    # A question that is whole by itself takes the usual period again.
    assert talk.slots["until"] == str(LAST)
    assert "Aldgrave Insurance" in whole.text


def test_why_it_fell_names_the_negative_headlines_and_contradicts_where_it_rose(talk: Talk) -> None:
    fell = talk.say("why_moved", "why did harbor drop in the past 3 weeks?")
    assert "**Harbor Financial** fell by" in fell.text
    assert "The negative headlines that weighed the most:" in fell.text
    assert "loss" in fell.text
    assert talk.say("why_moved", "why did harbor rise in the past 3 weeks?").text.startswith("It did not rise.")


def test_whom_it_is_about_is_asked_back_and_the_question_kept(talk: Talk) -> None:
    asked = talk.say("why_moved", "why did it drop in the past 3 weeks?")
    assert asked.text.startswith("Which company")
    assert asked.quick_replies
    assert "**Harbor Financial** fell by" in talk.say("trend", "harbor").text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sentiment on Tesla", "Tesla is not on the watch list"),
        ("sentiment on Voltaic", "Do you mean Voltara Motors"),
        ("compare JPM and BAC", "JPM and BAC are not on the watch list"),
    ],
)
def test_an_unknown_company_is_named_with_what_is_near(talk: Talk, text: str, said: str) -> None:
    result = talk.say("compare", text)
    assert said in result.text
    assert talk.say("compare", "compare Harbor and Tesla").text.count("Tesla is not on the watch list") == 1


def test_a_period_without_items_says_where_the_nearest_are(talk: Talk) -> None:
    result = talk.say("trend", "harbor in march 2020")
    assert "There are no items on Harbor Financial between 2020-03-01 and 2020-03-31; the nearest" in result.text
    assert result.figures == ()


def test_an_event_is_found_in_the_items_and_an_unknown_one_is_said(talk: Talk) -> None:
    assert "24 May to 3 July 2026" in talk.say("trend", "halcyon since the breach").text
    assert 'no items on "strike" to count from' in talk.say("trend", "halcyon after the strike").text


def test_movers_and_sectors_are_of_the_whole_list(talk: Talk) -> None:
    talk.say("trend", "trend of aldgrave")
    assert "Harbor Financial" in talk.say("movers", "biggest movers of the past 3 weeks").text
    assert "Financials" in talk.say("sector_view", "sentiment by sector").text
    assert "90 items, 90 of them original" in talk.say("count_items", "how many items on harbor in june").text


def test_what_an_item_says_is_shown_as_text(talk: Talk) -> None:
    told = talk.say("evidence", "headlines on voltara since may").text
    assert "<b>" not in told
    assert "[x](http" not in told


def test_volatility_without_enough_prices_is_said(talk: Talk) -> None:
    (talk.data / "apps" / "finance" / "prices.csv").write_text(
        "date,ticker,open,high,low,close\n2026-05-04,HRBR,10,11,9,10\n2026-05-05,HRBR,10,11,9,10\n"
    )
    result = talk.say("volatility", "does sentiment say anything about the volatility of harbor?")
    assert "Only" in result.text
    assert result.figures == ()


def test_alerts_are_set_listed_and_removed(talk: Talk) -> None:
    made = talk.say("alert_set", "alert me when harbor turns negative")
    assert "HRBR below +0.00" in made.text
    assert "It would have fired" in made.text
    assert "HRBR below" in talk.say("alert_list", "which alerts do I have?").text
    assert "These fired" in talk.say("alert_list", "what has fired?").text
    assert "z-score" in talk.say("alert_set", "warn me about big drops in aldgrave").text
    assert "Take a line between -1 and 1" in talk.say("alert_set", "tell me if harbor falls below -1.5").text
    assert "Removed" in talk.say("alert_remove", "delete the alert on harbor").text
    assert "There is no such alert" in talk.say("alert_remove", "cancel alert 99").text
    assert "Removed" in talk.say("alert_remove", "turn off all alerts").text
    assert "No alert is set" in talk.say("alert_list", "my alerts").text


def test_what_there_is_and_how_it_is_taken_away(talk: Talk) -> None:
    assert "Ask for something first" in talk.say("export", "export this as csv").text
    told = talk.say("data_coverage", "do you have data on Siemens")
    assert told.text.startswith("Siemens is not on the watch list.")
    assert "from 4 May 2026 to 3 July 2026" in told.text
    talk.say("trend", "trend of harbor")
    assert talk.slots["query"] in talk.say("export", "export this as csv").text


def test_an_empty_desk_says_how_items_come(tmp_path: Path) -> None:
    assert "switchboard finance ingest" in Talk(tmp_path).say("trend", "trend of harbor").text


def test_a_headline_without_a_source_has_its_day_alone() -> None:
    known = Headline(1, "2026-05-04T09:00:00+00:00", "Wire", "", "Voltara up", "VTRA", 0.5)
    said = headlines_text([known, replace(known, source="")], "What weighed the most:")
    assert "(Wire, 4 May 2026; +0.50)" in said
    assert "(4 May 2026; +0.50)" in said
