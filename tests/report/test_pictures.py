"""Pictures of samples: any samples, the right grey values."""

from __future__ import annotations

import numpy as np
import pytest
from made import description

from scorebench.report.pictures import panel, png, view_of


@pytest.mark.parametrize("d", [1, 2, 5])
def test_pictures_survive_any_samples(d: int) -> None:
    rng = np.random.default_rng(3)
    truth, described = rng.normal(size=(200, d)), description(d, 200)
    wild = np.where(rng.random((50, d)) < 0.3, np.nan, 1e30 * rng.normal(size=(50, d)))
    for x in (truth[:50], wild, np.full((50, d), np.inf), np.zeros((50, d)), truth[:0]):
        for view in (view_of(truth, described), view_of(x, described)):
            assert png(panel(x, described, view)).startswith(b"\x89PNG")
    drawn = [png(panel(truth, described, view_of(truth, described))) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_images_are_restored_and_clipped() -> None:
    described = description(4, 40, image=(2, 2), shift=(8.0,) * 4, scale=(4.0,) * 4)
    truth = np.array([[-2.0, 2.0, 2.0, -2.0]] * 40)  # 0 and 16 in units of the data
    samples = np.array([[-9.0, 9.0, 0.0, 0.0]] * 40)  # below black, above white, 8
    picture = panel(samples, described, view_of(truth, described)).astype(int)
    assert picture.shape == (19, 19, 3)  # 6 images of 2 pixels and 7 lines
    assert np.abs(picture[1:3, 1:3].mean(-1) - [[0, 255], [128, 128]]).max() <= 1
