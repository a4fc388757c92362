"""Pictures of samples: any samples, the right grey values."""

from __future__ import annotations

import numpy as np
import pytest
from made import description

from scorebench.report.pictures import sample_picture, scale_curve_picture


@pytest.mark.parametrize("d", [1, 2, 5])
def test_pictures_survive_any_samples(d: int) -> None:
    rng = np.random.default_rng(3)
    truth, described = rng.normal(size=(200, d)), description(d, 200)
    wild = np.where(rng.random((50, d)) < 0.3, np.nan, 1e30 * rng.normal(size=(50, d)))
    for x in (truth[:50], wild, np.full((50, d), np.inf), np.zeros((50, d)), truth[:0]):
        assert sample_picture(x, described, truth).startswith(b"\x89PNG")
        assert sample_picture(x, described).startswith(b"\x89PNG")
    assert sample_picture(truth, described, truth) == sample_picture(truth, described, truth)


def test_images_are_restored_and_clipped() -> None:
    from io import BytesIO

    from PIL import Image

    described = description(4, 40, image=(2, 2), shift=(8.0,) * 4, scale=(4.0,) * 4)
    truth = np.array([[-2.0, 2.0, 2.0, -2.0]] * 40)  # 0 and 16 in units of the data
    samples = np.array([[-9.0, 9.0, 0.0, 0.0]] * 40)  # below black, above white, 8
    picture = np.asarray(Image.open(BytesIO(sample_picture(samples, described, truth))).convert("L")).astype(int)
    enlarge = picture.shape[0] // 19  # 6 images of 2 pixels and 7 lines
    first = picture[enlarge // 2 :: enlarge, enlarge // 2 :: enlarge][1:3, 1:3]
    assert np.abs(first - [[0, 255], [128, 128]]).max() <= 1


def test_scale_curve_picture_takes_any_title() -> None:
    png = scale_curve_picture(np.array([0.1, 1.0]), np.array([[1.0, np.nan], [0.0, 2.0]]), "a $\\frac <b>")
    assert png.startswith(b"\x89PNG")
