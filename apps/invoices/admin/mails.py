"""What staff see of mails about orders, and what each kind of them looks like."""

from __future__ import annotations

import functools
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import action

from apps.invoices import mails, usecases
from apps.invoices.admin.papers import AMOUNTS
from apps.invoices.models import BouncedAddress, Correspondence, KnownUser, Mail, Seller
from kernel.admin import OfOrderAdmin, ReadOnlyAdmin, ReadOnlyInline, act_on_each

_PREVIEW = "invoices_mail_preview"


@admin.register(Mail)
class MailAdmin(OfOrderAdmin):
    list_display = ("created_at", "kind", "to", "order", "state", "tries", "sent_at")
    list_filter = ("state", "kind", ("copy_of", admin.EmptyFieldListFilter))
    list_select_related = ("order",)
    search_fields = ("=id", "=order__number", "=order__order_id", "=order__email")
    search_help_text = "Number or id of the order, a guest's address, or the mail's id."
    date_hierarchy = "created_at"
    ordering = ("-id",)
    readonly_fields = ("to",)
    records = ("facts",)
    actions = ("send_again",)
    actions_list = ("previews",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any, Any]:
        found: QuerySet[Any, Any] = super().get_queryset(request)
        user = KnownUser.objects.filter(id=OuterRef("order__customer_id"))
        annotated: QuerySet[Any, Any] = found.annotate(account=Subquery(user.values("email")))
        return annotated

    def get_urls(self) -> list[URLPattern]:
        """Add the page that shows what mails look like, and the frame in it."""
        view = self.admin_site.admin_view
        own = [
            path("preview/", view(self.preview), name=_PREVIEW),
            path("preview/<str:kind>/<str:language>/", view(self.sample), name=f"{_PREVIEW}_html"),
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="to")
    def to(self, mail: Any) -> str:
        return mail.order.email or mail.account or "not known"

    @admin.action(description="Send again", permissions=["act"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Mail]) -> None:
        """Wish for a copy of each."""
        again = functools.partial(usecases.send_again, at=timezone.now())
        calls = {
            f"{mail.get_kind_display()}, {mail.order}": functools.partial(again, mail_id=mail.id)
            for mail in queryset.order_by("id")
        }
        act_on_each(request, calls, said="a copy is being sent")

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Say whether this person may do more than look."""
        return bool(request.user.has_perm("invoices.change_mail"))

    @action(  # type: ignore[untyped-decorator]
        description="What mails look like", icon="visibility"
    )
    def previews(self, request: HttpRequest) -> HttpResponseRedirect:
        """Lead to the page of samples."""
        return HttpResponseRedirect(reverse(f"admin:{_PREVIEW}"))

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Show one kind of mail in one language, as HTML in a frame and as plain text."""
        self._demand_look(request)
        kind = _chosen(request.GET.get("kind"), Mail.Kind.values)
        language = _chosen(request.GET.get("language"), mails.LANGUAGES)
        context = {
            **self.admin_site.each_context(request),
            "title": "What mails look like",
            "kinds": Mail.Kind.choices,
            "languages": mails.LANGUAGES,
            "kind": kind,
            "language": language,
            "written": _sample(kind, language),
        }
        return TemplateResponse(request, "admin/invoices/mail_preview.html", context)

    def sample(self, request: HttpRequest, kind: str, language: str) -> HttpResponse:
        """Show the HTML of a mail alone: in a frame that may run and load nothing."""
        self._demand_look(request)
        written = _sample(_chosen(kind, Mail.Kind.values), _chosen(language, mails.LANGUAGES))
        answer = HttpResponse(written.html)
        answer["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
        answer["X-Frame-Options"] = "SAMEORIGIN"
        return answer

    def _demand_look(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def _chosen(asked: str | None, known: Any) -> str:
    return asked if asked and asked in known else str(known[0])


def _sample(kind: str, language: str) -> mails.Written:
    shop, seller = settings.STOREFRONT_URL, Seller.current().printed(language)
    return mails.write(mails.sample(kind, language, seller=seller, shop=shop))


class Mails(ReadOnlyInline):
    model = Mail
    fields = ("created_at", "kind", "state", "tries", "sent_at")
    ordering = ("id",)
    show_change_link = True


@admin.register(Correspondence)
class CorrespondenceAdmin(OfOrderAdmin):
    list_display = ("order_id", "number", "customer_id", "email", "locale", "placed_at")
    search_fields = ("=order_id", "=number", "=customer_id", "=email")
    ordering = ("-placed_at",)
    inlines = (Mails,)
    records = ("address", "terms")
    record_amounts = AMOUNTS


@admin.register(BouncedAddress)
class BouncedAddressAdmin(ReadOnlyAdmin):
    list_display = ("noted_at", "reason", "mail_id", "digest")
    list_filter = ("reason",)
    search_fields = ("=mail_id", "=digest")
    search_help_text = "Id of the mail that came back."
    ordering = ("-noted_at",)
    actions = ("allow",)

    @admin.action(description="Let mails be sent there again", permissions=["act"])
    def allow(self, request: HttpRequest, queryset: QuerySet[BouncedAddress]) -> None:
        """Take each out of the list."""
        calls = {
            str(row): functools.partial(
                usecases.allow_address, digest=row.digest, at=timezone.now()
            )
            for row in queryset
        }
        act_on_each(request, calls, said="may get mails again")

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Say whether this person may do more than look."""
        return bool(request.user.has_perm("invoices.change_bouncedaddress"))
