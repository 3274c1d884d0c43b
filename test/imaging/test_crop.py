# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The crop against an exact average over the area of each of its pixels."""

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionnet_ros.expressions import Box
from emotionnet_ros.imaging import ImageError, RawImage, decode, face_crop


def frame_of(grey):
    height, width = grey.shape
    return decode(RawImage(width, height, 'mono8', width, False, np.ascontiguousarray(grey)))


def coverage(start, side, size, length):
    """Shares [size, length] of source pixels in crop pixels; the edge stands for outside."""
    edges = start + np.arange(size + 1) * side / size
    shares = np.zeros((size, length))
    for i, (low, high) in enumerate(pairwise(edges)):
        for j in range(math.floor(low), math.ceil(high)):
            share = max(0.0, min(high, j + 1) - max(low, j)) / (high - low)
            shares[i, min(max(j, 0), length - 1)] += share
    return shares


def exact_crop(grey, left, top, side, size=48):
    rows = coverage(top, side, size, grey.shape[0])
    columns = coverage(left, side, size, grey.shape[1])
    return rows @ grey @ columns.T


@pytest.fixture(scope='module')
def grey(astronaut):
    return np.rint(astronaut @ [0.299, 0.587, 0.114]).astype(np.uint8)


@pytest.mark.parametrize('side', [48.0, 53.3, 66.6, 70.0, 96.0, 120.7, 135.0, 137.0, 200.5, 300.0])
@pytest.mark.parametrize('offset', [0.0, 0.25, 0.6])
def test_shrinks_like_an_average_over_the_area(grey, side, offset):
    left, top = 110 + offset, 15 + offset / 2
    crop = face_crop(frame_of(grey), Box(left, top, side, side))
    assert crop.shape == (48, 48)
    assert crop.dtype == np.uint8
    error = crop - exact_crop(grey, left, top, side)
    assert np.sqrt(np.mean(error**2)) < 1.5
    assert abs(error.mean()) < 0.5


@pytest.mark.parametrize('side', [1.0, 11.0, 30.5])
def test_enlarges_smoothly(grey, side):
    crop = face_crop(frame_of(grey), Box(200.3, 90.7, side, side)).astype(int)
    source = grey[89 : math.ceil(92 + side), 199 : math.ceil(202 + side)]
    assert source.min() <= crop.min() <= crop.max() <= source.max()
    # A crop pixel is side / 48 source pixels wide; OpenCV 4 places samples to 1/32 pixel.
    steepest = np.abs(np.diff(source.astype(int), axis=1)).max()
    assert np.abs(np.diff(crop, axis=1)).max() <= steepest * (side / 48 + 1 / 32) + 1


def test_a_box_of_the_size_of_the_crop_is_cut_out_unchanged(grey):
    crop = face_crop(frame_of(grey), Box(100, 50, 48, 48))
    np.testing.assert_array_equal(crop, grey[50:98, 100:148])
    crop[:] = 0  # memory of its own


@pytest.mark.parametrize('size', [24, 48, 96])
def test_size_side_and_shift(grey, size):
    box = Box(180, 60, 60, 80)
    crop = face_crop(frame_of(grey), box, side_over_box=1.2, shift_y=0.1, size=size)
    expected = exact_crop(grey, 210 - 48, 100 - 48 + 9.6, 96, size)
    assert crop.shape == (size, size)
    assert np.sqrt(np.mean((crop - expected) ** 2)) < 1.5


@pytest.mark.parametrize('side', [40.0, 60.0, 100.0, 130.0, 180.0, 290.0, 420.0])
@pytest.mark.parametrize('axis', [0, 1])
def test_a_crop_moves_and_grows_as_smoothly_as_its_box(side, axis):
    """On a ramp, the mean of the crop tells where its centre is: no step may show."""
    # An even texture of 16 levels keeps the rounding of each step from adding up.
    y, x = np.mgrid[0:500, 0:500]
    texture = 16 * ((0.7548776662 * x + 0.5698402910 * y) % 1)
    ramp = np.floor(0.4 * x + texture).astype(np.uint8)
    frame = frame_of(ramp if axis == 0 else ramp.T)
    moved = np.linspace(0, 4, 33)
    boxes = [Box(9 + d, 9 + d, side, side) for d in moved]
    boxes += [Box(9, 9, side + 2 * d, side + 2 * d) for d in moved]
    means = np.array([face_crop(frame, box).mean() for box in boxes])
    centres = 9 + side / 2 - 0.5 + np.tile(moved, 2)
    error = means - (0.4 * centres + 7.5)
    assert np.ptp(error) < 0.2
    assert -0.1 < error.mean() < 0.6  # each of up to four halvings rounds up by an eighth


