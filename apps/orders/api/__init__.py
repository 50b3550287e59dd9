"""The orders' REST endpoints: parse, make one call, render."""
