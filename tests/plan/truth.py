# SPDX-License-Identifier: MIT
"""Which references an object file has to a variable: from its relocations, before linking.

Compiled with -fdata-sections and -ffunction-sections every variable and every function has
a section of its own, so a relocation of the object file names the one and lies in the
other, whatever the compiler has added to the address. Nothing else knows that: after
linking it is gone.
"""
import re
import subprocess


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def sections(path):
    """Index -> name."""
    found = {}
    for line in run("readelf", "-SW", path).splitlines():
        match = re.match(r"\s*\[\s*(\d+)\] (\S+)", line)
        if match:
            found[int(match[1])] = match[2]
    return found


def symbols(path):
    """List of (name, value, size, type, section index or name)."""
    found = []
    for line in run("readelf", "-sW", path).splitlines():
        words = line.split()
        if len(words) >= 7 and words[0].rstrip(":").isdigit():
            name = words[7] if len(words) > 7 else ""
            found.append((name.split("@")[0], int(words[1], 16), int(words[2], 0), words[3], words[6]))
    return found


def variable_of_section(object_path):
    """The one variable of each data section."""
    names = sections(object_path)
    found = {}
    for name, _, size, kind, index in symbols(object_path):
        if kind == "OBJECT" and index.isdigit() and size:
            found[names[int(index)]] = name
    return found


def function_of_section(object_path):
    names = sections(object_path)
    return {names[int(i)]: (name, value) for name, value, _, kind, i in symbols(object_path)
            if kind == "FUNC" and i.isdigit()}


# How an instruction refers to data: where it lies from there, or, linked to a fixed place,
# as a number; of one of 64 bits the low half tells.
CODE = ("R_X86_64_PC32", "R_X86_64_32", "R_X86_64_32S", "R_X86_64_64")


def references(object_path, program_path):
    """{address in the program of a four-byte field in code: name of the variable}."""
    variables, functions = variable_of_section(object_path), function_of_section(object_path)
    names = {name for name in variables.values()}
    final = {name: value for name, value, _, kind, i in symbols(program_path) if kind == "FUNC"}
    found, section = {}, None
    for line in run("readelf", "-rW", object_path).splitlines():
        match = re.match(r"Relocation section '\.rela(\S+)'", line)
        if match:
            section = match[1]
            continue
        words = line.split()
        if section not in functions or len(words) < 5 or "R_X86_64_" not in line:
            continue
        if words[2] not in CODE:
            continue
        name = variables.get(words[4], words[4] if words[4] in names else None)
        function, value = functions[section]
        if name and function in final:
            found[final[function] + int(words[0], 16) - value] = name
    return found


def extents(object_path, program_path):
    """Where in the program the functions of the object file are."""
    names = {name for name, _ in function_of_section(object_path).values()}
    return [(value, value + size) for name, value, size, kind, i in symbols(program_path)
            if kind == "FUNC" and name in names and i.isdigit()]
