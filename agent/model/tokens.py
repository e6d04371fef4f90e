"""Texts as the encoder reads them: token ids, made once for a message, for whoever counts or reads it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.errors import BackboneError

Ids = NDArray[np.int64]

_LONG_NUMBER = re.compile(r"\d{5,}")


def plain_numbers(text: str) -> str:
    """The text with every number of five digits or more as 12345: what a message is read as.

    Such a number names an order or an account and says nothing of what is wanted, but the pieces that a tokenizer cuts
    it into do: "where is order 31992?" was read as another wish than "where is order 41188?".
    """
    return _LONG_NUMBER.sub("12345", text)


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text, prompt included."""

    ids: list[int]
    """Special tokens included, cut to the encoder's length."""
    unknown_share: float
    """Share of the text's own tokens that the vocabulary has no piece for, 0 to 1.

    High for scripts that the vocabulary lacks: an English vocabulary turns most Chinese characters into the
    unknown token."""
    truncated: bool
    """Whether anything was cut off."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Token ids and mask of some texts, right-padded. Shape (B, T) each."""

    ids: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> TokenBatch:
        return TokenBatch(self.ids.to(device), self.mask.to(device))


class TokenReader:
    """A tokenizer for many threads at once: its settings are its own and never change."""

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        """``tokenizer`` is one of transformers'. Raises BackboneError if it has no fast form."""
        fast = getattr(tokenizer, "backend_tokenizer", None)
        if fast is None:
            raise BackboneError(
                f"{type(tokenizer).__name__} has no fast form. Use an encoder whose folder holds a tokenizer.json."
            )
        self._fast = copy.deepcopy(fast)
        self._fast.no_padding()
        self._fast.enable_truncation(max_length)
        self._unknown = tokenizer.unk_token_id

    def read(self, texts: Sequence[str], prompt: str = "") -> list[Tokens]:
        """Tokens of each text behind ``prompt``, in order."""
        added = len(self._fast.encode(prompt, add_special_tokens=False)) if prompt else 0
        found = []
        for encoding in self._fast.encode_batch_fast([prompt + text for text in texts] if prompt else list(texts)):
            ids = encoding.ids
            own = len(ids) - sum(encoding.special_tokens_mask) - added
            share = ids.count(self._unknown) / own if own > 0 else 0.0
            found.append(Tokens(ids, share, bool(encoding.overflowing)))
        return found

    def is_word(self, text: str) -> bool:
        """Whether the vocabulary has the text as one piece."""
        ids = self._fast.encode(text, add_special_tokens=False).ids
        return len(ids) == 1 and ids[0] != self._unknown


def pad(tokens: Sequence[Tokens], padding: int, length: int) -> tuple[Ids, Ids]:
    """Ids and mask of some texts, padded on the right to ``length``. Shape (B, T) each."""
    ids = np.full((len(tokens), length), padding, dtype=np.int64)
    mask = np.zeros((len(tokens), length), dtype=np.int64)
    for row, t in enumerate(tokens):
        ids[row, : len(t)] = t.ids
        mask[row, : len(t)] = 1
    return ids, mask


def length_batches(lengths: Sequence[int], token_budget: int, pass_tokens: int) -> Iterator[list[int]]:
    """Row numbers in batches of like length; rows times longest stays within ``token_budget``.

    ``pass_tokens`` is what a pass costs besides its tokens, in tokens: a text that is longer than those before
    it begins a new batch where padding them would cost more.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    batch: list[int] = []
    longest = 0
    for i in order:
        padding = len(batch) * (lengths[i] - longest)
        if batch and (padding > pass_tokens or (len(batch) + 1) * lengths[i] > token_budget):
            yield batch
            batch = []
        batch.append(i)
        longest = lengths[i]
    if batch:
        yield batch
