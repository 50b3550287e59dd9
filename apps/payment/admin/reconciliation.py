"""What gateways' books tell otherwise than ours, each with the buttons of its remedies."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from apps.payment import usecases
from apps.payment.models import Difference, Reconciliation, Remedy
from apps.payment.usecases.comparing import uuid_or_none
from kernel.admin import OfOrderAdmin, ReadOnlyAdmin, act_on_each
from kernel.money import display

REMEDY = "payment.change_difference"
_ACTS: dict[str, tuple[Callable[..., object], str]] = {
    Remedy.ASK_AGAIN: (usecases.ask_gateway_again, "the gateway is asked"),
    Remedy.TAKE_OVER: (usecases.take_over, "taken over"),
    Remedy.UNDO: (usecases.undo_at_gateway, "the gateway is asked to undo it"),
    Remedy.ACCEPT: (usecases.accept_difference, "accepted"),
}
_IN_THE_LIST = {
    Remedy.ASK_AGAIN: "Ask again",
    Remedy.TAKE_OVER: "Take over",
    Remedy.UNDO: "Undo there",
}
_LOOKS = {"OPEN": "dead", "ASKED": "late"}


class OpenFilter(admin.SimpleListFilter):
    """Shows what is still to be decided, unless something else is asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*Difference.State.choices, ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        return [{**first, "display": "To be decided"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(state__in=[self.value()] if self.value() else Difference.OPEN)


@require_POST
def remedy_posted(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Do what one button says: `remedy` is a difference's id, a colon, and one of Remedy."""
    if not request.user.has_perm(REMEDY):
        raise PermissionDenied
    text, _, remedy = request.POST.get("remedy", "").partition(":")
    difference_id = uuid_or_none(text)
    if difference_id is None or remedy not in _ACTS:
        return HttpResponseRedirect(_list())
    use_case, said = _ACTS[remedy]
    call = functools.partial(use_case, difference_id=difference_id, at=timezone.now())
    if remedy == Remedy.ACCEPT:
        call = functools.partial(call, reason=request.POST.get("reason", ""))
    calls = {f"Difference {difference_id}": call}
    act_on_each(request, calls, said=said, act=remedy.lower())
    is_list = "list" in request.GET
    return HttpResponseRedirect(_list() if is_list else _page_of(difference_id))


@admin.register(Difference)
class DifferenceAdmin(OfOrderAdmin):
    order_id_field = "payment_id"
    list_display = ["shown_kind", "doing", "ours", "theirs", "order", "remedies"]
    list_filter = [OpenFilter, "kind", "gateway"]
    search_fields = ["payment__order_id__exact", "reference__exact", "token__exact"]
    search_help_text = "An order's id, an operation's, or a gateway's token, whole."
    date_hierarchy = "on"
    ordering = ["-id"]
    list_per_page = 50
    actions = ["ask_again", "take_over", "undo"]
    custom_urls = (("remedy/", "payment_difference_remedy", remedy_posted),)
    change_form_outer_before_template = "payment/difference_tools.html"
    fieldsets = (
        (None, {"fields": ("doing", "order", "made_at", "seen_at", "remedy", "reason", "refusal")}),
        ("Names", {"fields": ("gateway", "entry", "reference", "token", "operation")}),
        ("Comparison", {"fields": ("reconciliation", "on")}),
    )
    readonly_fields = ("order",)

    def has_remedy_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(REMEDY))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        difference = self.get_object(request, object_id)
        facts = _facts(difference) if difference else {}
        may_remedy = self.has_remedy_permission(request)
        context = {**(extra_context or {}), **facts, "may_remedy": may_remedy}
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)
        return answer

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = super().get_list_display(request)
        if self.has_remedy_permission(request):
            return columns
        return [column for column in columns if column != "remedies"]

    @admin.display(description="Kind", ordering="kind")
    def shown_kind(self, row: Difference) -> SafeString:
        if row.state == Difference.State.OPEN:
            return format_html("{}", row.get_kind_display())
        look = "waiting" if row.state == Difference.State.ASKED else "recovered"
        return format_html(
            '{} <span class="bus-label bus-label-{}">{}</span>',
            row.get_kind_display(),
            look,
            row.state.lower(),
        )

    @admin.display(description="We say")
    def ours(self, row: Difference) -> str:
        return _said(row.our_amount, row.our_fee, row)

    @admin.display(description="They say")
    def theirs(self, row: Difference) -> str:
        return _said(row.their_amount, row.their_fee, row)

    @admin.display(description="Order")
    def order(self, row: Difference) -> str:
        if row.payment_id is None:
            return "unknown"
        url = reverse("admin:payment_payment_change", args=[row.payment_id])
        return format_html('<a href="{}" class="bus-id">…{}</a>', url, str(row.payment_id)[-12:])

    @admin.display(description="Remedies")
    def remedies(self, row: Difference) -> SafeString:
        """Return the buttons; they post the list's own form to another address."""
        url = reverse("admin:payment_difference_remedy") + "?list"
        remedies = [each for each in row.remedies if each in _IN_THE_LIST]
        buttons = format_html_join(
            " ",
            '<button class="bus-button" formaction="{}" name="remedy" value="{}:{}" title="{}">'
            "{}</button>",
            [(url, row.id, each.value, each.label, _IN_THE_LIST[each]) for each in remedies],
        )
        accept = _accept_link(row)
        return format_html('<span class="bus">{} {}</span>', buttons, accept)

    @admin.action(description=Remedy.ASK_AGAIN.label, permissions=["remedy"])
    def ask_again(self, request: HttpRequest, rows: QuerySet[Difference]) -> None:
        _each(request, rows, Remedy.ASK_AGAIN)

    @admin.action(description=Remedy.TAKE_OVER.label, permissions=["remedy"])
    def take_over(self, request: HttpRequest, rows: QuerySet[Difference]) -> None:
        _each(request, rows, Remedy.TAKE_OVER)

    @admin.action(description=Remedy.UNDO.label, permissions=["remedy"])
    def undo(self, request: HttpRequest, rows: QuerySet[Difference]) -> None:
        _each(request, rows, Remedy.UNDO)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    list_display = ["on", "gateway", "state", "entries", "looked_up", "found", "finished_at"]
    list_filter = ["gateway", "state"]
    date_hierarchy = "on"
    ordering = ["-begun_at"]
    list_per_page = 50
    actions = ["compare_again"]
    fields = ["on", "gateway", "state", "found", "entries", "looked_up", "begun_at", "finished_at"]
    readonly_fields = ["found"]

    def has_remedy_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(REMEDY))

    @admin.display(description="Differences", ordering="differences")
    def found(self, run: Reconciliation) -> str:
        if not run.differences:
            return "none" if run.finished_at else ""
        query = f"?on__year={run.on.year}&on__month={run.on.month}&on__day={run.on.day}&state=all"
        return format_html('<a href="{}{}">{}</a>', _list(), query, run.differences)

    @admin.action(description="Compare the day again", permissions=["remedy"])
    def compare_again(self, request: HttpRequest, rows: QuerySet[Reconciliation]) -> None:
        call = functools.partial(usecases.request_reconciliation, at=timezone.now())
        days = {str(run): functools.partial(call, gateway=run.gateway, on=run.on) for run in rows}
        act_on_each(request, days, said="is compared again")


