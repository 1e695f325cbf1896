"""What is enforced of the requests to one loaded model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Lock

from ....core.canon import ir
from ....core.canon.errors import InvalidRequest
from ....core.contract.losses import Loss
from .compiling import Compiler
from .constraint import Constraint, Stage
from .lexicon import Lexicon, Vocabulary
from .planning import planned
from .thoughts import Thoughts


@dataclass(frozen=True, slots=True)
class Enforced:
    """Of one request. Every generation of it has a constraint of its own."""

    compiler: Compiler
    stage: Stage
    continued: str = ""

    def constraint(self) -> Constraint:
        found = Constraint(self.compiler.lexicon, self.stage)
        if self.continued:
            found.begin(self.continued)
        return found


class Enforcer:
    """Any thread may use it; the vocabulary is read when the first request needs it."""

    def __init__(self, vocabulary: Vocabulary, tool_format: str = "hermes") -> None:
        self._vocabulary = vocabulary
        self._tool_format = tool_format
        self._lock = Lock()
        self._compiler: Compiler | None = None

    @staticmethod
    def available() -> bool:
        return find_spec("llguidance") is not None

    def enforced(
        self,
        request: ir.Request,
        tools: Mapping[str, ir.Tool],
        thoughts: Thoughts,
        continued: str = "",
    ) -> tuple[Enforced | None, list[Loss]]:
        """`continued` is what the client has written of the answer.

        Raises `InvalidRequest` naming the field that cannot be enforced.
        """
        free = not tools and request.output.kind == "text"
        if free and self._tool_format != "harmony":  # which has no mark of a call to be blocked
            return None, []
        compiler = self._compiled()
        found = planned(request, tools, compiler, thoughts, self._tool_format, bool(continued))
        if found.stage is None:
            return None, found.losses
        if request.output.kind == "text":
            return Enforced(compiler, found.stage), found.losses
        if continued and not Constraint(compiler.lexicon, found.stage).begin(continued):
            at = request.turns[-1].at or "messages"
            raise InvalidRequest(
                f"{at}: the beginning of the answer is none of the format that was asked for; "
                "leave it out, or begin as the format does",
                param=at,
            )
        return Enforced(compiler, found.stage, continued), found.losses

    def _compiled(self) -> Compiler:
        with self._lock:
            if self._compiler is None:
                self._compiler = Compiler(Lexicon(self._vocabulary))
            return self._compiler
