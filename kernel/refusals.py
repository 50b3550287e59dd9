"""The one family of errors that a caller is meant to catch."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, ClassVar


class Refusal(Exception):
    """
    The app says no, for a reason that its caller can understand.

    Subclasses live beside the function that raises them. The class name in snake
    case is the code in REST, the first line of the docstring the message.
    `facts` are further members of the answer: which products, what total; `members` names
    their types.
    """

    status: ClassVar[int] = 409
    members: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, detail: str = "", **facts: Any) -> None:
        super().__init__(detail or self.message())
        self.facts = facts

    @classmethod
    def code(cls) -> str:
        """Return the stable code of this refusal: `OutOfStock` is `out_of_stock`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def message(cls) -> str:
        """Return what the refusal says when nothing more exact is known."""
        return inspect.cleandoc(cls.__doc__ or cls.__name__).split("\n")[0]


class PreconditionFailed(Refusal):
    """Someone changed this since you read it: read it again."""

    status = 412
