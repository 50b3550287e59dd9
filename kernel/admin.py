"""The admin page of a table that only use cases change, and actions that call them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from kernel.address import Address
from kernel.money import display
from kernel.refusals import Refusal
from kernel.staff import tell_act
from kernel.transactions import transaction

# As an address is written: PostgreSQL keeps JSON without an order of names.
_ORDER = {name: place for place, name in enumerate(Address.model_fields)}


def act_on_each(
    request: HttpRequest,
    calls: Mapping[str, Callable[[], object]],
    *,
    said: str = "done",
    act: str | None = None,
) -> None:
    """
    Make a use-case call for each row that was chosen, in a transaction of its own.

    `calls` has them by what the person calls the row; `said` is what became of each
    that was not refused. The audit is told who did it: `act`, if no action was chosen in a list.
    """
    for name, call in calls.items():
        try:
            with transaction():
                call()
                tell_act(
                    action=act or request.POST["action"],
                    model=_model_of(request),
                    objects=[name],
                    at=timezone.now(),
                )
        except Refusal as refusal:
            messages.error(request, f"{name}: {refusal}")
        else:
            messages.success(request, f"{name}: {said}.")


def _model_of(request: HttpRequest) -> str:
    """Return app and model of the page on which something is done: neither has a _ in its name."""
    page = request.resolver_match.url_name if request.resolver_match else ""
    return ".".join(str(page).split("_")[:2])


class StaffAdmin(ModelAdmin):
    """
    Edits, and tells the audit of each change by a form, in its transaction.

    `tells_values` is False where they are a person's: then only the fields are named.
    """

    tells_values = True

    def save_related(
        self, request: HttpRequest, form: ModelForm[Any], formsets: Any, change: Any
    ) -> None:
        """Tell of the form and what belongs to it, once all is saved."""
        super().save_related(request, form, formsets, change)
        changed = [
            *form.changed_data,
            *(each.model._meta.model_name for each in formsets if each.has_changed()),  # noqa: SLF001
        ]
        if changed or not change:
            self.tell(
                "change" if change else "add",
                [form.instance],
                changed=changed,
                old=self._texts(form.initial, form) if change else {},
                new=self._texts(form.cleaned_data, form),
            )

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Tell of it, while it has its id."""
        self.tell("delete", [obj])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Tell of each, and delete them."""
        with transaction():
            self.tell("delete", list(queryset))
            super().delete_queryset(request, queryset)

    def tell(self, action: str, objects: Collection[Model], **facts: Any) -> None:
        """Tell the audit what was done to these."""
        keys = [each.pk for each in objects]
        tell_act(
            action=action, model=self.opts.label_lower, objects=keys, at=timezone.now(), **facts
        )

    def _texts(self, values: Mapping[str, Any], form: ModelForm[Any]) -> dict[str, str | None]:
        if not self.tells_values:
            return {}
        known = {name: values.get(name) for name in form.changed_data}
        return {name: None if value is None else str(value) for name, value in known.items()}


class ReadOnlyPermissions:
    """Nobody adds, changes or deletes by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


class ShowsValues:
    """
    Shows values as people read them, in lists and on pages.

    The fields in `amounts` are money of the row's currency; those in `records` are JSON, in which
    `record_amounts` names what is money.
    """

    model: type[Model]
    amounts: Collection[str] = ()
    records: Collection[str] = ()
    record_amounts: Collection[str] = ()
    currency_field = "currency"

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns."""
        return self._as_shown(super().get_list_display(request))  # type: ignore[misc]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Return the page's groups of fields."""
        groups = super().get_fieldsets(request, obj)  # type: ignore[misc]
        return [(name, {**o, "fields": self._as_shown(o["fields"])}) for name, o in groups]

    def _as_shown(self, fields: Sequence[Any]) -> list[Any]:
        return [self._shown.get(field, field) for field in fields]

    @cached_property
    def _shown(self) -> dict[Any, Callable[[Model], str]]:
        currency_of = operator.attrgetter(self.currency_field)

        def as_money(row: Model, amount: int | None) -> str:
            currency = currency_of(row)
            return display(amount, currency) if currency and amount is not None else ""

        def as_record(row: Model, value: Any) -> str:
            return _as_record(value, self.record_amounts, getattr(row, "currency", ""))

        return {
            **{name: self._column(name, as_money) for name in self.amounts},
            **{name: self._column(name, as_record) for name in self.records},
        }

    def _column(self, name: str, text_of: Callable[[Model, Any], str]) -> Callable[[Model], str]:
        label = str(self.model._meta.get_field(name).verbose_name)  # type: ignore[union-attr] # noqa: SLF001

        @admin.display(description=label, ordering=name, empty_value="-")
        def shown(row: Model) -> str:
            return text_of(row, getattr(row, name))

        return shown


