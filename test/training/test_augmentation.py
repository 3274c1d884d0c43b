# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip('torch', reason='training needs torch')

from emotionnet_ros.training.augmentation import EFFECTS, Geometry, augment, jitter  # noqa: E402

STILL = Geometry(shift=0, scale=0, rotation_deg=0, aspect=0, mirror=0)


def generator(seed: int = 0) -> 'torch.Generator':
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 16) -> 'torch.Tensor':
    noise = torch.rand(count, 1, 12, 12, generator=generator(7)) * 255
    return torch.nn.functional.interpolate(noise, (48, 48), mode='bilinear')


@pytest.mark.parametrize('name', EFFECTS)
@pytest.mark.parametrize('strength', [0.0, 0.5, 1.0])
def test_every_effect_keeps_shape_and_range(name: str, strength: float):
    images = pictures()
    result = EFFECTS[name](images.clone(), torch.full((16, 1, 1, 1), strength), generator())
    assert result.shape == images.shape
    assert torch.isfinite(result).all()
    assert result.min() >= -1e-3
    assert result.max() <= 255 + 1e-3


@pytest.mark.parametrize('name', EFFECTS)
def test_every_effect_grows_with_its_strength(name: str):
    images = pictures(64)
    changes = [
        (EFFECTS[name](images.clone(), torch.full((64, 1, 1, 1), s), generator()) - images)
        .abs()
        .mean()
        for s in (0.1, 0.5, 1.0)
    ]
    assert max(changes[:2]) < changes[2]
    assert changes[2] > 1


@pytest.mark.parametrize('name', EFFECTS)
def test_an_effect_treats_each_image_alone(name: str):
    """A batch of like strengths gives each image what it gets, not a mixture of neighbours."""
    images = pictures(4)
    black = images.clone()
    black[1:] = 0
    strength = torch.full((4, 1, 1, 1), 0.5)
    together = EFFECTS[name](images.clone(), strength, generator())
    among_black = EFFECTS[name](black.clone(), strength, generator())
    torch.testing.assert_close(together[0], among_black[0])


def test_no_jitter_changes_nothing():
    images = pictures()
    torch.testing.assert_close(jitter(images, STILL, generator()), images, atol=0.05, rtol=0)


def test_mirror():
    images = pictures()
    mirrored = jitter(images, Geometry(0, 0, 0, 0, mirror=1), generator())
    torch.testing.assert_close(mirrored, images.flip(3), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ('geometry', 'farthest_px'),
    [
        (Geometry(shift=0.08, scale=0, rotation_deg=0, aspect=0), 0.08 * 48 * 2**0.5),
        (Geometry(shift=0, scale=0.15, rotation_deg=0, aspect=0), 0.15 * 10 * 2**0.5),
        (Geometry(shift=0, scale=0, rotation_deg=12, aspect=0), 0.21 * 10 * 2**0.5),
    ],
)
def test_jitter_moves_a_point_no_farther_than_it_may(geometry: Geometry, farthest_px: float):
    images = torch.zeros(200, 1, 48, 48)
    images[:, :, 33:35, 33:35] = 255  # a spot 10 pixels right of and below the centre
    result = jitter(images, geometry, generator())
    axis = torch.arange(48) - 23.5
    mass = result.sum(dim=(2, 3))
    x = (result * axis).sum(dim=(2, 3)) / mass
    y = (result * axis[:, None]).sum(dim=(2, 3)) / mass
    distance = ((x.abs() - 10) ** 2 + (y - 10) ** 2).sqrt()  # abs: half of them are mirrored
    assert distance.max() < farthest_px + 0.5
    assert distance.max() > 0.4 * farthest_px


def test_shares_of_images_with_an_effect():
    images = pictures(400)
    result = augment(images.clone(), STILL, {'noise': 0.25}, generator())
    changed = ((result - images).abs().mean(dim=(1, 2, 3)) > 0.1).float().mean()
    assert 0.15 < changed < 0.35
    untouched = augment(images.clone(), STILL, {}, generator())
    torch.testing.assert_close(untouched, images, atol=0.05, rtol=0)


def test_a_seed_decides_everything():
    shares = dict.fromkeys(EFFECTS, 0.3)
    first, second, other = (
        augment(pictures(), Geometry(), shares, generator(seed)) for seed in (1, 1, 2)
    )
    torch.testing.assert_close(first, second, atol=0, rtol=0)
    assert (first - other).abs().mean() > 1


def test_motion_smears_along_one_direction_and_blur_along_none():
    point = torch.zeros(64, 1, 48, 48)
    point[:, :, 24, 24] = 255
    strength = torch.full((64, 1, 1, 1), 0.5)

    def spreads(name: str) -> 'torch.Tensor':
        """Standard deviations across and along the longest axis of each smeared point."""
        picture = EFFECTS[name](point.clone(), strength, generator())[:, 0]
        axis = torch.arange(48) - 24.0
        x = axis.expand(48, 48)
        share = picture / picture.sum(dim=(1, 2), keepdim=True)
        moments = [(share * a * b).sum(dim=(1, 2)) for a, b in ((x, x), (x, x.T), (x.T, x.T))]
        matrix = torch.stack([moments[0], moments[1], moments[1], moments[2]], dim=1)
        return torch.linalg.eigvalsh(matrix.view(-1, 2, 2)).sqrt()

    across, along = spreads('motion_blur').T
    assert (along > 2 * across).all()
    round_across, round_along = spreads('blur').T
    torch.testing.assert_close(round_across, round_along)
