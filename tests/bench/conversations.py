"""Scripted conversations passed: the support app's own, and a second set that no rule was tuned on."""

from __future__ import annotations

from pathlib import Path

from agent.rehearsal import rehearse_app
from tests.bench.result import Result
from tests.bench.support import APP, settings, trained

OWN_TARGET, UNSEEN_TARGET = 0.95, 0.80
UNSEEN = Path(__file__).parent / "conversations"


def measure() -> Result:
    """Hold both sets with the model of the bench ``support``; a conversation passes if every turn does."""
    where = settings()
    trained(where)
    own, unseen = rehearse_app(where, APP), rehearse_app(where, APP, UNSEEN)
    passed, passed_unseen = own.passed / len(own.scripts), unseen.passed / len(unseen.scripts)
    detail = {
        "conversations": len(own.scripts),
        "second set": passed_unseen,
        "second set, target": UNSEEN_TARGET,
        "second set, conversations": len(unseen.scripts),
        "missed": "; ".join(sorted({m.script.name for m in [*own.misses, *unseen.misses]})),
    }
    return Result("conversations", passed, OWN_TARGET, passed >= OWN_TARGET and passed_unseen >= UNSEEN_TARGET, detail)
