# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotionnet_ros.imaging.sources import photograph
from emotionnet_ros.training.corruptions import (
    CORRUPTIONS,
    DIM_NOISE,
    STRENGTHS,
    corrupt,
    markdown,
    motion_kernel,
)

DOCUMENT = Path(__file__).parents[2] / 'docs' / 'training.md'
CASES = [(name, strength) for name, row in CORRUPTIONS.items() for strength in row.amounts]
GRADED = [name for name, row in CORRUPTIONS.items() if len(row.amounts) > 1]


@pytest.fixture(scope='module')
def faces() -> np.ndarray:
    """Sixteen times the same real face, uint8 [16, 48, 48]."""
    grey = cv2.cvtColor(photograph(), cv2.COLOR_BGR2GRAY)
    face = cv2.resize(grey[60:190, 160:290], (48, 48), interpolation=cv2.INTER_AREA)
    return np.repeat(face[None], 16, axis=0)


@pytest.fixture(scope='module')
def spots() -> np.ndarray:
    """Sixteen times a soft spot ten pixels right of the middle, on black."""
    y, x = np.mgrid[0:48, 0:48] - 23.5
    spot = 200 * np.exp(-0.5 * ((x - 10) ** 2 + y**2) / 2.0**2)
    return np.repeat(np.rint(spot)[None].astype(np.uint8), 16, axis=0)


def centroids(images: np.ndarray) -> np.ndarray:
    """Centres of mass (x, y) about the middle, [N, 2]."""
    axis = np.arange(48) - 23.5
    weights = images.astype(float)
    moments = np.stack([weights @ axis, weights.transpose(0, 2, 1) @ axis], axis=-1)
    return moments.sum(axis=1) / weights.sum(axis=(1, 2))[:, None]


def amount(name: str, strength: str) -> float:
    return CORRUPTIONS[name].amounts[strength]


def turning(image: np.ndarray) -> float:
    """Roughness: mean of the squared Laplacian."""
    return float((cv2.Laplacian(image, cv2.CV_64F) ** 2).mean())


@pytest.mark.parametrize(('name', 'strength'), CASES)
def test_same_kind_of_images_and_the_same_again(name: str, strength: str, faces: np.ndarray):
    before = faces.copy()
    result = corrupt(faces, name, strength)
    assert result.shape == faces.shape
    assert result.dtype == np.uint8
    assert not np.shares_memory(result, faces)
    np.testing.assert_array_equal(faces, before)
    np.testing.assert_array_equal(corrupt(faces, name, strength), result)
    assert (result != faces).any(axis=(1, 2)).all()


@pytest.mark.parametrize('name', GRADED)
def test_stronger_is_farther_from_the_original(name: str, faces: np.ndarray):
    distances = [
        np.abs(corrupt(faces, name, strength).astype(float) - faces).mean()
        for strength in STRENGTHS
    ]
    assert distances == sorted(distances)
    assert distances[0] < 0.85 * distances[2]


@pytest.mark.parametrize('name', ['shift', 'rotation', 'occlusion', 'noise', 'uneven_light'])
def test_the_seed_decides_and_images_differ(name: str, faces: np.ndarray):
    first = corrupt(faces, name, 'middle', seed=1)
    assert (first != corrupt(faces, name, 'middle', seed=2)).any()
    assert (first != first[0]).any()


@pytest.mark.parametrize('strength', STRENGTHS)
def test_shift_moves_by_its_amount_in_many_directions(strength: str, spots: np.ndarray):
    moves = centroids(corrupt(spots, 'shift', strength)) - [10, 0]
    distances = np.hypot(*moves.T)
    np.testing.assert_allclose(distances, 48 * amount('shift', strength), atol=0.25)
    assert np.hypot(*moves.mean(axis=0)) < 0.7 * distances.mean()


@pytest.mark.parametrize('name', ['magnified', 'reduced'])
@pytest.mark.parametrize('strength', STRENGTHS)
def test_zoom_is_about_the_middle(name: str, strength: str, spots: np.ndarray):
    moved = centroids(corrupt(spots, name, strength))
    np.testing.assert_allclose(moved[:, 0], 10 * amount(name, strength), atol=0.1)
    np.testing.assert_allclose(moved[:, 1], 0, atol=0.1)


@pytest.mark.parametrize('strength', STRENGTHS)
def test_rotation_turns_to_both_sides(strength: str, spots: np.ndarray):
    moved = centroids(corrupt(spots, 'rotation', strength))
    turns = np.degrees(np.arctan2(moved[:, 1], moved[:, 0]))
    np.testing.assert_allclose(np.abs(turns), amount('rotation', strength), atol=0.5)
    assert turns.min() < 0 < turns.max()
    np.testing.assert_allclose(np.hypot(*moved.T), 10, atol=0.1)


@pytest.mark.parametrize('strength', STRENGTHS)
def test_dim_light_lowers_the_mean_by_the_gain(strength: str):
    flat = np.full((8, 48, 48), 120, np.uint8)
    dimmed = corrupt(flat, 'dim_light', strength)
    assert dimmed.mean() == pytest.approx(120 * amount('dim_light', strength), abs=0.1)
    assert dimmed.std() == pytest.approx(np.hypot(DIM_NOISE, 12**-0.5), rel=0.05)


