# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""boards.py FOLDER: writes what boards show in /proc and /sys, each beside links to one root.

The emulator looks for each absolute path in such a folder first. Rails and figures are those of
an idle board.
"""

import sys
from pathlib import Path

ROOT = Path('../../root')  # seen from a board's folder
INA_OLD = 'sys/bus/i2c/drivers/ina3221x'
INA_NEW = 'sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon2'


def processors(count, online, implementer, part, features):
    """What the kernel says of cores, of which the first ones are online."""
    cpu = 'sys/devices/system/cpu'
    core = (
        'processor\t: {0}\nBogoMIPS\t: 108.00\nFeatures\t: ' + features + '\n'
        f'CPU implementer\t: {implementer}\nCPU architecture: 8\nCPU variant\t: 0x1\n'
        f'CPU part\t: {part}\nCPU revision\t: 1\n\n'
    )
    return {
        'proc/cpuinfo': ''.join(map(core.format, range(online))),
        f'{cpu}/possible': f'0-{count - 1}\n',
        f'{cpu}/present': f'0-{count - 1}\n',
        f'{cpu}/online': f'0-{online - 1}\n',
        f'{cpu}/kernel_max': '255\n',
        f'{cpu}/offline': f'{online}-{count - 1}\n' if online < count else '\n',
    }


def ina3221x(address, device, rails):
    """Rails of the driver of JetPack 4, in milliwatts."""
    folder = f'{INA_OLD}/{address}/iio:device{device}'
    return {
        f'{folder}/{name.format(channel)}': f'{value}\n'
        for channel, (rail, milliwatts) in enumerate(rails)
        for name, value in (('rail_name_{}', rail), ('in_power{}_input', milliwatts))
    }


def ina3221(rails):
    """Rails of the kernel's own driver, JetPack 5 and later, in volts and milliamperes."""
    files = {f'{INA_NEW}/name': 'ina3221\n'}
    for channel, (rail, millivolts, milliamperes) in enumerate(rails, 1):
        files[f'{INA_NEW}/in{channel}_label'] = f'{rail}\n'
        files[f'{INA_NEW}/in{channel}_enable'] = '1\n'
        files[f'{INA_NEW}/in{channel}_input'] = f'{millivolts}\n'
        files[f'{INA_NEW}/curr{channel}_input'] = f'{milliamperes}\n'
    return files


V8_0 = 'fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid'
V8_2 = 'fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop'
FILES = {
    'raspberry_pi_4': processors(4, 4, '0x41', '0xd08', V8_0),
    'raspberry_pi_5': {
        **processors(4, 4, '0x41', '0xd0b', f'{V8_2} asimddp'),
        'sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
        'sys/class/hwmon/hwmon1/in0_lcrit_alarm': '1\n',
    },
    # nvpmodel's mode of 15 W takes half of the cores away.
    'agx_xavier_15w': {
        **processors(8, 4, '0x4e', '0x004', V8_2),
        **ina3221x('1-0040', 0, [('GPU', 1155), ('CPU', 385), ('SOC', 2504)]),
        **ina3221x('1-0041', 1, [('CV', 0), ('VDDRQ', 192), ('SYS5V', 2692)]),
    },
    'orin_nx_10w': {
        **processors(8, 4, '0x41', '0xd42', f'{V8_2} asimddp'),
        **ina3221([('VDD_IN', 4992, 1000), ('VDD_CPU_GPU_CV', 4992, 164), ('VDD_SOC', 4992, 296)]),
    },
    # A board with any INA226, and no driver of its own.
    'ina226': {
        **processors(8, 8, '0x41', '0xd05', f'{V8_2} asimddp'),
        'sys/class/hwmon/hwmon0/name': 'ina226\n',
        'sys/class/hwmon/hwmon0/power1_input': '3250000\n',
    },
}


def main(folder):
    """Write them; what is already there is kept."""
    for board, files in FILES.items():
        for path, text in files.items():
            file = folder / board / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for name in ('etc', 'lib', 'usr'):
            (folder / board / name).symlink_to(ROOT / name)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
