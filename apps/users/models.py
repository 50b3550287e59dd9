"""Accounts."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from kernel.ids import new_id


class UserManager(BaseUserManager["User"]):
    """Makes users, and the superuser that Django's own command asks for."""

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
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="users_user_email_lower"
            ),
        )

    def __str__(self) -> str:
        return self.email

    @property
    def person_id(self) -> uuid.UUID:
        """The id under whose key events seal this user's data."""
        return self.id
