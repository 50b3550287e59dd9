"""Words that a search may mean."""

from __future__ import annotations

from apps.products.models import Word
from kernel.transactions import transaction_required


@transaction_required
def learn_words(*, name: str) -> None:
    """Remember the words of a product's name; they stay, for they are words."""
    # Not where the product is written: who writes many at once would hold words that others want.
    Word.learn(name)
