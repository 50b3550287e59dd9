"""Audit: hears every event and keeps it."""
