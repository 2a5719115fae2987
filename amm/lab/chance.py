"""Chance, from one seed: each part of a run draws from a stream of its own, so that none disturbs another.

Only whole numbers, and of Python's generator only its bits: those are the same in every version and on every
machine, which logarithms and sines need not be.
"""

import random
from hashlib import sha256

UNIT_BITS = 32
GAUSS_TERMS = 12
"""Uniforms in a sum that stands for a normal draw: twelve of them have variance 1."""
GAUSS_BITS = 20


class Chance:
    """One stream of draws, named after the part that draws."""

    def __init__(self, seed: int, name: str) -> None:
        digest = sha256(f"{seed}/{name}".encode()).digest()
        # Repeatable on purpose, and nobody's secret.
        self.bits = random.Random(int.from_bytes(digest, "big")).getrandbits  # noqa: S311

    def below(self, count: int) -> int:
        """One of 0 to count - 1."""
        return self.bits(UNIT_BITS) * count >> UNIT_BITS

    def happens(self, ppm: int) -> bool:
        return self.below(1_000_000) < ppm

    def sign(self) -> int:
        return 1 if self.bits(1) else -1

    def gap(self, mean: int) -> int:
        """How long until the next of something that comes at random and every `mean` on average.

        Exponential by von Neumann's game: a uniform counts if the run of falling ones that it begins has odd
        length, which it has with probability e^-u; every game lost before adds one whole mean.
        """
        lost = 0
        while True:
            first = last = self.bits(UNIT_BITS)
            odd = True
            while (following := self.bits(UNIT_BITS)) < last:
                last, odd = following, not odd
            if odd:
                return mean * ((lost << UNIT_BITS) + first) >> UNIT_BITS
            lost += 1

    def gauss(self, deviation: int) -> int:
        """A draw around 0 with this standard deviation: a sum of uniforms, so it ends at six of them."""
        bits = self.bits
        total = sum([bits(GAUSS_BITS) for _ in range(GAUSS_TERMS)]) - (GAUSS_TERMS << GAUSS_BITS - 1)
        return deviation * total >> GAUSS_BITS
