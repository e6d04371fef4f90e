from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.errors import BackboneError
from agent.model.backbone import Backbone
from agent.model.tokens import TokenReader, length_batches, pad
from tests.conftest import make_backbone_folder


def test_ids_are_those_of_the_tokenizer_also_where_a_text_is_cut(tiny: Backbone) -> None:
    texts = ["where is my parcel", "", "parcel " * 100]
    tokens = tiny.tokens(texts)
    batch = tiny.tokenize(texts)
    assert [t.ids for t in tokens] == [ids[mask == 1].tolist() for ids, mask in zip(batch.ids, batch.mask, strict=True)]
    assert [t.truncated for t in tokens] == [False, False, True]
    assert tiny.token_counts(texts) == [6, 2, 32]


def test_a_word_is_what_the_vocabulary_has_as_one_piece(tiny: Backbone) -> None:
    assert tiny.is_word("parcel")
    assert not tiny.is_word("parcels")
    assert not tiny.is_word("包")


def test_unknown_share(tiny: Backbone) -> None:
    shares = [t.unknown_share for t in tiny.tokens(["where is my parcel", "我的包裹", "order 我", ""])]
    assert shares == [0, 1, 0.5, 0]


def test_a_prompt_is_read_but_does_not_count_as_known(tmp_path: Path) -> None:
    backbone = Backbone.load(str(make_backbone_folder(tmp_path, prompts={"query": "help me "})), "cpu")
    with_prompt = backbone.tokens(["order 我"], "query")[0]
    assert with_prompt.ids == backbone.tokens(["help me order 我"])[0].ids
    assert with_prompt.unknown_share == 0.5
    assert backbone.tokens([""], "query")[0].unknown_share == 0


def test_many_threads_tokenise_at_once_while_another_pads(tiny: Backbone) -> None:
    texts = [f"parcel {i} " * (i % 40) for i in range(200)]
    wanted = [t.ids for t in tiny.tokens(texts)]
    with ThreadPoolExecutor(4) as pool:
        padded = pool.map(lambda text: tiny.tokenize([text, "hello"], max_length=8).ids.shape[1], texts)
        found = list(pool.map(lambda text: tiny.tokens([text])[0].ids, texts))
        assert max(padded) == 8
    assert found == wanted


def test_a_tokenizer_without_a_fast_form_is_named() -> None:
    with pytest.raises(BackboneError, match=r"SimpleNamespace has no fast form.*tokenizer.json"):
        TokenReader(SimpleNamespace(unk_token_id=1), 32)


def test_padding_is_masked(tiny: Backbone) -> None:
    ids, mask = pad(tiny.tokens(["hello", "where is my parcel"]), 7, 8)
    assert ids.shape == mask.shape == (2, 8)
    assert mask.sum(1).tolist() == [3, 6]
    assert (ids[mask == 0] == 7).all()


def test_length_batches_keep_to_the_budget_and_cover_every_row() -> None:
    lengths = [5, 3, 40, 8, 8, 1]
    batches = list(length_batches(lengths, 16, pass_tokens=100))
    assert sorted(i for batch in batches for i in batch) == list(range(6))
    assert all(len(b) == 1 or len(b) * max(lengths[i] for i in b) <= 16 for b in batches)


def test_a_longer_text_begins_a_batch_where_padding_costs_more_than_a_pass() -> None:
    lengths = [4, 4, 4, 6, 30]
    assert list(length_batches(lengths, 1000, pass_tokens=6)) == [[0, 1, 2, 3], [4]]
    assert list(length_batches(lengths, 1000, pass_tokens=5)) == [[0, 1, 2], [3], [4]]
    assert list(length_batches(lengths, 1000, pass_tokens=1000)) == [[0, 1, 2, 3, 4]]
    assert list(length_batches([], 1000, pass_tokens=5)) == []
