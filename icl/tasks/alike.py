"""Near twins: inputs that a reader would consider equal, so that a demonstration would show the query's own answer."""

import unicodedata
from functools import lru_cache

from icl.tasks.text import visible

__all__ = ["reading_key"]

_TYPOGRAPHIC = str.maketrans("‘’‚‛′“”„‟″«»‐‑‒–—−", '\'\'\'\'\'"""""""------')
"""Quotes and dashes as a typewriter has them."""

_AROUND = " .,;:!?\"'()[]。、·「」『』【】《》〈〉¿¡؟،؛۔।॥"
"""What does not count at either end of an input: sentence marks, quotes and brackets, as NFKC leaves them."""


@lru_cache(maxsize=1 << 17)
def reading_key(text: str) -> str:
    """Reduce an input to what it has in common with its near duplicates.

    Letter case, the width and composition of characters (NFKC), the kind and amount of white space, invisible
    characters, the shape of quotes and dashes, and quotes, brackets and sentence marks around the whole do not count.
    An input of nothing but such marks keeps them.
    """
    if not text.isascii():
        text = visible(unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHIC)))
        text = unicodedata.normalize("NFKC", text.casefold())
    plain = " ".join(text.casefold().split())
    return plain.strip(_AROUND) or plain
