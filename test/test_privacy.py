# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What docs/privacy.md promises of the part without ROS: nothing is written, nobody is called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Watches from within a process of its own: what Python opens, connects or starts is reported to
# an audit hook; what the libraries do themselves is seen by the kernel. It lets no file grow
# (RLIMIT_FSIZE) and counts every byte that goes to write() (wchar, which leaves out sockets: those
# are looked for among the open descriptors).
WATCH = """
import json, os, resource, sys
from pathlib import Path
events = []
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
BAD = ('socket.', 'subprocess.', 'os.system', 'os.exec', 'os.posix_spawn', 'os.fork', 'os.mkdir',
       'os.rename', 'os.link', 'os.symlink', 'os.truncate', 'shutil.', 'tempfile.', 'urllib.',
       'http.', 'ftplib.', 'smtplib.', 'sqlite3.')

def hook(event, arguments):
    if event == 'open' and isinstance(arguments[2], int) and arguments[2] & WRITING:
        if arguments[0] != os.devnull:
            events.append([event, str(arguments[0])])
    elif event.startswith(BAD):
        events.append([event, str(arguments)[:200]])

sys.dont_write_bytecode = True
sys.addaudithook(hook)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

def sockets():
    links = []
    for fd in os.listdir('/proc/self/fd'):
        try:
            links.append(os.readlink(f'/proc/self/fd/{fd}'))
        except OSError:
            pass
    return sum(link.startswith('socket:') for link in links)

def written():
    counts = dict(line.split(': ') for line in open('/proc/self/io').read().splitlines())
    return int(counts['wchar'])

inherited = sockets()
import cv2
from emotionnet_ros.imaging import ImageError, RawImage
from emotionnet_ros.imaging.sources import open_source
from emotionnet_ros.pipeline import EncodedImage, Pipeline
pictures = open_source('builtin').pictures
pipeline = Pipeline.open()
before, seen, most_sockets = written(), 0, 0
for number in range(30):
    picture = next(pictures)
    images = [picture, EncodedImage(cv2.imencode('.jpg', picture)[1].tobytes()),
              RawImage(640, 480, 'bgr8', 1, False, b''), EncodedImage(b'rubbish')]
    try:
        seen += len(pipeline.process(images[number % 4], number / 15).faces)
    except ImageError:
        pass
    most_sockets = max(most_sockets, sockets() - inherited)
wrote = written() - before
%s
print(json.dumps({'events': events, 'seen': seen, 'written': wrote, 'sockets': most_sockets}))
"""

TRIES = {
    'a file': "try: open('kept.jpg', 'wb').write(b'x')\nexcept OSError: pass",
    'a connection': "import socket\ntry: socket.create_connection(('127.0.0.1', 9), 1)\n"
    'except OSError: pass',
    'a program': "import subprocess\nsubprocess.run(['true'])",
}

pytestmark = pytest.mark.skipif(not Path('/proc/self/io').exists(), reason='needs /proc of Linux')


def watched(folder, package_environment, more=''):
    answer = subprocess.run(
        [sys.executable, '-c', WATCH.replace('%s', more)],
        capture_output=True, text=True, timeout=120, cwd=folder,
        env=package_environment,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout.splitlines()[-1])


def test_nothing_is_written_and_nobody_is_called(tmp_path, package_environment):
    found = watched(tmp_path, package_environment)
    assert found['seen'] >= 10  # faces were found and classified all along
    assert found['events'] == []
    assert found['written'] == 0
    assert found['sockets'] == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('what', TRIES)
def test_the_watch_would_see(tmp_path, package_environment, what):
    assert watched(tmp_path, package_environment, TRIES[what])['events']
