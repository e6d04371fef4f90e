"""The finance app's actions."""

from agent.dialogue.actions import ActionContext, ActionError, ActionResult, action


@action("trend")
def trend(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("compare")
def compare(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("why_moved")
def why_moved(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("movers")
def movers(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("evidence")
def evidence(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("count_items")
def count_items(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("price")
def price(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("sector_view")
def sector_view(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("volatility")
def volatility(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("alert_set")
def alert_set(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("alert_list")
def alert_list(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("alert_remove")
def alert_remove(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("data_coverage")
def data_coverage(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("export")
def export(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")


@action("report")
def report(context: ActionContext) -> ActionResult:
    raise ActionError("not answered yet")
