"""Texts that are nearly the same: compared by their groups of three characters, without a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

NEAR = 0.8
"""Cosine from which two texts count as one; "where is my parcel" and "where's my parcel???" have more."""
_BUCKETS = 2**15


def shapes(texts: Sequence[str]) -> csr_matrix:
    """Unit vectors of the texts' groups of three characters, (N, 32768); case and punctuation do not count."""
    from sklearn.feature_extraction.text import HashingVectorizer

    plain = ["".join(c if c.isalnum() else " " for c in text.casefold()) for text in texts]
    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 3), n_features=_BUCKETS, alternate_sign=False, dtype=np.float32
    )
    return csr_matrix(vectorizer.transform(plain))


def near_duplicates(texts: Sequence[str]) -> list[bool]:
    """For each text, whether one before it that is no duplicate itself is nearly the same."""
    if not texts:
        return []
    found = np.zeros(len(texts), bool)
    vectors = shapes(texts)
    for row in range(len(texts)):
        if not found[row]:
            alike = vectors[row + 1 :] @ vectors[row].toarray().ravel() >= NEAR
            found[row + 1 :] |= alike
    return [bool(x) for x in found]
