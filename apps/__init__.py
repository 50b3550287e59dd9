"""The eight modules of the shop; they meet only through events."""
