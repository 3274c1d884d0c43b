# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A larger network that teaches the small ones: residual blocks over the enlarged face.

It is never exported and never runs in the robot. Its layers are those of dlib's face recognition
network, so that training can begin with weights that have seen three million faces
(training/face_recognition.py). Source: Davis King, "High Quality Face Recognition with Deep Metric
Learning", 2017; residual blocks: He et al., "Deep Residual Learning for Image Recognition",
CVPR 2016. Different from it: grey instead of colour, a smaller input, padding where it has none,
batch normalisation where it has a fixed gain, and a head for expressions.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, cat, nn
from torch.nn import functional

from emotionnet_ros.expressions import EXPRESSIONS
from emotionnet_ros.networks.modules import standardise

SIDE_PX = 96  # to which the face is enlarged
DROPOUT = 0.2
# The recognition network takes grey levels less their mean, divided by 256: this is about the
# deviation that a photographed face has there.
INPUT_DEVIATION = 0.2
NAME = 'face_resnet'  # in a training configuration
STEM_WIDTH = 32
STEM_KERNEL = 7


@dataclass(frozen=True)
class ResidualBlock:
    """Two convolutions of 3x3 whose output is added to their input; ``halves``: the resolution."""

    name: str
    width: int
    halves: bool = False


BLOCKS = (
    ResidualBlock('conv32_1', 32),
    ResidualBlock('conv32_2', 32),
    ResidualBlock('conv32_3', 32),
    ResidualBlock('conv64_down', 64, halves=True),
    ResidualBlock('conv64_1', 64),
    ResidualBlock('conv64_2', 64),
    ResidualBlock('conv64_3', 64),
    ResidualBlock('conv128_down', 128, halves=True),
    ResidualBlock('conv128_1', 128),
    ResidualBlock('conv128_2', 128),
    ResidualBlock('conv256_down', 256, halves=True),
    ResidualBlock('conv256_1', 256),
    ResidualBlock('conv256_2', 256),
    ResidualBlock('conv256_down_out', 256, halves=True),
)


class FaceResNet(nn.Module):  # type: ignore[misc]  # torch is not followed
    """The network of BLOCKS, with random weights: 5.6 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = convolution(1, STEM_WIDTH, STEM_KERNEL, stride=2)
        self.blocks = nn.ModuleDict()
        width = STEM_WIDTH
        for block in BLOCKS:
            self.blocks[block.name] = ResidualModule(width, block)
            width = block.width
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(width, len(EXPRESSIONS))

    def forward(self, image: Tensor) -> Tensor:
        """Logits, float [N, classes], of grey images, float [N, 1, 48, 48] in 0..255."""
        size = (SIDE_PX, SIDE_PX)
        enlarged = functional.interpolate(image, size=size, mode='bilinear', align_corners=False)
        features = functional.relu(self.stem(INPUT_DEVIATION * standardise(enlarged)))
        features = functional.max_pool2d(features, 3, stride=2, padding=1)
        for block in self.blocks.values():
            features = block(features)
        logits: Tensor = self.head(self.dropout(features.mean(dim=(2, 3))))
        return logits


class ResidualModule(nn.Module):  # type: ignore[misc]
    """One row of BLOCKS; the input is averaged and given channels of zeros where it must fit."""

    def __init__(self, input_width: int, block: ResidualBlock) -> None:
        super().__init__()
        self.halves = block.halves
        self.added_width = block.width - input_width
        self.conv1 = convolution(input_width, block.width, 3, stride=2 if block.halves else 1)
        self.conv2 = convolution(block.width, block.width, 3)

    def forward(self, features: Tensor) -> Tensor:
        """Float [N, input width, H, W] to [N, width, H or ceil(H / 2), ...]."""
        output = self.conv2(functional.relu(self.conv1(features)))
        if self.halves:
            features = functional.avg_pool2d(features, 2, ceil_mode=True)
        if self.added_width:
            zeros = features.new_zeros(len(features), self.added_width, *features.shape[2:])
            features = cat([features, zeros], dim=1)
        joined: Tensor = functional.relu(output + features)
        return joined


def convolution(input_width: int, width: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution with padding, then batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(input_width, width, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width),
    )
