from __future__ import annotations

import math
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from rest_framework.throttling import BaseThrottle
from unfold.forms import AdminPasswordChangeForm, AuthenticationForm, UserCreationForm

from apps.users.models import (
    Export,
    ExportPart,
    Letter,
    LoginAttempts,
    NotedAddress,
    RefreshToken,
    Role,
    SavedAddress,
    User,
)
from apps.users.usecases import accounts, logins
from kernel.admin import ReadOnlyAdmin, ReadOnlyInline, StaffAdmin
from kernel.refusals import Refusal
from kernel.transactions import transaction

admin.site.unregister(Group)  # roles are given with the account, and mean what the code says


_LOCKED_OUT = "shop.locked_out_seconds"


class LoginForm(AuthenticationForm):
    """Counts failures like the API's login, and with them: ten lock out from both."""

    def clean(self) -> dict[str, Any]:
        asked = self.cleaned_data
        email, now = str(asked.get("username", "")), timezone.now()
        address = BaseThrottle().get_ident(self.request) or ""
        with transaction():
            refusal = logins.count_login(email=email, ip_address=address, entrance="admin", at=now)
        if refusal:
            self.request.META[_LOCKED_OUT] = refusal.retry_after
            wait = f"Wait for {math.ceil(refusal.retry_after / 60)} minutes."
            raise ValidationError(f"Too many failed logins. {wait}", code=refusal.code())
        try:
            found: dict[str, Any] = super().clean()
        except ValidationError:
            with transaction():
                logins.turn_away(email=email, entrance="admin", at=now)
            raise
        with transaction():
            logins.let_in(user=self.get_user(), ip_address=address, entrance="admin", at=now)
        return found


_show_login = admin.site.login


def _login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Show the page as it is, and let machines know too that it is of no use for a while."""
    answer: HttpResponse = _show_login(request, extra_context)
    if seconds := request.META.get(_LOCKED_OUT):
        answer.status_code = 429
        answer["Retry-After"] = str(seconds)
    return answer


admin.site.login_form = LoginForm
admin.site.login = _login  # type: ignore[method-assign]


class AccountForm(forms.ModelForm):
    roles = forms.MultipleChoiceField(
        choices=Role.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = User
        fields = ("name", "is_active", "version")
        widgets = {"version": forms.HiddenInput}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["roles"] = self.instance.roles


class NewAccountForm(UserCreationForm):
    usable_password = None

    class Meta:
        model = User
        fields = ("email", "name")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class RefreshTokenInline(ReadOnlyInline):
    model = RefreshToken
    fields = ("created_at", "expires_at", "used_at", "revoked_at")
    readonly_fields = fields
    ordering = ("-created_at",)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, StaffAdmin):
    tells_values = False
    form = AccountForm
    add_form = NewAccountForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "role_names", "is_active", "last_login", "created_at")
    list_filter = ("groups", "is_active")
    search_fields = ("email", "name")
    ordering = ("-created_at",)
    date_hierarchy = "created_at"
    filter_horizontal = ()
    readonly_fields = ("id", "email", "email_verified_at", "last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "roles", "is_active", "version")}),
        ("Times", {"fields": ("email_verified_at", "last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)
    inlines = (RefreshTokenInline,)
    actions = ("deactivate",)

    @admin.display(description="Roles")
    def role_names(self, user: User) -> str:
        names = {group.name for group in user.groups.all()}
        return ", ".join(sorted(names | ({Role.ADMIN.value} if user.is_superuser else set())))

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def get_inlines(self, request: HttpRequest, obj: User | None) -> tuple[Any, ...]:
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # an account is closed, or its owner erases it

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show a refusal, once Django has rolled back the transaction that it opens itself."""
        try:
            answer: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            answer = HttpResponseRedirect(request.get_full_path())
        return answer

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        asked = form.cleaned_data
        if change:
            accounts.change_account(
                user_id=obj.id,
                version=asked["version"],
                name=asked["name"],
                roles=asked["roles"],
                is_active=asked["is_active"],
                at=timezone.now(),
            )
        else:
            accounts.register(
                user_id=obj.id,
                email=asked["email"],
                password=asked["password1"],
                name=asked["name"],
                at=timezone.now(),
            )

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 -- Django's name
        form_url: str = "",
    ) -> HttpResponse:
        """Let the new password be stored together with the news of who set it."""
        with transaction():
            answer: HttpResponse = super().user_change_password(request, id, form_url)
            # Back to the account's page: it was taken. Anything else shows the form again.
            if answer.status_code == 302 and answer["Location"] != request.get_full_path():
                self.tell("change", [User.objects.get(pk=id)], changed=["password"])
        return answer

    @admin.action(description="Close the chosen accounts", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset.order_by("id"):
            with transaction():
                accounts.deactivate(user_id=user.id, at=timezone.now())
                self.tell("deactivate", [user])
        self.message_user(request, "The accounts are closed.")


@admin.register(RefreshToken)
class RefreshTokenAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "family_id", "created_at", "expires_at", "used_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "family_id")
    date_hierarchy = "created_at"
    exclude = ("token_hash", "session_hash")


@admin.register(SavedAddress)
class SavedAddressAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "label", "is_default_shipping", "is_default_billing")
    records = ("address",)
    list_select_related = ("user",)
    search_fields = ("=user__email", "=user__id")
    ordering = ("-id",)


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "created_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("=user__email", "=user__id")
    ordering = ("-created_at",)


@admin.register(ExportPart)
class ExportPartAdmin(ReadOnlyAdmin):
    list_display = ("export", "module", "part", "parts")
    exclude = ("rows",)  # it is for its owner's eyes
    ordering = ("-id",)


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "email", "sent_at", "used_at", "expires_at")
    list_filter = ("kind", ("sent_at", admin.EmptyFieldListFilter))
    search_fields = ("=email",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(NotedAddress)
class NotedAddressAdmin(ReadOnlyAdmin):
    list_display = ("id", "takes_mail", "noted_at")
    list_filter = ("takes_mail",)
    search_fields = ("=id",)
    ordering = ("-noted_at",)


@admin.register(LoginAttempts)
class LoginAttemptsAdmin(ReadOnlyAdmin):
    list_display = ("key", "attempts", "started_at")
    ordering = ("-started_at",)
