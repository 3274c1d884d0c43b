# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Model files: found by name or path, read whole, and refused unless they are what they claim."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

WEIGHTS_FOLDER = Path(__file__).parent.parent / 'weights'
# Networks for 48x48 pixels are far smaller; whatever is larger is something else.
MAX_MODEL_BYTES = 128 * 2**20

# How a tensor says that its values lie in another file: the key of an entry of external_data
# (onnx.proto), a protobuf string: its length, perhaps written longer than need be, then itself.
# ONNX Runtime before 1.24 reads any file that is named there.
_EXTERNAL_DATA = re.compile(rb'(?:\x08|\x88\x80*\x00)location')


class ModelError(RuntimeError):
    """A model file cannot be used: which file, what is wrong with it, what to do."""


def shipped_networks() -> list[str]:
    """Names of the networks whose weights come with the package, e.g. ``nano_b``."""
    return sorted(path.stem for path in WEIGHTS_FOLDER.glob('*.onnx'))


def find_model(network: str) -> Path:
    """Resolve the name of a shipped network, or a path, to a model file.

    Raises
    ------
    ModelError
        There is no such network and no such file.
    """
    if network in shipped_networks():
        return WEIGHTS_FOLDER / f'{network}.onnx'
    try:
        path = Path(network).expanduser()
        if path.is_file():
            return path
    except (OSError, RuntimeError) as error:  # no such user, no permission, too long a name
        raise ModelError(f'Network {network!r}: {error}. Correct the path.') from error
    raise ModelError(
        f'Network {network!r}: neither a file nor a network of this package. '
        f'Name one of {", ".join(shipped_networks())}, or the path of an ONNX file.'
    )


def read_model(network: str) -> tuple[Path, bytes]:
    """Read the model file of a network, by name or path.

    The file of a shipped network must have the SHA-256 that stands in the ``.json`` beside it,
    which the export command writes. A file of one's own is taken as it is, but it must hold all
    its weights, so that loading it reads no other file.

    Returns
    -------
    path, content
        Which file, and all of it: what is checked is what is loaded.

    Raises
    ------
    ModelError
        There is no such file, it cannot be read, or it is refused: the reason.
    """
    path = find_model(network)
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise ModelError(
                f'Model file {path}: {size} bytes, more than the {MAX_MODEL_BYTES} that an '
                'expression network may have. Name another file.'
            )
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f'Model file {path}: cannot be read ({error.strerror}). Correct the path or the '
            'permissions.'
        ) from error
    if path == WEIGHTS_FOLDER / f'{network}.onnx':
        _check_digest(path, content)
    if _EXTERNAL_DATA.search(content):
        raise ModelError(
            f'Model file {path}: it keeps weights in other files, which are not read, or has '
            "something named 'location'. Save it as one file (onnx.save without external data)."
        )
    return path, content


def _check_digest(path: Path, content: bytes) -> None:
    record = path.with_suffix('.json')
    try:
        expected = json.loads(record.read_text(encoding='utf-8'))['sha256']
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f'Model file {path}: {record} beside it, which has its SHA-256, is missing or damaged '
            f'({type(error).__name__}: {error}). Install the package again.'
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ModelError(
            f'Model file {path} ({len(content)} bytes): its SHA-256 is {found}, not {expected} as '
            f'{record.name} says: it is cut short, damaged or another network. Install the '
            'package again, or give the path of a network of your own.'
        )
