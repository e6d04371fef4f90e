"""KnowledgeIndex: sync, search, save and load."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from index.documents import load_folder
from index.knowledge import Hit, IndexDamagedError, KnowledgeError, KnowledgeIndex, fuse
from index.storage import read_files, write_files
from tests.index.samples import BACKBONE, DIMENSION, FAQ, RETURNS, Encoder, make_pdf, put, write_folder


@pytest.fixture
def encode() -> Encoder:
    return Encoder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "knowledge")


@pytest.fixture
def index(folder: Path, encode: Encoder) -> KnowledgeIndex:
    index = KnowledgeIndex(DIMENSION, BACKBONE)
    index.sync(folder, encode)
    encode.texts.clear()
    return index


def ask(index: KnowledgeIndex, question: str, k: int = 5, documents: list[str] | None = None) -> list[Hit]:
    return index.search(question, Encoder.one(question), k, documents)


def results(index: KnowledgeIndex) -> list[list[tuple[str, float, float, str]]]:
    questions = ("how many days to return an item", "express shipping cost", "gift cards", "moon landing")
    return [
        [(h.passage.id, round(h.score, 5), round(h.dense, 5), h.sentence) for h in ask(index, q)] for q in questions
    ]


class TestSearch:
    def test_passage_and_sentence_that_answer(self, index: KnowledgeIndex) -> None:
        best, *rest = ask(index, "what does express shipping cost")
        assert best.passage.id == "shipping#2"
        assert best.sentence == "Express shipping costs 9.90 EUR."
        assert best.passage.text[best.start : best.end] == best.sentence
        assert best.passage.heading_path == ("Costs",)
        assert best.score == pytest.approx(fuse(best.dense, best.nearest, best.lexical))
        assert 0 < best.lexical <= 1
        assert all(0 <= hit.score <= best.score for hit in rest)

    def test_nothing_relevant_scores_low(self, index: KnowledgeIndex) -> None:
        relevant = ask(index, "underwear and opened food are excluded")[0].score
        assert ask(index, "moon landing fake")[0].score < 0.5 * relevant

    def test_k_and_documents_limit(self, index: KnowledgeIndex) -> None:
        assert len(ask(index, "return an item", k=2)) == 2
        assert {h.passage.document_id for h in ask(index, "return an item", 9, ["shipping", "none"])} == {"shipping"}
        assert ask(index, "return an item", 9, []) == []
        assert len(ask(index, "return an item", 99)) == len(index) == 7

    def test_words_find_what_meaning_misses(self, index: KnowledgeIndex) -> None:
        away = np.zeros(DIMENSION, np.float32)
        away[0] = 1
        assert index.search("utrecht", away, 1)[0].passage.id == "faq-2#1"

    @pytest.mark.parametrize("text", ["", "\ud800", '"; DROP', "😀", "x" * 1_000_000, "AND OR NOT ("])
    def test_odd_text(self, index: KnowledgeIndex, text: str) -> None:
        assert len(index.search(text, Encoder.one("tent"), 3)) == 3

    def test_wrong_vector(self, index: KnowledgeIndex) -> None:
        with pytest.raises(KnowledgeError, match=r"shape \(3,\) was given; \(64,\)"):
            index.search("tent", np.ones(3, np.float32))

    def test_empty_index(self) -> None:
        assert ask(KnowledgeIndex(DIMENSION, BACKBONE), "anything") == []


class TestContents:
    def test_passages_documents_and_vectors(self, index: KnowledgeIndex) -> None:
        passage = index.passage("returns#2")
        assert passage.text.startswith("You can return an item")
        assert index.document_text("returns")[passage.start : passage.end] == passage.text
        assert "## How long" in index.document_text("returns")
        assert [d.id for d in index.documents()] == ["faq-gift", "faq-2", "returns", "shipping"]
        assert [p.id for p in index.passages()][2:5] == ["returns#1", "returns#2", "returns#3"]
        expected = Encoder.one(f"Returns\nHow long you have\n{passage.text.replace('(worn-shoes.md)', '')}")
        assert index.vector("returns#2") == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize("call", ["passage", "vector", "document_text", "remove"])
    def test_unknown_ids(self, index: KnowledgeIndex, call: str) -> None:
        with pytest.raises(KeyError):
            getattr(index, call)("none#1")
        assert len(index) == 7


class TestSync:
    def test_first(self, folder: Path, encode: Encoder) -> None:
        seen: list[tuple[int, int]] = []
        report = KnowledgeIndex(DIMENSION, BACKBONE).sync(
            folder, encode, lambda done, total: seen.append((done, total))
        )
        assert report.added == ["faq-gift", "faq-2", "returns", "shipping"]
        assert (report.changed, report.removed, report.failed) == ([], [], [])
        assert seen == [(len(encode.texts), len(encode.texts))]

    def test_again_embeds_nothing(self, index: KnowledgeIndex, folder: Path, encode: Encoder) -> None:
        os.utime(folder / "returns.md", (1, 1))
        report = index.sync(folder, encode)
        assert (report.added, report.changed, report.removed) == ([], [], [])
        assert encode.texts == []

    def test_a_changed_file_is_embedded_alone(self, index: KnowledgeIndex, folder: Path, encode: Encoder) -> None:
        (folder / "returns.md").write_text(RETURNS.replace("60 days", "90 days"))
        report = index.sync(folder, encode)
        assert (report.added, report.changed, report.removed) == ([], ["returns"], [])
        assert "You can return an item within 90 days of delivery." in encode.texts
        assert not any("shipping" in text for text in encode.texts)
        assert ask(index, "return an item within days")[0].sentence.endswith("90 days of delivery.")
        assert "60 days" not in index.document_text("returns")

    def test_a_changed_row_is_embedded_alone(self, index: KnowledgeIndex, folder: Path, encode: Encoder) -> None:
        (folder / "faq.csv").write_text(FAQ.replace("In Utrecht", "In Delft"))
        assert index.sync(folder, encode).changed == ["faq-2"]
        assert encode.texts == ["Where is the shop?\nIn Delft.", "In Delft."]

    def test_added_and_removed(self, index: KnowledgeIndex, folder: Path, encode: Encoder) -> None:
        (folder / "shipping.md").unlink()
        put(folder, tents_txt="A tent has poles.")
        report = index.sync(folder, encode)
        assert (report.added, report.changed, report.removed) == (["tents"], [], ["shipping"])
        assert all(hit.passage.document_id != "shipping" for hit in ask(index, "express shipping costs", 99))
        assert ask(index, "tent poles")[0].passage.id == "tents#1"

    def test_many_changes_give_what_a_fresh_index_gives(
        self, index: KnowledgeIndex, folder: Path, encode: Encoder
    ) -> None:
        for round_ in range(4):
            put(folder, returns_md=RETURNS.replace("60", str(round_)), new_txt=f"New {round_}. Tents.")
            index.sync(folder, encode)
        (folder / "new.txt").unlink()
        index.sync(folder, encode)
        fresh = KnowledgeIndex(DIMENSION, BACKBONE)
        fresh.sync(folder, encode)
        assert results(index) == results(fresh)

    def test_broken_pdf_is_named_and_the_rest_indexed(self, folder: Path, encode: Encoder) -> None:
        (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nonsense")
        (folder / "care.pdf").write_bytes(make_pdf("Boots are waterproof.", "Wash boots by hand."))
        index = KnowledgeIndex(DIMENSION, BACKBONE)
        report = index.sync(folder, encode)
        assert [error.path.name for error in report.failed] == ["broken.pdf"]
        assert len(report.added) == 5
        best = ask(index, "wash boots by hand")[0].passage
        assert (best.source, best.page) == ("care.pdf", 2)

    def test_a_file_that_breaks_keeps_what_it_had(self, index: KnowledgeIndex, folder: Path, encode: Encoder) -> None:
        (folder / "returns.md").write_bytes(b"\xff\xfe")
        report = index.sync(folder, encode)
        assert report.removed == []
        assert [error.path.name for error in report.failed] == ["returns.md"]
        assert index.passage("returns#2")
        (folder / "returns.md").write_text(RETURNS)
        assert index.sync(folder, encode).failed == []

    def test_no_folder_empties_the_index(self, index: KnowledgeIndex, tmp_path: Path, encode: Encoder) -> None:
        assert len(index.sync(tmp_path / "none", encode).removed) == 4
        assert len(index) == 0

    @pytest.mark.parametrize(
        ("wrong", "cause"),
        [
            (np.ones((1, DIMENSION)), r"shape \(1, 64\)"),
            (np.ones((17, DIMENSION)), "not of unit length"),
            (np.full((17, DIMENSION), np.nan), "not of unit length"),
        ],
    )
    def test_encoder_that_fails_changes_nothing(
        self, index: KnowledgeIndex, folder: Path, wrong: np.ndarray, cause: str
    ) -> None:
        before = results(index)
        put(folder, new_txt=" ".join(f"Sentence {n}." for n in range(16)))
        with pytest.raises(KnowledgeError, match=cause):
            index.sync(folder, lambda texts: wrong.astype(np.float32))
        assert results(index) == before


class TestAddAndRemove:
    def test_add_replaces_the_same_id(self, index: KnowledgeIndex, folder: Path, encode: Encoder) -> None:
        put(folder, returns_md="Nothing can be returned.")
        changed = [d for d in load_folder(folder)[0] if d.id == "returns"]
        index.add(changed, encode)
        assert len(index) == 5
        assert [p.text for p in index.passages() if p.document_id == "returns"] == ["Nothing can be returned."]

    def test_add_refuses_an_id_twice(self, index: KnowledgeIndex, folder: Path, encode: Encoder) -> None:
        with pytest.raises(KnowledgeError, match="same id"):
            index.add(load_folder(folder)[0] * 2, encode)

    def test_remove(self, index: KnowledgeIndex) -> None:
        index.remove("returns")
        assert len(index) == 4
        with pytest.raises(KeyError):
            index.passage("returns#1")

    def test_inverted_lists_above_the_limit(self, folder: Path, encode: Encoder, tmp_path: Path) -> None:
        put(folder, many_txt="\n\n".join(f"Item {n} costs {n} EUR." for n in range(600)))
        (folder / "many.csv").write_text("question,answer\n" + "".join(f"Part {n}?,It is {n}.\n" for n in range(200)))
        index = KnowledgeIndex(DIMENSION, BACKBONE, flat_limit=100)
        index.sync(folder, encode)
        assert index.kind == "ivf"
        assert ask(index, "part 150", 3, ["many-151"])[0].passage.id == "many-151#1"
        index.remove("many-151")
        assert ask(index, "part 150", 3, ["many-151"]) == []
        index.save(tmp_path / "stored")
        loaded = KnowledgeIndex.load(tmp_path / "stored", BACKBONE, flat_limit=100)
        assert loaded.kind == "ivf"
        assert results(loaded) == results(index)


class TestThreads:
    def test_a_search_never_sees_half_an_update(self, folder: Path, encode: Encoder) -> None:
        """Two files change together between two states; every search must see one state of both."""
        index = KnowledgeIndex(DIMENSION, BACKBONE)
        texts = ["apple wagon.", "zebra cloud."]
        states = [{"one_txt": f"One {text}", "two_txt": f"Two {text}"} for text in texts]
        put(folder, **states[0])
        index.sync(folder, encode)
        mixed, failed = [], []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                try:
                    words = {h.sentence.split()[1] for h in ask(index, "apple zebra one two", 9, ["one", "two"])}
                except Exception as error:
                    failed.append(error)
                    return
                if len(words) != 1:
                    mixed.append(words)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for round_ in range(30):
            put(folder, **states[(round_ + 1) % 2])
            assert index.sync(folder, encode).changed == ["one", "two"]
        done.set()
        for reader in readers:
            reader.join()
        assert (mixed, failed) == ([], [])

    def test_writers_wait_for_each_other(self, folder: Path, encode: Encoder) -> None:
        index = KnowledgeIndex(DIMENSION, BACKBONE)
        reports = []
        writers = [threading.Thread(target=lambda: reports.append(index.sync(folder, encode))) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert sorted(len(report.added) for report in reports) == [0, 0, 0, 4]
        assert len(index) == 7


class TestSaveAndLoad:
    def test_round_trip(self, index: KnowledgeIndex, folder: Path, tmp_path: Path, encode: Encoder) -> None:
        index.save(tmp_path / "stored")
        loaded = KnowledgeIndex.load(tmp_path / "stored", BACKBONE)
        assert results(loaded) == results(index)
        assert loaded.documents() == index.documents()
        assert loaded.passages() == index.passages()
        report = loaded.sync(folder, encode)
        assert (report.added, report.changed, report.removed, encode.texts) == ([], [], [], [])
        put(folder, tents_txt="A tent has poles.")
        assert loaded.sync(folder, encode).added == ["tents"]
        loaded.save(tmp_path / "stored")
        assert ask(KnowledgeIndex.load(tmp_path / "stored", BACKBONE), "tent poles")[0].passage.id == "tents#1"

    def test_empty_index(self, tmp_path: Path) -> None:
        KnowledgeIndex(DIMENSION, BACKBONE).save(tmp_path)
        assert len(KnowledgeIndex.load(tmp_path, BACKBONE)) == 0

    def test_manifest_says_what_it_is(self, index: KnowledgeIndex, tmp_path: Path) -> None:
        index.save(tmp_path)
        manifest = json.loads((tmp_path / "manifest.json").read_text())
        assert manifest["backbone_hash"] == BACKBONE
        assert (manifest["dimension"], manifest["kind"], manifest["passages"]) == (DIMENSION, "flat", 7)
        assert set(manifest["sha256"]) == {"documents.jsonl", "passages.faiss", "sentences.safetensors"}

    @pytest.mark.parametrize("name", ["documents.jsonl", "passages.faiss", "sentences.safetensors", "manifest.json"])
    @pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
    def test_damage_is_named(self, index: KnowledgeIndex, tmp_path: Path, name: str, damage: str) -> None:
        index.save(tmp_path)
        [path] = tmp_path.rglob(name)
        content = bytearray(path.read_bytes())
        if damage == "flip":
            content[len(content) // 2] ^= 1
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
        if damage == "remove":
            path.unlink()
        with pytest.raises(IndexDamagedError, match=name) as caught:
            KnowledgeIndex.load(tmp_path, BACKBONE)
        assert caught.value.folder == tmp_path
        assert str(tmp_path) in str(caught.value)

    def test_every_flipped_bit_of_the_manifest_is_noticed(self, index: KnowledgeIndex, tmp_path: Path) -> None:
        index.save(tmp_path)
        whole = (tmp_path / "manifest.json").read_bytes()
        for place in range(len(whole)):
            (tmp_path / "manifest.json").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(IndexDamagedError):
                KnowledgeIndex.load(tmp_path, BACKBONE)

    def test_other_backbone(self, index: KnowledgeIndex, tmp_path: Path) -> None:
        index.save(tmp_path)
        with pytest.raises(IndexDamagedError, match=r"another backbone made it \(sample-backb, here other\)"):
            KnowledgeIndex.load(tmp_path, "other")

    @pytest.mark.parametrize(
        ("change", "cause"),
        [
            ({"format": 1}, "its format is 1"),
            ({"dimension": 8}, "64 dimensions, not 8"),
            ({"metric": "L2"}, "its metric is 'L2'"),
            ({"kind": "ivf"}, "no 'ivf' index"),
        ],
    )
    def test_foreign_manifest(
        self, index: KnowledgeIndex, tmp_path: Path, change: dict[str, object], cause: str
    ) -> None:
        index.save(tmp_path)
        about, files = read_files(tmp_path)
        write_files(tmp_path, about | change, files)
        with pytest.raises(IndexDamagedError, match=cause):
            KnowledgeIndex.load(tmp_path, BACKBONE)

    def test_files_of_two_indexes(self, index: KnowledgeIndex, tmp_path: Path) -> None:
        index.save(tmp_path / "one")
        index.remove("returns")
        index.save(tmp_path / "two")
        about, files = read_files(tmp_path / "one")
        for name in ("passages.faiss", "sentences.safetensors"):
            other = read_files(tmp_path / "two")[1][name]
            write_files(tmp_path / "mixed", about, files | {name: other})
            with pytest.raises(IndexDamagedError, match="different"):
                KnowledgeIndex.load(tmp_path / "mixed", BACKBONE)

    def test_pickle_is_never_read_or_written(self) -> None:
        package = Path(__file__).resolve().parents[2] / "index"
        for path in package.glob("*.py"):
            assert not {"pickle", "joblib", "np.load", "torch.load"} & set(path.read_text().replace("(", " ").split())
