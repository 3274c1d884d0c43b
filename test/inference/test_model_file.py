# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Model files that are not what they should be."""

import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from emotionnet_ros.inference import model_file
from emotionnet_ros.inference.classifier import Classifier
from emotionnet_ros.inference.model_file import (
    WEIGHTS_FOLDER,
    ModelError,
    find_model,
    read_model,
    shipped_networks,
)
from emotionnet_ros.pipeline import Pipeline


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A copy of the shipped weights, to spoil."""
    folder = tmp_path / 'weights'
    shutil.copytree(WEIGHTS_FOLDER, folder)
    monkeypatch.setattr(model_file, 'WEIGHTS_FOLDER', folder)
    return folder


@pytest.mark.parametrize('network', shipped_networks())
def test_shipped_weights_have_the_digest_beside_them(network):
    path, content = read_model(network)
    assert path == WEIGHTS_FOLDER / f'{network}.onnx'
    record = json.loads(path.with_suffix('.json').read_text())
    assert record['sha256'] == hashlib.sha256(content).hexdigest()
    assert record['file']['network'] == network


def test_a_copy_is_taken(weights):
    assert read_model('nano_b')[0] == weights / 'nano_b.onnx'


@pytest.mark.parametrize('kept', [0, 1, 1000, -1])
def test_a_shipped_file_cut_short_is_refused(weights, kept):
    path = weights / 'nano_b.onnx'
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        ModelError, match=r'nano_b\.onnx \(\d+ bytes\): its SHA-256 is .* cut short'
    ):
        Pipeline.open(network='nano_b')


def test_a_shipped_file_with_any_bit_turned_is_refused(weights):
    path = weights / 'nano_b.onnx'
    whole = path.read_bytes()
    for bit in np.random.default_rng(2).integers(0, len(whole) * 8, 100):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match='SHA-256'):
            read_model('nano_b')
    path.write_bytes(whole)
    assert Classifier('nano_b').name == 'nano_b'


def test_swapped_networks_are_refused(weights):
    shutil.copy(weights / 'nano_a.onnx', weights / 'nano_b.onnx')
    with pytest.raises(ModelError, match=r'as nano_b\.json says'):
        Classifier('nano_b')
    assert Classifier(str(weights / 'nano_b.onnx')).name == 'nano_a'  # as a file of one's own


@pytest.mark.parametrize('record', [None, '', '{', '[]', '{"file": {}}', '{"sha256": null}'])
def test_without_its_digest_a_shipped_file_is_refused(weights, record):
    (weights / 'nano_b.json').unlink()
    if record is not None:
        (weights / 'nano_b.json').write_text(record)
    with pytest.raises(ModelError, match=r'nano_b\.json'):
        Classifier('nano_b')


# Loads each file, asks it, and says what came of it; in a process of its own, as a runtime that
# crashes takes its process with it.
TRY = """
import sys
import numpy as np
from emotionnet_ros.inference.classifier import Classifier, ModelError
crops = np.random.default_rng(1).integers(0, 256, (4, 48, 48), np.uint8)
for path in sys.argv[1:]:
    try:
        answer = Classifier(path).classify(crops)
    except ModelError as error:
        print('refused', str(error)[:300].replace(chr(10), ' '))
        continue
    assert np.isfinite(answer).all()
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-3)
    print('answered')
