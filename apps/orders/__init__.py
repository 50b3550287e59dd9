"""Orders: the truth about an order, from placed to its one final state."""