def _each(request: HttpRequest, rows: QuerySet[Difference], remedy: Remedy) -> None:
    use_case, said = _ACTS[remedy]
    call = functools.partial(use_case, at=timezone.now())
    calls = {str(row): functools.partial(call, difference_id=row.id) for row in rows}
    act_on_each(request, calls, said=said)


def _facts(row: Difference) -> dict[str, Any]:
    return {
        "look": _LOOKS.get(row.state, "done"),
        "ours": _said(row.our_amount, row.our_fee, row),
        "our_state": row.our_state.lower() or "unknown",
        "theirs": _said(row.their_amount, row.their_fee, row),
        "remedies": [each for each in row.remedies if each != Remedy.ACCEPT],
    }


def _accept_link(row: Difference) -> str:
    if Remedy.ACCEPT not in row.remedies:
        return ""
    return format_html(' <a class="bus-button bus-ghost" href="{}">Accept …</a>', _page_of(row.id))


def _list() -> str:
    return reverse("admin:payment_difference_changelist")


def _page_of(difference_id: object) -> str:
    return reverse("admin:payment_difference_change", args=[difference_id])


def _said(amount: int | None, fee: int | None, row: Difference) -> str:
    if amount is None:
        return "nothing"
    money = display(amount, row.currency)
    return f"{money}, fee {display(fee, row.currency)}" if fee else money
