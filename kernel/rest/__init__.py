"""How every app speaks HTTP: problems, paging, idempotency, entity tags, request ids, roles."""
