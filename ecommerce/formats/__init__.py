"""How times are written in the admin: to the second, since events follow each other quickly."""
