"""What the support app does with orders: look one up, cancel it, change its address, take a return.

An order's number shows how far it is and nothing else; what changes an order asks for the e-mail address of
whoever ordered. Every change is safe to repeat.
"""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, timedelta

from rapidfuzz import fuzz, process

from agent.dialogue.actions import ActionContext, ActionResult, action, inert
from agent.types import QuickReply

from .orders import Order, database, find

RETURN_DAYS = 60
# Least similarity (0 to 100) of what somebody calls an item to an item of the order.
ITEM_LIKENESS = 70
# Without look-alikes, so that a reference survives being read out on the phone.
_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def _unknown(number: str) -> ActionResult:
    return ActionResult(
        f"I cannot find an order **{inert(number)}**. Could you check the number? It stands in the subject of your "
        "confirmation mail: TT and five digits.",
        missing="order_number",
    )


def _day(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B %Y}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _sorry(context: ActionContext, text: str) -> str:
    return f"I am sorry about this. {text}" if context.sentiment == "negative" else text


# Where is it?


@action("order_status")
def order_status(context: ActionContext) -> ActionResult:
    """How far an order is, with the expected day; for a day that was named, whether it will be there by then."""
    number = context.slots["order_number"]
    with database(context) as db:
        order = find(db, number)
    if order is None:
        return _unknown(number)
    late = order.travels and order.expected < context.today
    text = _travelling(order, context) if order.travels else _settled(order)
    replies = {
        "placed": ("Change the delivery address", "Cancel this order"),
        "delivered": ("I have not received it", "I want to return something"),
    }.get(order.state, ("It is late, get me a person",) if late else ())
    return ActionResult(
        _sorry(context, text) if late or order.state == "cancelled" else text,
        quick_replies=tuple(QuickReply(reply, reply) for reply in replies),
    )


def _travelling(order: Order, context: ActionContext) -> str:
    """State, expected day and carrier of an order that is still to arrive."""
    day, late = _day(order.expected), order.expected < context.today
    state = {
        "placed": "has been placed and is waiting to be packed",
        "packed": "is packed and leaves our warehouse with the next collection",
        "shipped": "has been shipped and is on its way",
        "out_for_delivery": "has been out for delivery" if late else "is out for delivery: the driver has it",
    }[order.state]
    due = f"It was expected on **{day}**, so it is late." if late else f"It is expected on **{day}**."
    parts = [f"Order **{order.order_number}** {state}. {due}", _by_day(order, context), _carrier(order)]
    return " ".join(part for part in parts if part)


def _by_day(order: Order, context: ActionContext) -> str:
    """Whether it comes by the day that was asked for; nothing if none was, or if it is past."""
    asked = context.slots.get("day")
    wanted = date.fromisoformat(asked) if asked else None
    if wanted is None or wanted < context.today or order.expected < context.today:
        return ""
    if order.expected <= wanted:
        return f"So it should be there by {_day(wanted)}, though the carrier does not promise the day."
    return f"So it will most likely not be there by {_day(wanted)}."


def _carrier(order: Order) -> str:
    if not order.carrier:
        return ""
    number = f", tracking number **{order.tracking_number}**" if order.tracking_number else ""
    return f"The carrier is {order.carrier}{number}."


def _settled(order: Order) -> str:
    """State of an order that has arrived, has come back or was cancelled."""
    state = {
        "delivered": f"has been delivered. {_carrier(order)}",
        "cancelled": "was cancelled, so nothing is on its way.",
        "return_requested": "was delivered, and a return is registered. We are waiting for your parcel.",
        "returned": "has come back to our warehouse. The refund follows within 5-7 working days.",
        "refunded": "was returned and has been refunded.",
    }
    return f"Order **{order.order_number}** {state[order.state]}".rstrip()


# Changes, for whoever ordered


def _stranger(context: ActionContext, order: Order) -> ActionResult | None:
    """What to say unless the e-mail address is the order's."""
    email = context.slots.get("email")
    if email is None:
        return ActionResult(f"So that nobody else can change order **{order.order_number}**:", missing="email")
    if not secrets.compare_digest(email.casefold().encode(), order.email.casefold().encode()):
        return ActionResult(
            "That is not the e-mail address of this order. Which one did you order with?", missing="email"
        )
    return None