@pytest.mark.parametrize('strength', STRENGTHS)
def test_uneven_light_leaves_the_bright_edge_and_dims_the_dark_one(strength: str):
    flat = np.full((32, 48, 48), 200, np.uint8)
    lit = corrupt(flat, 'uneven_light', strength)
    brightest, darkest = lit.max(axis=(1, 2)), lit.min(axis=(1, 2))
    np.testing.assert_allclose(brightest, 200, rtol=0.05)
    np.testing.assert_allclose(darkest, 200 * amount('uneven_light', strength), rtol=0.1)
    assert len({(int(i[0, 0]) > int(i[0, -1]), int(i[0, 0]) > int(i[-1, 0])) for i in lit}) == 4


@pytest.mark.parametrize('strength', STRENGTHS)
def test_blur_widens_a_point_to_its_standard_deviation(strength: str):
    point = np.zeros((1, 48, 48), np.uint8)
    point[0, 22:26, 22:26] = 255  # broad enough to survive rounding to whole grey levels
    axis = np.arange(48) - 23.5

    def variance(image: np.ndarray) -> float:
        profile = image.sum(axis=0).astype(float)
        return float((profile * axis**2).sum() / profile.sum())

    widened = variance(corrupt(point, 'blur', strength)[0]) - variance(point[0])
    assert np.sqrt(widened) == pytest.approx(amount('blur', strength), rel=0.05)


@pytest.mark.parametrize('angle', [0.0, 0.6, np.pi / 2, 2.5])
@pytest.mark.parametrize('length', [3, 5, 7])
def test_motion_spreads_along_its_path_only(length: float, angle: float):
    kernel = motion_kernel(length, angle)
    axis = np.arange(len(kernel)) - len(kernel) // 2
    x, y = np.meshgrid(axis, axis)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    assert kernel.sum() == pytest.approx(1)
    assert np.sqrt((kernel * along**2).sum()) == pytest.approx(length / 12**0.5, rel=0.15)
    assert np.sqrt((kernel * across**2).sum()) < 0.5


def test_motion_blur_takes_sharpness_away(faces: np.ndarray):
    sharpness = [turning(corrupt(faces, 'motion_blur', strength)[0]) for strength in STRENGTHS]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[0] < 0.7 * turning(faces[0])


@pytest.mark.parametrize('strength', STRENGTHS)
def test_noise_has_its_standard_deviation(strength: str):
    flat = np.full((8, 48, 48), 128, np.uint8)
    grain = corrupt(flat, 'noise', strength).astype(float) - 128
    assert grain.std() == pytest.approx(amount('noise', strength), rel=0.03)
    assert abs(grain.mean()) < 0.5


@pytest.mark.parametrize('strength', STRENGTHS)
def test_jpeg_is_that_of_the_encoder(strength: str, faces: np.ndarray):
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(amount('jpeg', strength))]
    encoded = cv2.imencode('.jpg', faces[0], quality)[1]
    expected = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(corrupt(faces, 'jpeg', strength)[0], expected)


@pytest.mark.parametrize('strength', STRENGTHS)
def test_low_resolution_keeps_as_many_rows_as_it_says(strength: str):
    """Enlarged rows are mixtures of the small picture's: the rank tells how many there were."""
    images = np.random.default_rng(1).integers(0, 256, (2, 48, 48), dtype=np.uint8)
    result = corrupt(images, 'low_resolution', strength)
    side = int(amount('low_resolution', strength))
    values = np.linalg.svd(result[0].astype(float), compute_uv=False)
    rounding = 12**-0.5 * 2 * 48**0.5  # the largest singular value of noise by whole grey levels
    assert values[side] < 1.2 * rounding < values[side - 2]
    assert result.mean() == pytest.approx(images.mean(), abs=2)


@pytest.mark.parametrize('strength', STRENGTHS)
def test_occlusion_covers_a_square_of_its_size(strength: str, faces: np.ndarray):
    side = round(48 * amount('occlusion', strength))
    for image, original in zip(corrupt(faces, 'occlusion', strength), faces, strict=True):
        rows, columns = np.nonzero(image != original)
        top, left = rows.min(), columns.min()
        # A pixel that had the square's grey already does not show.
        assert side - 3 <= rows.max() + 1 - top <= side
        assert side - 3 <= columns.max() + 1 - left <= side
        assert len(np.unique(image[rows, columns])) == 1


def test_mirror_swaps_left_and_right(faces: np.ndarray):
    mirrored = corrupt(faces, 'mirror', 'middle')
    np.testing.assert_array_equal(mirrored[:, :, 0], faces[:, :, 47])
    np.testing.assert_array_equal(corrupt(mirrored, 'mirror', 'middle'), faces)


def test_the_document_has_the_table():
    assert markdown() in DOCUMENT.read_text(encoding='utf-8')
