# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0

import threading

from emotionnet_ros.node.slot import LatestSlot


def test_newest_item_replaces_the_one_before():
    slot = LatestSlot()
    assert slot.put(1) is False
    assert slot.put(2) is True
    assert slot.take() == 2
    assert slot.put(3) is False


def test_take_waits_for_an_item():
    slot, taken = LatestSlot(), []
    taker = threading.Thread(target=lambda: taken.append(slot.take()))
    taker.start()
    slot.put('frame')
    taker.join(10)
    assert taken == ['frame']


def test_close_wakes_whoever_waits_and_drops_what_lies_there():
    slot, taken = LatestSlot(), []
    taker = threading.Thread(target=lambda: taken.append(slot.take()))
    taker.start()
    slot.close()
    taker.join(10)
    assert taken == [None]
    slot.put('late')
    assert slot.take() is None


def test_every_item_is_either_taken_or_known_to_be_replaced():
    slot, taken, replaced = LatestSlot(), [], 0
    taker = threading.Thread(target=lambda: taken.extend(iter(slot.take, None)))
    taker.start()
    for number in range(10_000):
        replaced += slot.put(number)
    while slot.put('last') is False:  # until the taker is known to be behind
        pass
    slot.close()
    taker.join(10)
    numbers = [item for item in taken if item != 'last']
    assert numbers == sorted(numbers)
    assert len(numbers) + replaced <= 10_000
    assert len(numbers) + replaced >= 9_999
