"""The one base class that every event extends, and the registry of their names."""

from __future__ import annotations

import datetime as dt
import re
import typing
import uuid
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

_NAME = re.compile(r"^[a-z_]+\.[a-z_]+\.v[1-9][0-9]*$")
_EVENTS: dict[str, type[Event]] = {}


class Personal:
    """
    Marks a field that tells something of a person: `Annotated[Address | None, Personal()]`.

    It is encrypted in the log and on the wire under the key of the event's person; once that
    key is destroyed a handler gets None, so the field must allow it.
    """


class Event(BaseModel):
    """
    A fact that an app tells the others: `class OrderPlaced(Event, name=…, subject="order_id")`.

    Fields hold what pydantic turns into JSON and back. `subject` names the field with the
    aggregate's id; `person` the one with the id of the person whose data `Personal` fields hold;
    `unheard` is the reason why no module but the audit hears it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    name: ClassVar[str] = "*"
    subject_field: ClassVar[str] = ""
    person_field: ClassVar[str] = ""
    personal_fields: ClassVar[frozenset[str]] = frozenset()
    unheard: ClassVar[str] = ""

    occurred_at: dt.datetime

    def __init_subclass__(cls, **_: Any) -> None:
        super().__init_subclass__()  # the arguments are for pydantic's hook, which knows the fields

    @classmethod
    def __pydantic_init_subclass__(  # type: ignore[override]
        cls, *, name: str, subject: str, person: str = "", unheard: str = "", **kwargs: Any
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.name, cls.subject_field, cls.person_field, cls.unheard = name, subject, person, unheard
        cls.personal_fields = _personal_fields(cls)
        _demand_well_formed(cls)
        _EVENTS[name] = cls

    @property
    def subject(self) -> uuid.UUID:
        """The id of the aggregate that the event is about."""
        found: uuid.UUID = getattr(self, self.subject_field)
        return found

    @property
    def order_id_or_none(self) -> uuid.UUID | None:
        """The order that the event belongs to, if any: an order's timeline is a query."""
        return getattr(self, "order_id", None)


def event_class(name: str) -> type[Event] | None:
    """Return the class that is declared under this name, or None."""
    return _EVENTS.get(name)


def event_names() -> list[str]:
    """Return every declared name, sorted."""
    return sorted(_EVENTS)


def _personal_fields(cls: type[Event]) -> frozenset[str]:
    return frozenset(
        name
        for name, field in cls.model_fields.items()
        if any(isinstance(mark, Personal) or mark is Personal for mark in field.metadata)
    )


def _demand_well_formed(cls: type[Event]) -> None:
    if not _NAME.match(cls.name):
        raise TypeError(f"{cls.name!r} is no event name: module.past_participle.v1")
    if cls.name in _EVENTS:
        raise TypeError(f"The event name {cls.name!r} is taken.")
    _demand_fields(cls)


def _demand_fields(cls: type[Event]) -> None:
    for field in (cls.subject_field, *filter(None, [cls.person_field])):
        if field not in cls.model_fields:
            raise TypeError(f"{cls.name}: there is no field {field!r}.")
    if cls.personal_fields and not cls.person_field:
        raise TypeError(f"{cls.name} has personal fields but no `person`.")
    for field in cls.personal_fields:
        if type(None) not in typing.get_args(cls.model_fields[field].annotation):
            raise TypeError(f"{cls.name}.{field} is personal and must allow None.")
