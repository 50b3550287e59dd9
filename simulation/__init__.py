"""A shop whose time, chance, broker and networks come from one seed: each crash can be replayed."""
