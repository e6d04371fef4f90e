from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.model.backbone import Backbone
from agent.model.storage import load_card, load_memory, read_manifest, replace_file, rewrite, verify
from agent.scrub import ERASED, Texts, scrub
from tests.agent.library import make_library, train_library

TEXT = "my neighbour Åsa took my parcel & hid it"


def test_a_text_goes_in_whatever_form_it_stands(tmp_path: Path) -> None:
    files = {
        "reports/1/report.html": f"<td>{TEXT.replace('&', '&amp;')} · my neighbour</td>",
        "reports/1/report.json": json.dumps({"why": f"flipped: {TEXT}", "n": 1}),
        "exports/reviews.csv": f'"{TEXT.upper()}",track\n',
        "exports/nlu.yml": f"- intent: track\n  examples: |\n    - {TEXT}\n",
        "exports/chat.jsonl": json.dumps({"content": TEXT}) + "\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert scrub(tmp_path, Texts([TEXT])) == sorted(files)
    for name in files:
        content = (tmp_path / name).read_text(encoding="utf-8")
        assert ERASED in content
        assert "sa took" not in content.casefold()
    assert "my neighbour</td>" in (tmp_path / "reports/1/report.html").read_text()
    assert json.loads((tmp_path / "reports/1/report.json").read_text())["n"] == 1
    assert scrub(tmp_path, Texts([TEXT])) == []


def test_a_short_text_goes_as_a_field_and_nowhere_else() -> None:
    texts = Texts(["  Order  7 ", "text", ""])
    line = json.dumps({"text": "order 7", "intent": "order 7"}) + "\n"
    assert json.loads(texts.without(line, ".jsonl")) == {"text": ERASED, "intent": "order 7"}
    nested = {"confusions": [{"texts": ["order 7", "order 71"], "text": "text"}], "text": {"n": "order 7"}}
    assert json.loads(texts.without(json.dumps(nested), ".json")) == {
        "confusions": [{"texts": [ERASED, "order 71"], "text": ERASED}],
        "text": {"n": "order 7"},
    }
    assert texts.without("<p>order 7</p>", ".html") == "<p>order 7</p>"
    assert not Texts(["", " ", ERASED])


def test_part_of_a_longer_word_is_another_text() -> None:
    assert Texts(["a lost parcel"]).without("a lost parcels a lost parcel.", ".txt") == f"a lost parcels {ERASED}."


def test_what_is_no_json_is_read_as_plain_text(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(b'{"text": "a lost parcel", \xff')
    assert scrub(tmp_path, Texts(["a lost parcel"])) == ["broken.json"]
    assert (tmp_path / "broken.json").read_bytes() == b'{"text": "[erased]", \xff'


def test_knowledge_backups_links_and_other_files_are_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"text": "a lost parcel"}')
    data = tmp_path / "data"
    for name in ("index/app/documents.jsonl", "backups/note.txt", "models/app/adapter.safetensors"):
        (data / name).parent.mkdir(parents=True)
        (data / name).write_text('{"text": "a lost parcel"}')
    (data / "link.json").symlink_to(outside)
    assert scrub(data, Texts(["a lost parcel"])) == []
    assert "lost" in outside.read_text()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Path:
    return train_library(make_library(tmp_path_factory.mktemp("scrub")), tiny)


@pytest.fixture
def version(tmp_path: Path, trained: Path) -> Path:
    """A copy of a trained version, to be changed."""
    data = shutil.copytree(trained.parents[3], tmp_path / "data")
    return data / trained.relative_to(trained.parents[3])


def test_a_version_stays_whole_and_forgets_the_text_alone(version: Path, tiny: Backbone) -> None:
    before = load_memory(version)
    gone = before[0].text
    changed = scrub(version.parents[3], Texts([gone.upper()]))
    assert changed == [str((version / "memory.jsonl").relative_to(version.parents[3]))]
    load_card(version, tiny)
    after = load_memory(version)
    assert [e.text for e in after] == [ERASED if e.text == gone else e.text for e in before]
    assert [e.intent for e in after] == [e.intent for e in before]
    assert "rewriting" not in read_manifest(version)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_version_is_whole_wherever_a_rewrite_is_killed(
    version: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    done = []

    def dying(path: Path, content: bytes) -> None:
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(path.name)
        replace_file(path, content)

    monkeypatch.setattr("agent.model.storage.replace_file", dying)
    new = (version / "memory.jsonl").read_bytes().replace(b"hello", b"HELLO")
    with pytest.raises(KeyboardInterrupt):
        rewrite(version, "memory.jsonl", new)
    verify(version)
    monkeypatch.setattr("agent.model.storage.replace_file", replace_file)
    rewrite(version, "memory.jsonl", new)
    assert verify(version)["memory.jsonl"] == new
    assert "rewriting" not in read_manifest(version)


def test_a_damaged_file_does_not_become_a_sound_one(version: Path) -> None:
    from agent.errors import ModelError

    (version / "memory.jsonl").write_text('{"text": "a lost parcel", "intent": "fines"}\n')
    scrub(version.parents[3], Texts(["a lost parcel"]))
    assert ERASED in (version / "memory.jsonl").read_text()
    with pytest.raises(ModelError, match="memory.jsonl is damaged"):
        verify(version)
