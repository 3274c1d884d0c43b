# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write a weight file anew without training: in the present form, or padded with zeros.

``python -m emotionnet_ros.networks.rewrite nano_b.onnx padded.onnx --multiple 4 --from-width 16``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from emotionnet_ros.networks.onnx_file import Padding, WeightFileError, rewrite_weight_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 1 when the file cannot be read or written."""
    parser = argparse.ArgumentParser(
        prog='rewrite', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, help='a weight file of this project')
    parser.add_argument('target', type=Path, help='the file to write; may be the same')
    for name, text in (
        ('--multiple', 'add channels of zeros up to multiples of N'),
        ('--from-width', 'but not to layers of fewer channels than N'),
        ('--minimum', 'and give every layer at least N channels'),
    ):
        parser.add_argument(name, type=int, default=1, metavar='N', help=text)
    options = parser.parse_args(arguments)
    try:
        padding = Padding(options.multiple, options.from_width, options.minimum)
    except ValueError as error:
        parser.error(str(error))
    try:
        rewrite_weight_file(options.source, options.target, padding)
    except (WeightFileError, OSError) as error:
        print(f'rewrite: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
