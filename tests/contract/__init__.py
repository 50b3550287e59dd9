"""`make contract`: schemathesis against a running server, as everyone who may ask."""
