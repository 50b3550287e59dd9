"""Accounts and their roles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property

from kernel.ids import new_id


class Role(models.TextChoices):
    """What a member of staff does; each is the name of a Django group."""

    ADMIN = "admin", "Administrator"
    WAREHOUSE = "warehouse", "Warehouse"
    DELIVERY = "delivery", "Delivery"
    SUPPORT = "support", "Support"


_VIEW, _ALL = frozenset({"view"}), frozenset({"view", "add", "change", "delete"})
# What each role may do in the admin, by app. It lies in code and not in rows, so that every
# installation has the same; an administrator is a superuser and may do everything.
ADMIN_RIGHTS: dict[str, dict[str, frozenset[str]]] = {
    Role.WAREHOUSE: {"warehouse": _ALL, "products": _VIEW},
    Role.DELIVERY: {"delivery": _ALL},
    Role.SUPPORT: {
        "users": _VIEW,
        "products": _VIEW,
        "orders": _VIEW,
        "warehouse": _VIEW,
        "delivery": _VIEW,
        "payment": _ALL,
        "audit": _VIEW,
        "invoices": _ALL,
        "bus": _VIEW,  # what is stuck, and why; to mend it is for administrators
    },
}


class UserManager(BaseUserManager["User"]):
    """Finds users by e-mail, and makes the superuser that Django's own command asks for."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user with this e-mail address, however it is written."""
        return self.get(email=(username or "").strip().lower())

    def create_superuser(self, email: str, password: str, **fields: Any) -> User:
        """Make a user who may do all in the admin."""
        user = self.model(email=email.lower(), is_staff=True, is_superuser=True, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """An account; its e-mail address is its login."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True, help_text="In lower case.")
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May enter the admin.")
    version = models.PositiveIntegerField(default=1)
    email_verified_at = models.DateTimeField(
        null=True, blank=True, help_text="When a link that was mailed there was first followed."
    )
    created_at = models.DateTimeField(default=timezone.now)
    erased_at = models.DateTimeField(
        null=True, blank=True, help_text="From then on nothing here tells who it was."
    )

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="users_user_email_lower"
            ),
            models.CheckConstraint(
                condition=models.Q(erased_at=None)
                | models.Q(
                    email__endswith="@erased.invalid",
                    name="",
                    is_active=False,
                    last_login=None,
                    email_verified_at=None,
                ),
                name="users_user_erased",
            ),
        )
        indexes = (models.Index(fields=["-created_at"], name="users_user_newest"),)

    def __str__(self) -> str:
        return self.email

    def forget(self, *, at: dt.datetime) -> None:
        """Leave nothing of the person but that there was one: the id, and when it began."""
        self.email, self.name = f"{self.id}@erased.invalid", ""
        self.set_unusable_password()
        self.is_active, self.last_login, self.email_verified_at = False, None, None
        self.erased_at = at
        self.version += 1
        self.save()

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The roles, sorted; read once, with one query."""
        names = set(self.groups.values_list("name", flat=True))
        return tuple(sorted(names | {Role.ADMIN.value} if self.is_superuser else names))

    def take_roles(self, roles: Collection[str]) -> None:
        """
        Replace the roles; an administrator is Django's superuser, and anyone with a role is staff.

        :raises ValueError: for a role that isn't one.
        """
        wanted = sorted({Role(role).value for role in roles})
        Group.objects.bulk_create([Group(name=name) for name in wanted], ignore_conflicts=True)
        self.groups.set(Group.objects.filter(name__in=wanted))
        self.is_superuser = Role.ADMIN in wanted
        self.is_staff = bool(wanted)
        self.roles = tuple(wanted)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Say whether a role of this user allows `app.action_model` in the admin."""
        app, _, codename = perm.partition(".")
        return self._may(app, codename.partition("_")[0])

    def has_perms(self, perm_list: Collection[str], obj: Any = None) -> bool:  # type: ignore[override]
        """Say whether each of these is allowed."""
        return all(self.has_perm(perm) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Say whether this user sees anything of the app in the admin."""
        return self._may(app_label, "view")

    def _may(self, app: str, action: str) -> bool:
        if not self.is_active or self.is_superuser:
            return self.is_active
        return any(action in ADMIN_RIGHTS.get(role, {}).get(app, ()) for role in self.roles)
