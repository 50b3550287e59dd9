"""How a gateway is: whether it answers, and since when it doesn't."""

from __future__ import annotations

import datetime as dt

from django.db import models

# So many calls in a row without an answer, and the gateway is left alone.
FAILURES = 5
# After so long one call is let through, to see whether it answers again.
REST = dt.timedelta(seconds=30)


class Circuit(models.Model):
    """
    What all processes together know of a gateway: while it is open, nobody calls.

    It is closed as long as the gateway answers, whatever it answers.
    """

    class State(models.TextChoices):
        CLOSED = "closed", "Answers"
        OPEN = "open", "Silent, left alone"
        HALF_OPEN = "half_open", "Silent, about to be tried"

    gateway = models.CharField(max_length=30, primary_key=True)
    failures = models.PositiveIntegerField(default=0, help_text="Calls in a row without an answer.")
    opened_at = models.DateTimeField(null=True, help_text="Since when it is left alone.")
    retry_at = models.DateTimeField(null=True, help_text="From when on one call is let through.")
    last_error = models.CharField(max_length=200, blank=True)
    last_error_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "gateway"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(opened_at=None, retry_at=None)
                | models.Q(opened_at__isnull=False, retry_at__isnull=False, failures__gt=0),
                name="payment_circuit_open",
            ),
        )

    def __str__(self) -> str:
        return self.gateway

    def state_at(self, at: dt.datetime) -> State:
        """Return how it is at this time."""
        if self.retry_at is None:
            return self.State.CLOSED
        return self.State.OPEN if at < self.retry_at else self.State.HALF_OPEN

    @classmethod
    def lets_through(cls, gateway: str, *, at: dt.datetime) -> bool:
        """Say whether the gateway may be called: of an open one, each REST once."""
        if not cls.objects.filter(gateway=gateway, opened_at__isnull=False).exists():
            return True
        due = cls.objects.filter(gateway=gateway, retry_at__lte=at)
        return due.update(retry_at=at + REST) > 0

    @classmethod
    def note_silence(cls, gateway: str, *, error: str, at: dt.datetime) -> bool:
        """Count a call without an answer; return whether that opens the circuit."""
        Circuit.objects.bulk_create([Circuit(gateway=gateway)], ignore_conflicts=True)
        circuit = cls.objects.select_for_update().get(gateway=gateway)
        was_open = circuit.opened_at is not None
        circuit.failures += 1
        circuit.last_error, circuit.last_error_at = error[:200], at
        if circuit.failures >= FAILURES:
            circuit.opened_at, circuit.retry_at = circuit.opened_at or at, at + REST
        circuit.save(force_update=True)
        return circuit.opened_at is not None and not was_open

    @classmethod
    def note_answer(cls, gateway: str) -> bool:
        """Note that the gateway answers; return whether that closes the circuit."""
        counted = cls.objects.filter(gateway=gateway, failures__gt=0)
        circuit = counted.select_for_update().first()
        if circuit is None:
            return False
        counted.update(failures=0, opened_at=None, retry_at=None)
        return circuit.opened_at is not None
