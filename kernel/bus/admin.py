from __future__ import annotations

from django.contrib import admin

from kernel.admin import ReadOnlyAdmin
from kernel.bus.models import Delivery, InboxMark, OutboxEvent, PersonKey


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ("recorded_at", "name", "subject", "order_id", "actor", "sent_at", "tries")
    list_filter = (
        ("sent_at", admin.EmptyFieldListFilter),
        ("set_aside", admin.EmptyFieldListFilter),
    )
    search_fields = ("=event_id", "=order_id", "=subject", "=correlation_id", "=name")
    search_help_text = "An event's, order's, aggregate's or request's id, or an event's name"
    ordering = ("-sequence",)


@admin.register(InboxMark)
class InboxMarkAdmin(ReadOnlyAdmin):
    list_display = ("handled_at", "handler", "event_id")
    search_fields = ("=event_id", "=handler")
    search_help_text = "An event's id, or a handler's name"
    ordering = ("-id",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("updated_at", "state", "handler", "name", "order_id", "attempts", "error")
    list_filter = ("state", "handler")
    search_fields = ("=event_id", "=order_id", "=handler")
    search_help_text = "An event's or order's id, or a handler's name"
    ordering = ("-updated_at",)


@admin.register(PersonKey)
class PersonKeyAdmin(ReadOnlyAdmin):
    list_display = ("person_id", "erased_at")
    fields = ("person_id", "erased_at")
    search_fields = ("=person_id",)
    list_filter = (("erased_at", admin.EmptyFieldListFilter),)
    ordering = ("-person_id",)