"""


def outcomes(paths, package_environment):
    answer = subprocess.run(
        [sys.executable, '-c', TRY, *map(str, paths)],
        capture_output=True, text=True, timeout=240,
        env=package_environment,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr[-2000:]
    # ONNX Runtime before 1.24 prints lines of its own.
    lines = [s for s in answer.stdout.splitlines() if s.startswith(('refused', 'answered'))]
    assert len(lines) == len(paths)
    return lines


def test_a_file_of_ones_own_with_a_bit_turned_is_refused_or_answers_properly(
    tmp_path, package_environment
):
    """Half of the bits anywhere, nearly all of them weights; half in the graph before these."""
    whole = find_model('nano_b').read_bytes()
    rng = np.random.default_rng(3)
    end_of_graph = whole.index(b'Softmax')
    assert end_of_graph < len(whole) / 20
    bits = [*rng.integers(0, len(whole) * 8, 50), *rng.integers(0, end_of_graph * 8, 50)]
    paths = []
    for number, bit in enumerate(bits):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << int(bit % 8)
        paths.append(tmp_path / f'{number}.onnx')
        paths[-1].write_bytes(damaged)
    lines = outcomes(paths, package_environment)
    print(f'{lines.count("answered")} of {len(lines)} answered')
    assert 'answered' in lines
    refusals = [line for line in lines if line.startswith('refused Model file')]
    assert refusals
    assert len(refusals) + lines.count('answered') == len(lines)


def test_files_of_ones_own_cut_short_are_refused(tmp_path, package_environment):
    whole = find_model('nano_b').read_bytes()
    paths = [tmp_path / f'{share}.onnx' for share in range(1, 20)]
    for share, path in enumerate(paths, 1):
        path.write_bytes(whole[: len(whole) * share // 20])
    assert all(
        line.startswith('refused Model file') for line in outcomes(paths, package_environment)
    )


@pytest.mark.parametrize('location', ['weights.bin', '{folder}/weights.bin', '../weights.bin'])
def test_weights_in_other_files_are_refused(make_network, tmp_path, monkeypatch, location):
    """ONNX Runtime 1.20 reads all three, 1.28 the first."""
    here = tmp_path / 'here'
    here.mkdir()
    model = onnx.load(make_network())
    onnx.save(
        model, here / 'net.onnx', save_as_external_data=True, location='weights.bin',
        size_threshold=0,
    )  # fmt: skip
    shutil.copy(here / 'weights.bin', tmp_path / 'weights.bin')
    (entry,) = (e for e in model.graph.initializer[0].external_data if e.key == 'location')
    entry.value = location.format(folder=here)
    path = here / 'net.onnx'
    path.write_bytes(model.SerializeToString())
    monkeypatch.chdir(here)
    with pytest.raises(ModelError, match=r'net\.onnx: it keeps weights in other files'):
        Classifier(str(path))


@pytest.mark.parametrize('length', [b'\x08', b'\x88\x00', b'\x88\x80\x00'])
def test_weights_in_other_files_are_refused_however_that_is_written(tmp_path, length):
    entry = b'\x0a' + length + b'location\x12\x0b/etc/passwd'
    path = tmp_path / 'net.onnx'
    path.write_bytes(find_model('nano_b').read_bytes() + entry)
    assert onnx.StringStringEntryProto.FromString(entry).key == 'location'
    with pytest.raises(ModelError, match='weights in other files'):
        Classifier(str(path))


def test_a_file_that_is_too_large_is_not_read(make_network, monkeypatch):
    path = make_network()
    monkeypatch.setattr(model_file, 'MAX_MODEL_BYTES', 1000)
    with pytest.raises(ModelError, match=r'linear\.onnx: \d+ bytes, more than the 1000'):
        read_model(str(path))


@pytest.mark.parametrize('path', ['x' * 5000, '~no_such_user/net.onnx', '/dev/zero', '/', '\0'])
def test_paths_that_lead_nowhere_are_refused(path):
    with pytest.raises(ModelError, match='Network'):
        read_model(path)


def test_another_format_is_refused(tmp_path):
    """ONNX Runtime has a format of its own, recognised by its content."""
    path = tmp_path / 'net.onnx'
    path.write_bytes(b'\x18\0\0\0ORTM' + bytes(1000))
    with pytest.raises(ModelError, match='cannot load it'):
        Classifier(str(path))


def test_an_answer_that_is_no_number_is_refused(make_network):
    """A weight so large that it overflows, where the trial pictures are black."""
    path = make_network()
    model = onnx.load(path)
    (values,) = (numpy_helper.to_array(i).copy() for i in model.graph.initializer)
    values[48, :2] = 3e38
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, 'weights'))
    onnx.save(model, path)
    classifier = Classifier(str(path))
    crops = np.zeros((3, 48, 48), np.uint8)
    crops[1] = 200
    with pytest.raises(ModelError, match='what is no number for 1 of 3 faces'):
        classifier.classify(crops)
    assert np.isfinite(classifier.classify(np.zeros((1, 48, 48), np.uint8))).all()
