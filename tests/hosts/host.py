# SPDX-License-Identifier: MIT
"""Run a host program as a user does: as it is, or with the library preloaded."""
import os
import shlex


def command(argv, library=None):
    """Arguments and environment for `argv`, with `library` preloaded unless it is None.

    A program for another machine runs under meson's wrapper, which is qemu-user: the
    library is for the program then, not for qemu.
    """
    wrapper = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    if library and wrapper:
        wrapper += ["-E", f"LD_PRELOAD={library}"]
    elif library:
        environment["LD_PRELOAD"] = library
    return wrapper + list(argv), environment


def emulated():
    return bool(os.environ.get("MESON_EXE_WRAPPER"))
