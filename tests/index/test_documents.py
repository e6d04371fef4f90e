"""Ids, hashes, broken files; the formats have tests of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from index import documents
from index.documents import DocumentError, load_document, load_folder
from tests.index.samples import RETURNS, make_pdf, put, write_folder


def test_folder_in_the_order_of_names(tmp_path: Path) -> None:
    found, failed = load_folder(write_folder(tmp_path))
    assert [(d.id, d.source, d.title) for d in found] == [
        ("faq-gift", "faq.csv", "Do you sell gift cards?"),
        ("faq-2", "faq.csv", "Where is the shop?"),
        ("returns", "returns.md", "Returns"),
        ("shipping", "shipping.md", "Shipping"),
    ]
    assert failed == []


def test_no_folder_no_documents(tmp_path: Path) -> None:
    assert load_folder(tmp_path / "none") == ([], [])


def test_broken_files_are_named_and_the_rest_is_loaded(tmp_path: Path) -> None:
    write_folder(tmp_path, empty_md="---\ntitle: Nothing\n---\n\n", latin_txt="")
    (tmp_path / "broken.pdf").write_bytes(make_pdf("Hello there.")[:200])
    (tmp_path / "latin.txt").write_bytes("Größe".encode("latin-1"))
    found, failed = load_folder(tmp_path)
    assert len(found) == 4
    assert [error.path.name for error in failed] == ["broken.pdf", "empty.md", "latin.txt"]
    assert "broken PDF" in str(failed[0])
    assert "holds no text" in str(failed[1])
    assert "not UTF-8 (byte 0xf6 at 2)" in str(failed[2])
    assert all(str(error).startswith(str(error.path)) for error in failed)


def test_hidden_and_foreign_files_are_no_documents(tmp_path: Path) -> None:
    write_folder(tmp_path)
    put(tmp_path / ".git", secret_md="Hidden.")
    (tmp_path / "._returns.md").write_text("Hidden.")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "folder.md").mkdir()
    found, failed = load_folder(tmp_path)
    assert {d.source for d in found} == {"faq.csv", "returns.md", "shipping.md"}
    assert failed == []


def test_colliding_stems_get_the_path(tmp_path: Path) -> None:
    write_folder(tmp_path / "eu", returns_md="In the EU.")
    put(tmp_path / "uk", returns_md="In the UK.", faq_csv="question,answer\nWhere?,Here.\n")
    (tmp_path / "faq-gift.md").write_text("Gifts.")
    found, _ = load_folder(tmp_path)
    ids = {d.id for d in found}
    assert {"eu/returns.md", "uk/returns.md", "eu/faq.csv-gift", "faq-gift.md", "faq-2", "faq-1"} <= ids
    assert len(ids) == len(found)


def test_unchanged_files_are_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path)
    before, _ = load_folder(tmp_path)
    (tmp_path / "returns.md").write_text(RETURNS.replace("60 days", "30 days"))
    parsed: list[str] = []
    parse = documents._documents
    monkeypatch.setattr(documents, "_documents", lambda path, *rest: parsed.append(path.name) or parse(path, *rest))
    after, _ = load_folder(tmp_path, before)
    assert parsed == ["returns.md"]
    assert [d.id for d in after] == [d.id for d in before]
    assert [a.content_hash == b.content_hash for a, b in zip(after, before, strict=True)] == [True, True, False, True]


@pytest.mark.parametrize(
    "changed",
    [
        RETURNS.replace("title: Returns", "title: Sending back"),
        RETURNS.replace("intent: return_policy", "intent: refund"),
        RETURNS.replace("## How long", "## For how long"),
        RETURNS.replace("60 days", "61 days"),
    ],
    ids=["title", "metadata", "heading", "text"],
)
def test_content_hash_sees_every_change(tmp_path: Path, changed: str) -> None:
    path = tmp_path / "returns.md"
    path.write_text(RETURNS)
    [before] = load_document(path, tmp_path)
    path.write_text(changed)
    [after] = load_document(path, tmp_path)
    assert before.content_hash != after.content_hash


def test_content_hash_is_the_same_for_the_same_content(tmp_path: Path) -> None:
    path = tmp_path / "returns.md"
    path.write_text(RETURNS)
    [before] = load_document(path, tmp_path)
    path.write_text(RETURNS.replace("title: Returns\n", "title:   'Returns'\n"))
    [after] = load_document(path, tmp_path)
    assert before.content_hash == after.content_hash
    assert before.file_hash != after.file_hash


def test_content_hash_of_a_faq_row_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\nA?,One.\nB?,Two.\n")
    before = load_document(path, tmp_path)
    path.write_text("question,answer\nA?,One.\nB?,Three.\n")
    after = load_document(path, tmp_path)
    assert [a.content_hash == b.content_hash for a, b in zip(after, before, strict=True)] == [True, False]


def test_unknown_kind_names_the_known(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK")
    with pytest.raises(DocumentError, match=r"a\.docx: is of an unknown kind; known are \.md") as caught:
        load_document(tmp_path / "a.docx", tmp_path)
    assert caught.value.path == tmp_path / "a.docx"


def test_missing_and_too_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        load_document(tmp_path / "none.md", tmp_path)
    monkeypatch.setattr(documents, "MAX_BYTES", 3)
    (tmp_path / "long.txt").write_text("four")
    with pytest.raises(DocumentError, match="is larger than"):
        load_document(tmp_path / "long.txt", tmp_path)


def test_name_that_cannot_be_shown(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31m\udce4.md").write_text("Text.")
    _, [error] = load_folder(tmp_path)
    assert "rename it" in str(error)
    str(error).encode()
    assert "\x1b" not in str(error)


def test_invisible_characters_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_bytes("\ufeffShip\u00adping\u200b \u202etakes\x00 3\r\ndays\u2028for 👩\u200d👧.\x0cNext".encode())
    [document] = load_document(path, tmp_path)
    assert document.text == "Shipping takes 3\ndays\nfor 👩\u200d👧.\nNext"
    assert document.title == "Odd"
