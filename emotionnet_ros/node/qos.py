# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service that users may override: parameters ``qos_overrides.<topic>...``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import InvalidQosOverridesError, QoSOverridingOptions

AUTOMATIC = 'auto'
# Humble has them under the older name, which warns everywhere else.
_EVENTS = 'rclpy.event_handler' if find_spec('rclpy.event_handler') else 'rclpy.qos_event'
_POLICIES = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.DURABILITY)


def _check(profile: QoSProfile) -> SetParametersResult:
    good = profile.depth >= 1
    reason = '' if good else f'depth is {profile.depth}, it must be at least 1'
    return SetParametersResult(successful=good, reason=reason)


def overriding_options(*, reliability: bool) -> QoSOverridingOptions:
    """Let users override history, depth and durability, and reliability where asked for."""
    policies = (*_POLICIES, QoSPolicyKind.RELIABILITY) if reliability else _POLICIES
    return QoSOverridingOptions(policies, callback=_check)


def without_events() -> Any:
    """Give the event callbacks of a publisher that waits for no events.

    By default a publisher waits to warn of listeners whose quality of service does not fit, and
    the executor looks after that at each image. The listeners themselves warn of the same.
    """
    return import_module(_EVENTS).PublisherEventCallbacks(use_default_callbacks=False)


def overridden_reliability(node: Node, full_topic: str) -> ReliabilityPolicy | None:
    """Give the reliability that the user wants for a subscription; None where it is automatic.

    rclpy would declare the parameter with what was subscribed with first, and hold to that: no
    telling then what the user wants, nor any other choice later. So it is declared here.

    Raises
    ------
    ValueError
        The override is no reliability.
    """
    name = f'qos_overrides.{full_topic}.subscription.reliability'
    with naming_the_topic(full_topic):
        if not node.has_parameter(name):
            description = f'Reliability of {full_topic}; auto is as camera.reliability says.'
            descriptor = ParameterDescriptor(description=description, read_only=True)
            node.declare_parameter(name, AUTOMATIC, descriptor)
    wanted = str(node.get_parameter(name).value)
    if wanted == AUTOMATIC:
        return None
    try:
        return ReliabilityPolicy[wanted.upper()]
    except KeyError:
        words = ', '.join(p.name.lower() for p in ReliabilityPolicy if p.name != 'UNKNOWN')
        raise ValueError(f'{name} is {wanted!r}, it must be one of {AUTOMATIC}, {words}') from None


@contextmanager
def naming_the_topic(full_topic: str) -> Iterator[None]:
    """Turn what rclpy raises about a bad override into a ValueError that says where it is."""
    try:
        yield
    except (InvalidQosOverridesError, ParameterException, RuntimeError) as error:
        raise ValueError(f'qos_overrides.{full_topic}: {error}') from error
