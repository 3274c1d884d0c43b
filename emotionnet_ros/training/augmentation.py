# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a robot's camera and detector do to a face crop, imitated on whole batches of tensors.

Every effect takes float images [N, 1, 48, 48] in 0..255 and a strength, float [N, 1, 1, 1] in
0..1, and gives images of the same shape. All run on the images' device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

Effect = Callable[[Tensor, Tensor, Generator], Tensor]


def _uniform(like: Tensor, generator: Generator, *shape: int) -> Tensor:
    """Values in 0..1, one row for each image."""
    return torch.rand(
        (len(like), *shape), generator=generator, device=like.device, dtype=torch.float32
    )


def _signed(like: Tensor, generator: Generator, *shape: int) -> Tensor:
    return 2 * _uniform(like, generator, *shape) - 1


@dataclass(frozen=True)
class Geometry:
    """Jitter of the crop: uniform within plus or minus each bound.

    ``shift`` is a share of the side, ``scale`` and ``aspect`` are relative, ``rotation_deg`` in
    degrees; ``mirror`` is the share of images mirrored left to right.
    """

    shift: float = 0.08
    scale: float = 0.15
    rotation_deg: float = 12.0
    aspect: float = 0.05
    mirror: float = 0.5


def jitter(images: Tensor, geometry: Geometry, generator: Generator) -> Tensor:
    """Shift, scale, rotate and mirror every image; what comes from outside is mirrored in."""
    angle = math.radians(geometry.rotation_deg) * _signed(images, generator)
    zoom = torch.exp(math.log1p(geometry.scale) * _signed(images, generator))
    aspect = torch.exp(0.5 * math.log1p(geometry.aspect) * _signed(images, generator))
    flip = torch.where(_uniform(images, generator) < geometry.mirror, -1.0, 1.0)
    # grid_sample's coordinates run from -1 to 1: a shift of the whole side is 2.
    shift = 2 * geometry.shift * _signed(images, generator, 2)
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = (
        torch.stack([flip * cosine * aspect, -sine * aspect, shift[:, 0]], dim=1),
        torch.stack([flip * sine / aspect, cosine / aspect, shift[:, 1]], dim=1),
    )
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), False)
    return functional.grid_sample(
        images, grid, mode='bilinear', padding_mode='reflection', align_corners=False
    )


def light(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Dim or brighten the light (gamma and gain) and lower the contrast."""
    shape = (1, 1, 1)
    gamma = torch.exp(0.9 * strength * _signed(images, generator, *shape))
    gain = torch.exp(-1.6 * strength * _uniform(images, generator, *shape))
    offset = 70 * strength * _uniform(images, generator, *shape)
    return (255 * (images / 255).clamp(0, 1) ** gamma * gain + offset).clamp(0, 255)


def uneven_light(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Light the face from one side: the gain falls off along a random direction."""
    angle = 2 * math.pi * _uniform(images, generator, 1, 1, 1)
    axis = torch.linspace(-1, 1, images.shape[-1], device=images.device)
    slope = axis[None, None, None, :] * torch.cos(angle) + axis[None, None, :, None] * torch.sin(
        angle
    )
    return (images * torch.exp(-1.1 * strength * (slope + 0.3))).clamp(0, 255)


def blur(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Put the face out of focus: a Gaussian, sigma 0.3 up to 1.6 pixels."""
    _ = generator
    sigma = (0.3 + 1.3 * strength)[:, 0]
    return _smear(images, sigma, sigma, torch.zeros_like(sigma))


def motion_blur(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Move the head during the exposure, sigma 0.5 up to 2.6 pixels along any direction."""
    angle = math.pi * _uniform(images, generator, 1, 1)
    sigma = (0.5 + 2.1 * strength)[:, 0]
    return _smear(images, sigma, torch.full_like(sigma, 0.4), angle)


def _smear(images: Tensor, along: Tensor, across: Tensor, angle: Tensor) -> Tensor:
    """Blur by a Gaussian of two sigmas, each [N, 1, 1] like the angle of the first; 7 pixels."""
    count, _, height, width = images.shape
    steps = torch.arange(-3, 4, device=images.device, dtype=images.dtype)
    x, y = steps[None, None, :], steps[None, :, None]
    u = x * torch.cos(angle) + y * torch.sin(angle)
    v = y * torch.cos(angle) - x * torch.sin(angle)
    kernel = torch.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2))
    kernel = kernel / kernel.sum(dim=(1, 2), keepdim=True)
    padded = functional.pad(images, (3, 3, 3, 3), mode='reflect')
    # One kernel for each image: the batch becomes the channels of one grouped convolution.
    out = functional.conv2d(
        padded.view(1, count, *padded.shape[2:]), kernel[:, None], groups=count
    )
    return out.view(count, 1, height, width)