def _as_record(value: Any, amounts: Collection[str], currency: str) -> str:
    """Return what JSON holds as names and values, one below another, without what is empty."""
    match value:
        case dict():
            currency = value.get("currency", currency)
            names = sorted(value, key=lambda name: _ORDER.get(name, len(_ORDER)))
            said = [
                (name, display(value[name], currency))
                if name in amounts and currency and value[name] is not None
                else (name, _as_record(value[name], amounts, currency))
                for name in names
            ]
            rows = [(name.replace("_", " "), text) for name, text in said if text]
            return format_html(
                '<dl class="shop-record">{}</dl>',
                format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows),
            )
        case list():
            texts = ((_as_record(each, amounts, currency),) for each in value)
            return format_html_join("", '<div class="shop-row">{}</div>', texts)
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
    return str(value)


class ReadOnlyAdmin(ShowsValues, ReadOnlyPermissions, StaffAdmin):
    """Looks; what changes the table is a use case, which an action may call."""

    show_full_result_count = False  # it would count the whole table on every page


class UseCaseAdmin(StaffAdmin):
    """
    Edits; its `save_model` calls use cases, whose refusals are shown to the person who asked.

    Nothing is deleted here.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show a refusal, once Django has rolled back the transaction that it opens itself."""
        try:
            answer: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            self.note_refusal(refusal)
            self.message_user(request, str(refusal), messages.ERROR)
            answer = HttpResponseRedirect(request.get_full_path())
        return answer

    def note_refusal(self, refusal: Refusal) -> None:
        """Do what is to be done about a refusal beside showing it."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


class OfOrderAdmin(ReadOnlyAdmin):
    """
    Looks at what belongs to an order, and leads to the order's events: in the list, on the page.

    `order_id_field` names where a row has the order's id; one without an order leads nowhere.
    """

    order_id_field = "order_id"
    actions_detail = ("order_events",)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Add the link to the columns, for those who may follow it."""
        columns = list(super().get_list_display(request))
        return [*columns, "events"] if self.has_follow_permission(request) else columns

    def has_follow_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Say whether this person may see an order's events."""
        return bool(request.user.has_perm("bus.view_outboxevent"))

    @admin.display(description="Events")
    def events(self, row: Model) -> str:
        """Return the link to the events of the row's order."""
        order_id = self._order_id(row)
        if order_id is None:
            return ""
        url = reverse("admin:bus_order_timeline", args=[order_id])
        return format_html('<a href="{}" title="Events of the order">timeline</a>', url)

    # Not by the permission's own name: unfold's check would ask the database for it, even before
    # there are tables.
    @action(  # type: ignore[untyped-decorator]
        description="Events of the order", icon="timeline", permissions=["follow"]
    )
    def order_events(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        """Lead to the events of the row's order."""
        row = self.get_object(request, object_id)
        order_id = self._order_id(row) if row else None
        if order_id is None:
            messages.warning(request, "This belongs to no order: there are no events to show.")
            return HttpResponseRedirect("../change/")
        return HttpResponseRedirect(reverse("admin:bus_order_timeline", args=[order_id]))

    def _order_id(self, row: Model) -> Any:
        return operator.attrgetter(self.order_id_field)(row)


class ReadOnlyInline(ShowsValues, ReadOnlyPermissions, TabularInline):
    """Looks, inside another page; `fields` are named."""

    extra = 0
    tab = True

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Return the columns that are no fields of a form."""
        return [*super().get_readonly_fields(request, obj), *self._shown.values()]
