"""bankfaqs: 400 held-out questions to their answers; the trained query vector against the frozen one."""

from __future__ import annotations

from agent.learning.evaluate import reciprocal_ranks
from tests.bench import joint
from tests.bench.result import Result

TARGET = 0.03


def measure() -> Result:
    """The figure is the gain in MRR@10 over the frozen embedding."""
    faq = joint.bank_faq()
    answers = joint.frozen(faq.answers)
    right = [faq.right[question] for question in faq.held_out]
    query = joint.trained().read(faq.held_out).query
    assert query is not None
    ours = float(reciprocal_ranks(query.numpy() @ answers.T, right, k=10).mean())
    frozen = float(reciprocal_ranks(joint.frozen(faq.held_out) @ answers.T, right, k=10).mean())
    detail = {"MRR@10": ours, "frozen MRR@10": frozen, "questions": len(faq.held_out), "answers": len(faq.answers)}
    return Result("bankfaqs", ours - frozen, TARGET, ours - frozen >= TARGET, detail)
