"""The bus's tables: the log, the marks, and what isn't simply done."""

from __future__ import annotations

from django.db import models


class OutboxEvent(models.Model):
    """An event, whole: committed with the change that it tells, kept as the log."""

    sequence = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    name = models.CharField(max_length=100)
    subject = models.UUIDField()
    order_id = models.UUIDField(null=True)
    payload = models.JSONField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    correlation_id = models.CharField(max_length=128)
    causation_id = models.UUIDField(null=True)
    traceparent = models.CharField(max_length=55, blank=True)
    sent_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    set_aside = models.CharField(max_length=500, blank=True, help_text="Why it can't be sent.")

    class Meta:
        db_table = "bus_outbox"
        indexes = (
            models.Index(
                fields=["sequence"],
                name="bus_outbox_unsent",
                condition=models.Q(sent_at=None, set_aside=""),
            ),
            models.Index(
                fields=["order_id", "sequence"],
                name="bus_outbox_order",
                condition=models.Q(order_id__isnull=False),
            ),
            models.Index(fields=["name", "subject", "sequence"], name="bus_outbox_subject"),
            models.Index(fields=["correlation_id"], name="bus_outbox_correlation"),
            models.Index(
                fields=["sequence"],
                name="bus_outbox_set_aside",
                condition=~models.Q(set_aside=""),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.event_id}"


class Subscription(models.Model):
    """
    From when on a handler hears, and how far the watchdog has looked after it.

    `migrate` writes the row. Of the events up to `checked_to` each that the handler hears has its
    mark, or a row among the deliveries.
    """

    handler = models.CharField(max_length=100, primary_key=True)
    since = models.DateTimeField()
    checked_to = models.BigIntegerField(help_text="A sequence of the log.")

    class Meta:
        db_table = "bus_subscription"

    def __str__(self) -> str:
        return self.handler


class Told(models.Model):
    """Up to where of the log the figures were told: one row."""

    told_to = models.BigIntegerField(help_text="A sequence of the log.")

    class Meta:
        db_table = "bus_told"
        verbose_name = verbose_name_plural = "figures told"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="bus_told_one"),)

    def __str__(self) -> str:
        return str(self.told_to)


class FigureTotal(models.Model):
    """What a figure has added up to since it was first told."""

    name = models.CharField(max_length=60, primary_key=True)
    total = models.BigIntegerField()

    class Meta:
        db_table = "bus_figure"

    def __str__(self) -> str:
        return f"{self.name} {self.total}"


class InboxMark(models.Model):
    """A handler has taken an event into effect."""

    event_id = models.UUIDField()
    handler = models.CharField(max_length=100)
    handled_at = models.DateTimeField()

    class Meta:
        db_table = "bus_inbox"
        constraints = (
            models.UniqueConstraint(fields=["event_id", "handler"], name="bus_inbox_once"),
        )

    def __str__(self) -> str:
        return f"{self.handler} {self.event_id}"


class Delivery(models.Model):
    """An event that a handler has not simply taken: it failed, is dead, or was discarded."""

    class State(models.TextChoices):
        FAILED = "FAILED", "Failed, will be tried again"
        RECOVERED = "RECOVERED", "Failed, then done"
        DEAD = "DEAD", "Dead: given up"
        DISCARDED = "DISCARDED", "Discarded by hand"

    event_id = models.UUIDField()
    handler = models.CharField(max_length=100)
    name = models.CharField(max_length=100)
    order_id = models.UUIDField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.FAILED)
    attempts = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    traceback = models.TextField(blank=True)
    first_failed_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "bus_delivery"
        verbose_name_plural = "deliveries"
        constraints = (
            models.UniqueConstraint(fields=["event_id", "handler"], name="bus_delivery_once"),
        )
        indexes = (
            models.Index(fields=["state", "-updated_at"], name="bus_delivery_state"),
            models.Index(fields=["order_id"], name="bus_delivery_order"),
        )

    def __str__(self) -> str:
        return f"{self.handler} {self.event_id}: {self.state}"


class PersonKey(models.Model):
    """The key of a person's fields in the log; erasing the person destroys it."""

    person_id = models.UUIDField(primary_key=True)
    key = models.BinaryField(null=True, help_text="Empty once the person was erased.")
    erased_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "bus_person_key"

    def __str__(self) -> str:
        return str(self.person_id)
