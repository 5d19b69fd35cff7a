# SPDX-License-Identifier: MIT
"""From the sources in subject/ to programs: each object is compiled once and linked often."""
import os
import shutil
import threading

from toolchain import Probes, run

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = ("initialised", "zero", "quiet", "mixed", "plain")

# Compile and link options that make each kind of file.
KINDS = {
    "PIE": ("-fPIE", "-pie"),
    "no-PIE": ("-fno-pie", "-no-pie"),
    "library": ("-fPIC", "-shared"),
    "PIC": ("-fPIC", "-pie"),
    "static": ("-fno-pie", "-static"),
    "static PIE": ("-fPIE", "-static-pie"),
}
LINKER_PROGRAM = {"bfd": "ld.bfd", "gold": "ld.gold", "lld": "ld.lld", "mold": "mold"}


class BuildError(Exception):
    """A compiler or linker failed that had passed its probe."""


class Workshop:
    """The directory of one run of the matrix: objects, runtimes, probes."""

    def __init__(self, directory, include, runtimes):
        self.directory, self.include = directory, include
        self.runtimes = runtimes  # machine -> {"library": path, "archive": path}
        self.probes = Probes(self.subdirectory("probes"))
        self._objects = {}
        self._lock = threading.Lock()

    def subdirectory(self, name):
        path = os.path.join(self.directory, name)
        os.makedirs(path, exist_ok=True)
        return path

    def linker_flags(self, driver, linker):
        """By name, or for a compiler that does not know it, as `ld` in a directory."""
        if not linker:
            return ()
        named = "-fuse-ld=" + linker
        if self.probes.why_not(driver, (), (named,)) is None:
            return (named,)
        directory = self.subdirectory("linkers/" + linker)
        with self._lock:
            if not os.path.exists(directory + "/ld"):
                os.symlink(shutil.which(LINKER_PROGRAM[linker]), directory + "/ld")
        return ("-B" + directory,)

    def must(self, *command):
        result = run(command)
        if result.status:
            raise BuildError(str(result))
        return result

    def compile(self, command, source, flags):
        """An object of subject/`source`, made by whichever case needs it first."""
        key = (command, source, tuple(flags))
        with self._lock:
            entry = self._objects.setdefault(key, {"lock": threading.Lock(), "result": None})
            number = list(self._objects).index(key)
        with entry["lock"]:
            if not entry["result"]:
                path = os.path.join(self.subdirectory(f"objects/{number}"), source + ".o")
                entry["path"] = path
                entry["result"] = run([
                    command, "-Wall", "-Wextra", "-I" + self.include, *flags, "-c",
                    os.path.join(HERE, "subject", source), "-o", path])
        return entry["result"], entry["path"]

    def object(self, command, source, flags):
        result, path = self.compile(command, source, flags)
        if result.status or result.err:
            raise BuildError(str(result))
        return path


def _without_language(flags):
    """-x would make the linker's objects sources too."""
    return tuple(f for f in flags if not f.startswith("-x"))


class Job:
    """The building of one case in a directory of its own."""

    def __init__(self, workshop, case, directory):
        self.workshop, self.case, self.directory = workshop, case, directory
        self.driver = case.driver

    def path(self, name):
        return os.path.join(self.directory, name)

    def compile_flags(self):
        return (KINDS[self.case.kind][0], *self.case.compile)

    def link_flags(self):
        """Everything but objects; with the compile options, which LTO compiles by."""
        return (*_without_language(self.compile_flags()), *self.linker_flags(),
                KINDS[self.case.kind][1], *self.case.link)

    def linker_flags(self):
        return self.workshop.linker_flags(self.driver, self.case.linker)

    def main_flags(self):
        """Of the program that uses a library: as plain as it can be."""
        return tuple(f for f in self.case.compile if f.startswith(("-m", "-std", "-x", "-fsan")))

    def objects(self, sources):
        return [self.workshop.object(self.driver, s, self.compile_flags()) for s in sources]

    def build(self):
        """The file to look into and the program to run; None when it is not to be run."""
        files = self.prepared(self.objects(self.sources()))
        output = self.path("libsubject.so" if self.case.kind == "library" else "subject")
        self.link(files, output)
        twin = output
        if self.case.strip:
            twin = output + ".unstripped"
            shutil.copy(output, twin)
            strip = "aarch64-linux-gnu-strip" if self.case.machine == "aarch64" else "strip"
            self.workshop.must(strip, output)
        program = output
        if self.case.kind == "library":
            program = self.link_main() if self.case.main else None
        return twin, program

    def sources(self):
        main = [self.case.main] if self.case.main and self.case.kind != "library" else []
        parts = list(self.case.sources)
        if self.case.order == "backward":
            return main + parts[::-1]
        return parts + main

    def prepared(self, objects):
        """What is handed to the linker: objects, or one made of all, or an archive."""
        if self.case.route == "-r":
            whole = self.path("whole.o")
            self.workshop.must(LINKER_PROGRAM[self.case.linker], "-r", *objects, "-o", whole)
            return [whole]
        if self.case.route == "archive":
            archive = self.path("libparts.a")
            inside = [o for o in objects if not o.endswith("/" + self.case.main + ".o")]
            self.workshop.must("ar", "rcs", archive, *inside)
            return [o for o in objects if o not in inside] + [archive]
        return objects

    def link(self, files, output):
        runtime = self.workshop.runtimes.get(self.case.machine, {})
        extra = []
        if self.case.runtime == "archive":
            extra = ["-Wl,-u,fondue_runtime", runtime["archive"]]
        elif self.case.runtime == "linked":
            folder = os.path.dirname(runtime["library"])
            extra = ["-Wl,--no-as-needed", "-L" + folder, "-Wl,-rpath," + folder, "-lfondue"]
        result = self.workshop.must(self.driver, *self.link_flags(), *files, *extra,
                                    "-o", output)
        if result.err:
            raise BuildError(str(result))

    def link_main(self):
        """The program that uses the library."""
        kind = self.case.main_kind
        flags = (KINDS[kind][0], *self.main_flags())
        program = self.path("subject")
        result = self.workshop.must(
            self.driver, *_without_language(flags), *self.linker_flags(), KINDS[kind][1],
            self.workshop.object(self.driver, self.case.main, flags), "-L" + self.directory,
            "-Wl,-rpath," + self.directory, "-lsubject", "-o", program)
        if result.err:
            raise BuildError(str(result))
        return program
