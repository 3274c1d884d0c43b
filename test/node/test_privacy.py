# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What docs/privacy.md promises of the running node; test/test_privacy.py is for its pipeline."""

import os
import re
import time
from pathlib import Path

import pytest
from emotionnet_ros.msg import ExpressionArray

pytestmark = pytest.mark.skipif(not Path('/proc/self/fdinfo').exists(), reason='needs /proc')


def open_for_writing(process):
    """Names of the files that a process can write, and the numbers of its sockets."""
    files, sockets = set(), set()
    for link in (Path('/proc') / str(process) / 'fd').iterdir():
        try:
            name = os.readlink(link)
            info = (link.parents[1] / 'fdinfo' / link.name).read_text()
        except OSError:
            continue  # closed meanwhile
        if name.startswith('socket:'):
            sockets.add(name[len('socket:[') : -1])
        elif name.startswith('/') and int(info.split('flags:')[1].split()[0], 8) & os.O_ACCMODE:
            files.add(name)
    return files, sockets


def sockets_of(process, kind, column):
    table = Path('/proc') / str(process) / 'net' / kind
    lines = table.read_text().splitlines()[1:] if table.exists() else []
    return {line.split()[column] for line in lines}


def test_it_writes_its_log_alone_and_talks_over_dds_alone(
    start, collect, wait_until, tmp_path, monkeypatch
):
    logs = tmp_path / 'log'
    monkeypatch.setenv('ROS_LOG_DIR', str(logs))
    answers = collect(ExpressionArray, 'expressions')
    node = start('emotionnet')
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log of others'))
    start('player', rate=10.0)
    process = node.process.pid
    wait_until(lambda: answers and answers[-1].expressions, 'a face, sure at second sight')

    def look_on(images):
        answers.clear()
        wait_until(lambda: len(answers) >= images, 'answers')
        assert all(answer.expressions for answer in answers)
        files, sockets = open_for_writing(process)
        others = [sockets_of(process, kind, 9) for kind in ('tcp', 'tcp6', 'raw')]
        others.append(sockets_of(process, 'unix', 6))
        udp = sockets_of(process, 'udp', 9) | sockets_of(process, 'udp6', 9)
        assert sockets & udp  # the test sees the sockets of DDS
        assert not sockets & set().union(*others)
        children = Path(f'/proc/{process}/task/{process}/children')
        assert not children.exists() or children.read_text() == ''
        return files

    look_on(10)  # it has settled: what there is to say of the start is said
    begin = time.time()
    files = {name for _ in range(4) for name in look_on(10)}
    end = time.time()
    # The second is where its messages go, the third what DDS shares with others on this computer.
    places = str(logs), str(tmp_path / 'emotionnet-'), '/dev/shm/', '/dev/null'
    assert {name for name in files if not name.startswith(places)} == set()
    assert node.interrupt() == 0
    said = ''.join(file.read_text() for file in logs.iterdir())
    times = [float(text) for text in re.findall(r'\[(\d+\.\d+)\]', said)]
    assert times
    assert [at for at in times if begin < at < end] == []
