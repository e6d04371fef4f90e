"""What the analyst's questions do: each is read against the watch list and the data's calendar, and answered with a
chart, the figures, the headlines behind them, the period and the count. Nothing here is investment advice.
"""

from __future__ import annotations

from agent.dialogue.actions import ActionContext, ActionResult, action

from . import alert_talk, answering, coverage


@action("trend")
def trend(context: ActionContext) -> ActionResult:
    """How the index of a company or a sector has moved; of several, side by side."""
    return answering.answer(context, "index")


@action("compare")
def compare(context: ActionContext) -> ActionResult:
    """Companies or sectors side by side."""
    return answering.answer(context, "compare")


@action("why_moved")
def why_moved(context: ActionContext) -> ActionResult:
    """The headlines that moved an index."""
    return answering.answer(context, "why")


@action("movers")
def movers(context: ActionContext) -> ActionResult:
    """Who moved the most."""
    return answering.answer(context, "movers")


@action("evidence")
def evidence(context: ActionContext) -> ActionResult:
    """The headlines behind a figure."""
    return answering.answer(context, "evidence")


@action("count_items")
def count_items(context: ActionContext) -> ActionResult:
    """How much was written."""
    return answering.answer(context, "count")


@action("price")
def price(context: ActionContext) -> ActionResult:
    """Closing prices below the index."""
    return answering.answer(context, "price")


@action("sector_view")
def sector_view(context: ActionContext) -> ActionResult:
    """The sectors of the watch list."""
    return answering.answer(context, "sector")


@action("volatility")
def volatility(context: ActionContext) -> ActionResult:
    """Whether sentiment says anything about volatility."""
    return answering.answer(context, "volatility")


@action("alert_set")
def alert_set(context: ActionContext) -> ActionResult:
    """Watch a company, a sector or the list."""
    return alert_talk.set_alert(context)


@action("alert_list")
def alert_list(context: ActionContext) -> ActionResult:
    """What is watched, and what fired."""
    return alert_talk.list_alerts(context)


@action("alert_remove")
def alert_remove(context: ActionContext) -> ActionResult:
    """Watch no longer."""
    return alert_talk.remove_alert(context)


@action("data_coverage")
def data_coverage(context: ActionContext) -> ActionResult:
    """Which companies, dates and sources there are."""
    return coverage.told(context)


@action("export")
def export(context: ActionContext) -> ActionResult:
    """Where the last answer can be taken away from."""
    return coverage.exported(context)


@action("report")
def report(context: ActionContext) -> ActionResult:
    """How a written report is made."""
    return ActionResult(
        "A brief of two pages, as HTML and PDF, is written by `switchboard finance report --week`: movers, alerts, a "
        "chart for each company with news, and the headlines that weighed the most."
    )
