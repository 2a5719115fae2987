"""Names that were given once and are known for ever, as fingerprints: eight bytes each, and no object.

A fingerprint that is there means that the name may have been given: another name could have the same one. One
that is not there means that it never was.
"""

import sys
from array import array
from bisect import bisect_right, insort
from hashlib import blake2b
from typing import Final

assert sys.byteorder == "little", "snapshots hold pages as this machine has them"

PAGE: Final = 1_024
"""Entries of a page at most: with one more it is two."""
WIDTH: Final = 8


def fingerprint(owner_id: str, name: str) -> int:
    """Of a name that means something for one owner only; no owner's id has the character between them.

    Whoever wants the same one for two names has to try some 2**32, and gains that one of them is asked for.
    """
    text = f"{owner_id}\n{name}".encode(errors="surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=WIDTH).digest(), "little")


class Names:
    """Sorted pages of fingerprints: whatever is added, a page moves, or the list of them, and no more."""

    __slots__ = ("_first", "_pages", "count")

    def __init__(self) -> None:
        self.count = 0
        self._first = array("Q", [0])
        """Where each page begins: what is lower is in one before it."""
        self._pages = [array("Q")]

    def __contains__(self, value: int) -> bool:
        page = self._pages[bisect_right(self._first, value) - 1]
        place = bisect_right(page, value)
        return place > 0 and page[place - 1] == value

    def add(self, value: int) -> None:
        """Also one that is there already: then it is there twice."""
        place = bisect_right(self._first, value) - 1
        page = self._pages[place]
        insort(page, value)
        self.count += 1
        if len(page) > PAGE:
            half = PAGE // 2
            self._pages[place : place + 1] = [page[:half], page[half:]]
            self._first.insert(place + 1, page[half])

    def image(self) -> bytes:
        """All of them in their order, eight bytes each, the lowest first."""
        return b"".join(page.tobytes() for page in self._pages)

    def restore(self, image: bytes | memoryview) -> None:
        """What `image` told of them; pages are half full, so that none splits at once."""
        assert len(image) % WIDTH == 0, "fingerprints have eight bytes each"
        step = PAGE // 2 * WIDTH
        pages = [array("Q", bytes(image[start : start + step])) for start in range(0, len(image), step)]
        if pages:
            self._pages = pages
            self._first = array("Q", [0, *(page[0] for page in pages[1:])])
        self.count = len(image) // WIDTH