@pytest.mark.parametrize(
    ('left', 'top', 'side'),
    [
        (-20, 30, 60),
        (480, 30, 60),
        (100, -30.5, 90),
        (150, 470, 90),
        (-60, -60, 150),
        (400, 420, 161),
        (-50.5, -50.5, 613),
        (-200, 100, 300),
    ],
)
def test_outside_the_image_its_edge_is_repeated(grey, left, top, side):
    smooth = cv2.GaussianBlur(grey, (0, 0), 4)
    crop = face_crop(frame_of(smooth), Box(left, top, side, side))
    expected = exact_crop(smooth, left, top, side)
    assert np.sqrt(np.mean((crop - expected) ** 2)) < 2
    outside = math.floor(-left / side * 48)
    if outside > 1:  # the columns wholly left of the image are all alike
        np.testing.assert_array_equal(crop[:, : outside - 1], crop[:, :1].repeat(outside - 1, 1))


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8', 'mono8', 'yuyv', 'bayer_grbg8'])
def test_only_the_face_is_converted(encoding, grey, monkeypatch):
    """The crop from an unconverted frame equals that from a frame whose whole luma is at hand."""
    channels = {'bgr8': 3, 'rgb8': 3, 'yuyv': 2}.get(encoding, 1)
    pixels = np.repeat(grey[:, :, None], channels, axis=2)
    image = RawImage(512, 512, encoding, 512 * channels, False, pixels)
    asked, whole = decode(image), decode(image)
    whole.luma()
    monkeypatch.setattr(type(asked), 'luma', None)  # to call it would raise TypeError
    box = Box(181.4, 70.2, 110, 130)
    difference = face_crop(asked, box).astype(int) - face_crop(whole, box)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    ('reason', 'box'),
    [
        ('bad_box', Box(10, 10, 0, 5)),
        ('bad_box', Box(10, 10, 5, -1)),
        ('bad_box', Box(float('nan'), 10, 5, 5)),
        ('bad_box', Box(10, 10, 5, float('inf'))),
        ('bad_box', Box(10, 10, float('nan'), 5)),
        ('box_outside', Box(-60, 10, 50, 50)),
        ('box_outside', Box(10, 512, 50, 50)),
        ('box_outside', Box(1e300, 10, 50, 50)),
        ('box_too_large', Box(-3000, -3000, 6000, 6000)),
    ],
)
def test_boxes_that_have_no_crop(grey, reason, box):
    with pytest.raises(ImageError) as error:
        face_crop(frame_of(grey), box)
    assert error.value.reason == reason
    assert f'{box.width:g} x {box.height:g}' in str(error.value)


number = st.one_of(st.floats(-700, 700), st.floats(allow_nan=False, allow_infinity=False))
length = st.one_of(st.floats(0, 700), st.floats(allow_nan=False, allow_infinity=False))


@given(
    x=number, y=number, width=length, height=length,
    image=st.sampled_from([(1, 1), (1, 300), (300, 1), (7, 5), (640, 480)]),
    side_over_box=st.floats(0.1, 3), shift_y=st.floats(-1, 1), size=st.integers(1, 100),
)  # fmt: skip
@settings(max_examples=500, deadline=None)
def test_any_finite_box(x, y, width, height, image, side_over_box, shift_y, size):
    frame = frame_of(np.full(image[::-1], 77, np.uint8))
    box = Box(x, y, width, height)
    try:
        crop = face_crop(frame, box, side_over_box=side_over_box, shift_y=shift_y, size=size)
    except ImageError as error:
        reason = error.reason
    else:
        reason = None
        assert crop.shape == (size, size)
        assert (crop == 77).all()
    assert reason in {None, 'bad_box', 'box_outside', 'box_too_large'}
