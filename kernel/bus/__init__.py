"""The event bus: outbox, relay, queues, inbox. Whatever commits takes effect once everywhere."""
