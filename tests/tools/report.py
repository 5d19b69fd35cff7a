# SPDX-License-Identifier: MIT
"""What `fondue check` reports of a program, and what nm and readelf say of it."""
import json

from tap import test
from workshop import run


class Report:
    """One run of `fondue check --json`, and the text that goes with it."""

    def __init__(self, shop, path, **options):
        self.ran = shop.fondue("check", "--json", path, **options)
        self.text = shop.fondue("check", path, **options)
        self.status = self.ran.returncode
        self.document = json.loads(self.ran.stdout) if self.ran.stdout else None
        self.objects = self.document["objects"] if self.document else []

    def object(self, name=""):
        """The first whose path ends so."""
        return next(each for each in self.objects if each["path"].endswith(name))

    def problems(self, severity="problem"):
        return [each for some in self.objects for each in some["problems"]
                if each["severity"] == severity]

    def codes(self, severity="problem"):
        return [each["code"] for each in self.problems(severity)]

    def __str__(self):
        return (f"status {self.status}, text {self.text.returncode}\n{self.ran.stderr}"
                f"{self.text.stdout}{json.dumps(self.problems())}")


def refused(name, report, code, *words, status=1):
    """Exactly this problem, with all words in its cause, and told in the text, too."""
    found = report.problems()
    test(f"{name}: {code}", report.status == report.text.returncode == status
         and [each["code"] for each in found] == [code]
         and all(word in found[0]["cause"] for word in words)
         and report.document["status"] == "private"
         and found[0]["cause"] in report.text.stdout and found[0]["cure"] in report.text.stdout,
         report)
    return found[0] if found else {}


def symbols(path):
    """nm's view: name -> (address, size)."""
    lines = run(["nm", "-S", path]).stdout.splitlines()
    words = [line.split() for line in lines]
    return {w[3]: (int(w[0], 16), int(w[1], 16)) for w in words if len(w) == 4}


def sections(path):
    """readelf's view: name -> (address, size)."""
    found = {}
    for line in run(["readelf", "-SW", path]).stdout.splitlines():
        words = line.split("]", 1)[-1].split()
        if line.lstrip().startswith("[") and len(words) > 5 and words[1].isupper():
            found[words[0]] = (int(words[2], 16), int(words[4], 16))
    return found


def library_and_user(shop, user, *options):
    shop.library_of("libhits.so", "#include <fondue/shared.h>\nFONDUE_SHARED int hits;\n"
                    "int *get(void) { return &hits; }\n")
    return shop.program("user", user, "-L.", "-lhits", "-Wl,-rpath,$ORIGIN", *options)
