"""What the server asks of an Agent; ``agent.runtime.Agent`` is one, tests bring a small fake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from agent.config import Settings
from agent.types import Feedback, Gone, Message, Prediction, Reply

if TYPE_CHECKING:
    from index.documents import Passage
    from index.knowledge import Hit


class Service(Protocol):
    """All methods block and may be called from many threads."""

    @property
    def settings(self) -> Settings: ...

    @property
    def domains(self) -> Mapping[str, Any]: ...

    def reply(self, message: Message, gone: Gone | None = None) -> Reply: ...

    def reply_stream(self, message: Message) -> Iterator[str | Reply]: ...

    def predict(self, app: str, texts: Sequence[str]) -> list[Prediction]: ...

    def search(self, app: str, text: str, k: int) -> list[Hit]: ...

    def feedback(self, feedback: Feedback) -> bool: ...

    def why(self, message_id: str, client_id: str) -> dict[str, Any]: ...

    def passage(self, app: str, passage_id: str) -> Passage: ...

    def document_text(self, app: str, document_id: str) -> str: ...

    def apps(self) -> list[dict[str, Any]]: ...

    def history(self, conversation_id: str, client_id: str) -> list[dict[str, Any]]: ...

    def ready(self) -> tuple[bool, dict[str, Any]]: ...
