"""stackfaq: the right FAQ entry first (by its title), by the query vector of a model trained on other data."""

from __future__ import annotations

from agent.learning.evaluate import reciprocal_ranks
from tests.bench import data, joint
from tests.bench.result import Result

TARGET = 0.925


def measure() -> Result:
    corpus = data.table("stackfaq/corpus.csv")
    at = {row["doc_id"]: i for i, row in enumerate(corpus)}
    relevant: dict[str, set[int]] = {}
    for row in data.table("stackfaq/qrels.csv"):
        if int(row["relevance"]) > 0:
            relevant.setdefault(row["query_id"], set()).add(at[row["doc_id"]])
    queries = [row for row in data.table("stackfaq/queries.csv") if row["query_id"] in relevant]
    texts, right = [row["query"] for row in queries], [relevant[row["query_id"]] for row in queries]
    documents = joint.backbone().encode([row["title"] for row in corpus], prompt="passage")
    query = joint.trained().read(texts).query
    assert query is not None
    ours = reciprocal_ranks(query.numpy() @ documents.T, right, k=10)
    frozen = reciprocal_ranks(joint.frozen(texts) @ documents.T, right, k=10)
    first = float((ours == 1).mean())
    detail = {
        "frozen acc@1": float((frozen == 1).mean()),
        "MRR@10": float(ours.mean()),
        "frozen MRR@10": float(frozen.mean()),
    }
    return Result("stackfaq", first, TARGET, first >= TARGET, detail)
