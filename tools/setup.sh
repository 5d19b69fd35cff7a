# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# setup.sh - sourced by tools/demo and tools/test: what a fresh machine lacks, and builds
#
# Each requirement is a probe and the Debian package that satisfies it. What is missing is
# installed through apt-get, with sudo when not root; where there is no apt-get it is
# named, which is an error for the required and a remark for the optional.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Probes: cmd:NAME a command, lib:NAME a pkg-config module, file:GLOB a file.
is_there() {
	case $1 in
	cmd:*) command -v "${1#cmd:}" >/dev/null ;;
	lib:*) pkg-config --exists "${1#lib:}" 2>/dev/null ;;
	file:*) compgen -G "${1#file:}" >/dev/null ;;
	esac
}

# missing PROBE=PACKAGE...: prints those whose probe fails
missing() {
	local each
	for each; do
		is_there "${each%%=*}" || printf '%s\n' "$each"
	done
}

install_missing() { # required|optional PROBE=PACKAGE...
	local kind=$1 lacking packages
	shift
	lacking=$(missing "$@")
	[ -n "$lacking" ] || return 0
	packages=$(printf '%s\n' "$lacking" | sed 's/.*=//' | sort -u | tr '\n' ' ')
	if command -v apt-get >/dev/null; then
		say "installing: $packages"
		# shellcheck disable=SC2086 # one word each
		{
			as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
			as_root env DEBIAN_FRONTEND=noninteractive \
				apt-get install -y -qq --no-install-recommends $packages
		} >/dev/null || say "apt-get failed; going on with what there is"
		lacking=$(missing "$@")
		[ -n "$lacking" ] || return 0
	fi
	say "missing ($kind): $(printf '%s\n' "$lacking" |
		sed 's/^[a-z]*:\(.*\)=\(.*\)/\1 (Debian: \2)/' | paste -sd, | sed 's/,/, /g')"
	[ "$kind" = optional ]
}

needs_build() {
	install_missing required \
		cmd:cc=gcc file:/usr/include/stdio.h=libc6-dev cmd:meson=meson cmd:ninja=ninja-build \
		cmd:pkg-config=pkg-config cmd:python3=python3 \
		lib:libdw=libdw-dev lib:libelf=libelf-dev lib:jansson=libjansson-dev || return
	# the header that unwinding is built with, and the library that it is of
	install_missing optional lib:libunwind-generic=libunwind-dev
	# with which `fondue plan` decodes instructions
	install_missing optional file:/usr/include/Zydis/Zydis.h=libzydis-dev
}

needs_test() {
	install_missing required cmd:gcc=gcc cmd:g++=g++ cmd:strace=strace cmd:objdump=binutils
	install_missing optional \
		cmd:clang=clang cmd:ld.lld=lld cmd:mold=mold \
		file:/usr/include/ck_spinlock.h=libck-dev cmd:spin=spin \
		'file:/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*=libclang-rt-14-dev' \
		cmd:musl-gcc=musl-tools cmd:qemu-aarch64=qemu-user \
		cmd:aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu \
		file:/usr/aarch64-linux-gnu/lib/libc.so.6=libc6-dev-arm64-cross
}

# configure DIR [COMPILER [MESON ARG...]]: sets a build directory up once
configure() {
	local dir=$top/$1 compiler=${2:-}
	shift; [ $# -eq 0 ] || shift
	[ -f "$dir/build.ninja" ] && return 0
	say "configuring $(basename "$dir")"
	env ${compiler:+CC="$compiler"} meson setup "$@" "$dir" "$top" >"$dir.log" 2>&1 ||
		{ cat "$dir.log" >&2; return 1; }
	mv "$dir.log" "$dir/setup.log"
}

build() { # DIR [TARGET...]
	local dir=$top/$1
	shift
	ninja -C "$dir" "$@" >"$dir/build.log" 2>&1 || { cat "$dir/build.log" >&2; return 1; }
}
