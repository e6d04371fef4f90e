"""A version as this machine serves it fastest: ONNX Runtime on a CPU, PyTorch on a GPU."""

from __future__ import annotations

import logging
from pathlib import Path

from agent.model.backbone import Backbone
from agent.model.canary import check
from agent.model.export import ExportError, export_model
from agent.model.exported import ExportedModel
from agent.model.exports import fetch, source_of
from agent.model.graph import Graph
from agent.model.multitask import MultiTaskModel
from agent.model.storage import build_model, load_card, load_memory, read_manifest

log = logging.getLogger("switchboard")


def open_version(folder: Path, backbone: Backbone) -> MultiTaskModel | ExportedModel:
    """The version in ``folder`` (``<data>/models/<app>/versions/<n>``), its adapter merged, its canary checked.

    On a CPU it is exported the first time, which takes a second or two, and read from the kept graph later on. Where
    the encoder cannot be exported, or the disk takes no graph, PyTorch serves it; the log says so.

    Raises ModelError if a file of the version is missing or damaged, if it belongs to another backbone, or reads its
    own examples otherwise than when it was saved.
    """
    model = _open(folder, backbone)
    manifest = read_manifest(folder)
    if "canary" in manifest:  # versions of earlier releases have none
        check(model, backbone.device.type, manifest["canary"], load_memory(folder), folder.name)
    return model


def _open(folder: Path, backbone: Backbone) -> MultiTaskModel | ExportedModel:
    card, contents = load_card(folder, backbone)

    def merged() -> MultiTaskModel:
        return build_model(card, contents, folder, backbone).merge()

    if backbone.device.type != "cpu":
        return merged()
    source = source_of((folder / "manifest.json").read_bytes())
    exports = folder.parent.parent / "exports"
    try:
        path = fetch(exports, folder.name, source, lambda: export_model(merged()))
    except (ExportError, OSError) as error:
        log.warning("PyTorch serves version %s of %s, slower: %s", folder.name, exports.parent.name, error)
        return merged()
    return ExportedModel(card, backbone, Graph(path, backbone))
