# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Real processes and a real DDS between them."""

import contextlib
import itertools
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import rclpy
from rclpy.qos import ReliabilityPolicy

# Long enough for a loaded machine; a test that passes never waits for it.
DEADLINE = 60.0


def pytest_collection_modifyitems(items):
    """Give the tests that can be long the time for it."""
    for item in items:
        if os.environ.get('EMOTIONNET_LONG') and 'at_length' in item.fixturenames:
            item.add_marker(pytest.mark.timeout(4 * 3600))


@pytest.fixture(scope='session')
def at_length():
    """Choose how much to try: what a test run has time for, or all of it.

    All of it with ``EMOTIONNET_LONG=1``, a tenth of it with ``EMOTIONNET_LONG=0.1``.
    """
    share = float(os.environ.get('EMOTIONNET_LONG') or 0.0)
    return lambda short, full: max(short, round(full * share))


@dataclass(frozen=True)
class Footprint:
    """What a process holds: resident memory in MB, file descriptors, threads."""

    resident: float
    descriptors: int
    threads: int


@pytest.fixture(scope='session')
def footprint():
    """Read what a process holds, by default that of the tests."""
    if not Path('/proc/self/statm').exists():
        pytest.skip('memory, descriptors and threads are read from /proc')

    def read(process='self'):
        folder = Path('/proc') / str(process)
        pages = int((folder / 'statm').read_text().split()[1])
        return Footprint(
            resident=pages * os.sysconf('SC_PAGESIZE') / 2**20,
            descriptors=len(list((folder / 'fd').iterdir())),
            threads=len(list((folder / 'task').iterdir())),
        )

    return read


@pytest.fixture
def observer():
    """A node of the test's own, in the test's process."""
    rclpy.init()
    node = rclpy.create_node('observer')
    yield node
    node.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def wait_until(observer):
    """Spin the observer until a condition holds; fail with what was awaited otherwise."""

    def wait(condition, what):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, f'{what}: not in {DEADLINE:g} s'
            rclpy.spin_once(observer, timeout_sec=0.1)

    return wait


@pytest.fixture
def call(observer, wait_until):
    """Call a service of the node.

    A server that does not know the client yet drops its answer, on a loaded machine now and then.
    So a request that changes nothing, which the default one of each service is, goes first.
    After the node was started anew, ``call.forget()`` lets that be done again.
    """
    clients = {}

    def connect(service_type, name):
        client = observer.create_client(service_type, name)
        wait_until(client.service_is_ready, f'the service {name}')
        futures = []

        def answers():
            futures.append(client.call_async(service_type.Request()))
            return any(future.done() for future in futures)

        wait_until(answers, f'a first answer of {name}')
        return client

    def ask(service_type, name, **fields):
        if name not in clients:
            clients[name] = connect(service_type, name)
        future = clients[name].call_async(service_type.Request(**fields))
        wait_until(future.done, f'an answer of {name}')
        return future.result()

    ask.forget = clients.clear
    return ask


@pytest.fixture
def reliable_subscription(observer, wait_until):
    """Wait until the node asks a camera topic for reliability, as its publishers offer it."""

    def wait(topic):
        def asked():
            infos = observer.get_subscriptions_info_by_topic(topic)
            return [info.qos_profile.reliability for info in infos]

        wait_until(
            lambda: asked() == [ReliabilityPolicy.RELIABLE], f'a reliable subscription to {topic}'
        )

    return wait


@pytest.fixture
def collect(observer):
    """Subscribe and give the list that messages are put into."""

    def subscribe(message_type, topic, profile=10):
        messages = []
        observer.create_subscription(message_type, topic, messages.append, profile)
        return messages

    return subscribe


class Started:
    """A process of the package, its output in a file."""

    def __init__(self, command, output: Path) -> None:
        self._output = output
        self.writes_images = Path(command[0]).name == 'player'
        with output.open('wb') as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def interrupt(self) -> int:
        """End it as Ctrl-C does and give its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(DEADLINE)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """Let a player finish: a writer that is killed in the middle of an image leaves shared
        memory behind that can crash its readers, the process of the tests among them."""
        if self.writes_images and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5.0)
        self.kill()


@pytest.fixture
def start_program(tmp_path):
    """Start a command as a process, its output under a name; it is ended with the test."""
    processes, numbers = [], itertools.count()

    def run(command, name):
        process = Started(command, tmp_path / f'{name}-{next(numbers)}.log')
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.end()


@pytest.fixture
def start(start_program):
    """Start an installed executable with parameters and remappings; it is ended with the test."""
    from ament_index_python.packages import get_package_prefix

    folder = Path(get_package_prefix('emotionnet_ros')) / 'lib' / 'emotionnet_ros'

    def run(executable, *remappings, params_file=None, enclave=None, **values):
        arguments = [f'-p {name.replace("__", ".")}:={value}' for name, value in values.items()]
        arguments += [f'-r {remapping}' for remapping in remappings]
        arguments += [f'--params-file {params_file}'] if params_file else []
        arguments += [f'--enclave {enclave}'] if enclave else []
        command = [folder / executable]
        if arguments:
            command += ['--ros-args', *' '.join(arguments).split()]
        return start_program(command, executable)

    return run