def noise(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Add sensor noise, sigma up to 24 grey levels."""
    grain = torch.randn(images.shape, generator=generator, device=images.device)
    return (images + 24 * strength * grain).clamp(0, 255)


def low_resolution(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Enlarge a distant face, down to 16 pixels; one size, the first image's, for the batch."""
    _ = generator
    side = images.shape[-1]
    small = round(side * (1 - 0.67 * float(strength[0])))
    reduced = functional.interpolate(images, (small, small), mode='area')
    return functional.interpolate(reduced, (side, side), mode='bilinear', align_corners=False)


def occlusion(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Put a flat rectangle, up to 45 % of each side, before the face: a hand, a cup, a scarf."""
    side = images.shape[-1]
    size = (0.15 + 0.3 * strength) * (0.7 + 0.3 * _uniform(images, generator, 1, 1, 2))
    corner = (1 - size) * _uniform(images, generator, 1, 1, 2)
    axis = (torch.arange(side, device=images.device) + 0.5) / side
    inside = (axis >= corner[..., None]) & (axis < (corner + size)[..., None])
    covered = inside[:, :, 0, 0, None, :] & inside[:, :, 0, 1, :, None]
    return torch.where(covered, 255 * _uniform(images, generator, 1, 1, 1), images)


# The luminance table of the JPEG standard (ITU-T T.81, annex K.1).
_JPEG_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def jpeg(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Round the coefficients of JPEG's 8x8 cosine transform, quality about 60 down to 10."""
    _ = generator
    count, _, height, width = images.shape
    index = torch.arange(8, device=images.device, dtype=images.dtype)
    transform = torch.cos(math.pi / 8 * (index[None, :] + 0.5) * index[:, None]) / 2
    transform[0] /= math.sqrt(2)
    quality = 60 - 50 * strength.flatten()
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    table = torch.tensor(_JPEG_LUMINANCE, device=images.device, dtype=images.dtype)
    step = (table * scale[:, None, None]).clamp(min=1)[:, None, None]
    blocks = images.view(count, height // 8, 8, width // 8, 8).transpose(2, 3) - 128
    coefficients = transform @ blocks @ transform.T
    rounded = torch.round(coefficients / step) * step
    blocks = transform.T @ rounded @ transform + 128
    return blocks.transpose(2, 3).reshape(images.shape).clamp(0, 255)


# Applied in this order, as the light, the lens, the sensor and the transmission do.
EFFECTS: dict[str, Effect] = {
    'occlusion': occlusion,
    'uneven_light': uneven_light,
    'light': light,
    'blur': blur,
    'motion_blur': motion_blur,
    'low_resolution': low_resolution,
    'noise': noise,
    'jpeg': jpeg,
}


def augment(
    images: Tensor, geometry: Geometry, shares: dict[str, float], generator: Generator
) -> Tensor:
    """Jitter every image, then give each effect to its share of them, at random strengths.

    Parameters
    ----------
    images
        Float [N, 1, 48, 48], 0..255.
    geometry
        Bounds of the jitter.
    shares
        For names of EFFECTS the probability, 0..1, that an image gets it.
    generator
        Source of randomness, on the images' device.
    """
    images = jitter(images, geometry, generator)
    for name, effect in EFFECTS.items():
        chosen = torch.nonzero(_uniform(images, generator) < shares.get(name, 0.0)).flatten()
        if len(chosen):
            some = images[chosen]
            images[chosen] = effect(some, _uniform(some, generator, 1, 1, 1), generator)
    return images
