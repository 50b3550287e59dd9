"""What a laptop needs and production doesn't: an embedded PostgreSQL, the emulator, a supervisor."""