@action("cancel_order")
def cancel_order(context: ActionContext) -> ActionResult:
    """Cancel an order that is not packed yet; say honestly what is left otherwise."""
    number = context.slots["order_number"]
    with database(context) as db:
        order = find(db, number)
        if order is None:
            return _unknown(number)
        if order.state != "placed":
            return ActionResult(_sorry(context, _too_late(order)), quick_replies=_after(order))
        stranger = _stranger(context, order)
        if stranger is not None:
            return stranger
        db.execute("UPDATE orders SET state = 'cancelled' WHERE order_number = ? AND state = 'placed'", [number])
    return ActionResult(
        f"Done: order **{number}** is cancelled and nothing will be sent. The money goes back to how you paid, "
        "usually within 5-7 working days."
    )


def _too_late(order: Order) -> str:
    number = order.order_number
    if order.state == "cancelled":
        return f"Order **{number}** is cancelled already; nothing will be sent."
    if order.state in ("packed", "shipped", "out_for_delivery"):
        state = {"packed": "packed", "shipped": "shipped"}.get(order.state, "out for delivery")
        return (
            f"I cannot cancel order **{number}** any more: it is {state}, and cancelling ends when a parcel is packed. "
            "You can refuse it at the door, or send it back free of charge from the EU and the UK within 60 days."
        )
    if order.state == "delivered":
        return (
            f"I cannot cancel order **{number}**: it has been delivered. You can return it within 60 days of delivery."
        )
    return f"I cannot cancel order **{number}**: its return is under way or finished. I can look up the refund."


def _after(order: Order) -> tuple[QuickReply, ...]:
    if order.state in ("return_requested", "returned", "refunded"):
        return (QuickReply("Where is my refund?", "where is my refund"),)
    return (QuickReply("How do returns work?", "how do returns work"),) if order.state != "cancelled" else ()


@action("change_address")
def change_address(context: ActionContext) -> ActionResult:
    """Take a new delivery address for an order that is not packed yet."""
    number = context.slots["order_number"]
    with database(context) as db:
        order = find(db, number)
        if order is None:
            return _unknown(number)
        if order.state != "placed":
            return ActionResult(_sorry(context, _address_fixed(order)))
        stranger = _stranger(context, order)
        if stranger is not None:
            return stranger
        address = context.slots.get("new_address")
        if address is None:
            return ActionResult("Thank you, that matches.", missing="new_address")
        db.execute(
            "INSERT INTO address_changes (order_number, address, conversation_id, created_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            [number, address, context.conversation_id, _now()],
        )
    return ActionResult(
        f"Noted: order **{number}** goes to **{inert(address)}**. The warehouse checks the address before it packs, "
        "and you get a mail when it is done."
    )


def _address_fixed(order: Order) -> str:
    number = order.order_number
    if order.state in ("packed", "shipped", "out_for_delivery"):
        carrier = (
            f" Some carriers let you redirect a parcel on their tracking page; yours is {order.carrier}."
            if order.carrier
            else ""
        )
        return (
            f"The address of order **{number}** can no longer be changed: the parcel is packed and labelled.{carrier}"
        )
    if order.state == "cancelled":
        return f"Order **{number}** was cancelled, so there is no address to change."
    return f"Order **{number}** has been delivered already, so its address can no longer be changed."


@action("refund_status")
def refund_status(context: ActionContext) -> ActionResult:
    """What is known of the refund of an order."""
    number = context.slots["order_number"]
    with database(context) as db:
        order = find(db, number)
    if order is None:
        return _unknown(number)
    text = {
        "refunded": f"The refund for order **{number}** has been sent to how you paid. Banks take up to 5-7 working "
        "days to show it; if it is not there by then, a person can trace it.",
        "returned": f"Your return of order **{number}** has arrived at our warehouse. The money follows within "
        "5-7 working days of that.",
        "return_requested": f"A return is registered for order **{number}**, but the parcel has not reached our "
        "warehouse yet. The refund comes 5-7 working days after it has.",
        "cancelled": f"Order **{number}** was cancelled. The money goes back to how you paid, within 5-7 working "
        "days of that.",
    }.get(order.state, f"I see no return or cancellation for order **{number}**, so no refund is on its way.")
    replies = {
        "refunded": ("It has not arrived, get me a person",),
        "delivered": ("I want to return something",),
    }.get(order.state, ())
    return ActionResult(_sorry(context, text), quick_replies=tuple(QuickReply(r, r) for r in replies))


