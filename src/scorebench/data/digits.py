"""Real handwritten digits, 8 x 8, from scikit-learn."""

from __future__ import annotations

from scorebench.data import Points, Source, split_counts, split_rows, standardise


class Digits(Source):
    """1,797 images of handwritten digits, 64 values each, with one shift per pixel and one scale for all.

    Half a grey level of uniform noise is added, because the values are integers and a density of integers does
    not exist (dequantisation, Theis et al. 2016).
    """

    def dimension(self) -> int:
        """8 x 8."""
        return 64

    def check(self, sizes: dict[str, int | None]) -> None:
        """There are images enough."""
        split_counts(1797, sizes)

    def load(self, sizes: dict[str, int | None], seed: int) -> Points:
        """The images, shuffled, dequantised and standardised."""
        import numpy as np
        from sklearn.datasets import load_digits

        from scorebench.streams import seed_of

        rows = load_digits().data
        noise = np.random.default_rng(seed_of(seed, "dequantise")).uniform(-0.5, 0.5, rows.shape)
        splits, shift, scale = standardise(split_rows(rows + noise, sizes, seed), per_column=False)
        return Points(
            splits,
            "scikit-learn load_digits: test part of UCI 'Optical Recognition of Handwritten Digits'"
            " (Alpaydin & Kaynak 1998)",
            "CC BY 4.0",
            image=(8, 8),
            shift=shift,
            scale=scale,
        )