# Returns


@action("check_return")
def check_return(context: ActionContext) -> ActionResult:
    """Whether what the form has so far can become a return; names the item as the order does."""
    number = context.slots.get("order_number")
    if number is None:
        return ActionResult("", done=False)
    with database(context) as db:
        order = find(db, number)
    if order is None:
        return _unknown(number)
    refused = _not_returnable(order, context.today)
    if refused is not None:
        return refused
    item = context.slots.get("item")
    if item is None:
        return ActionResult("", done=False)
    near = process.extractOne(
        item, order.articles, scorer=fuzz.WRatio, processor=str.casefold, score_cutoff=ITEM_LIKENESS
    )
    if near is None:
        return ActionResult(
            f"I cannot find \u201c{inert(item)}\u201d in order **{number}**. What is it called on your invoice?",
            missing="item",
        )
    if near[0].startswith("gift card"):
        return ActionResult("Gift cards cannot be returned, I am afraid. It stays valid for 4 years.")
    return ActionResult("", done=False, slots={"item": near[0]})


def _not_returnable(order: Order, today: date) -> ActionResult | None:
    number = order.order_number
    if order.travels:
        hint = (
            "It is not packed yet, so you can still cancel it."
            if order.state == "placed"
            else "You can also refuse it at the door."
        )
        replies = (QuickReply("Cancel this order", "cancel my order"),) if order.state == "placed" else ()
        return ActionResult(
            f"Order **{number}** is not with you yet, so there is nothing to send back. {hint}", quick_replies=replies
        )
    if order.state == "cancelled":
        return ActionResult(f"Order **{number}** was cancelled, so there is nothing to send back.")
    if order.state in ("returned", "refunded"):
        return ActionResult(
            f"Order **{number}** has come back to us already. I can look up the refund if you like.",
            quick_replies=_after(order),
        )
    if order.expected + timedelta(days=RETURN_DAYS) < today:
        return ActionResult(
            f"Order **{number}** was due on {_day(order.expected)}, and the {RETURN_DAYS} days for a return seem to "
            "be over. A person can check the day of delivery and the warranty for you.",
            quick_replies=(
                QuickReply("Talk to a person", "Talk to a person"),
                QuickReply("How long is the warranty?", "how long is the warranty"),
            ),
        )
    return None


@action("register_return")
def register_return(context: ActionContext) -> ActionResult:
    """Store the return and give its reference; the same item of the same order keeps the one it has."""
    slots = context.slots
    number, item = slots["order_number"], slots["item"]
    with database(context) as db:
        reference = "R-" + "".join(secrets.choice(_LETTERS) for _ in range(6))
        db.execute(
            "INSERT INTO returns VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (order_number, item) DO UPDATE "
            "SET reason = excluded.reason, wish = excluded.wish",
            [reference, number, item, slots["reason"], slots["refund_or_exchange"], context.conversation_id, _now()],
        )
        [reference] = db.execute(
            "SELECT reference FROM returns WHERE order_number = ? AND item = ?", [number, item]
        ).fetchone()
        db.execute(
            "UPDATE orders SET state = 'return_requested' WHERE order_number = ? AND state = 'delivered'", [number]
        )
    then = (
        "The new one leaves as soon as your parcel is with us; the first exchange costs nothing."
        if slots["refund_or_exchange"] == "exchange"
        else "The money goes back to how you paid, 5-7 working days after the parcel has reached us."
    )
    return ActionResult(
        f"Your return is registered. The reference is **{reference}**; please write it on the parcel.\n\n"
        "- The label comes by mail; it is free in the EU and the UK.\n"
        f"- Item: {inert(item)}, unworn or tried indoors only, in its packing.\n- {then}"
    )
