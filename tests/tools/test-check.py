#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fondue check: what it lists, against nm and readelf, and what it says of odd files.

    test-check.py --fondue EXE --library SO --archive A --include DIR [--rounds=N]
"""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import skip, test  # noqa: E402
import hostile  # noqa: E402
from report import Report, library_and_user, refused, sections, symbols  # noqa: E402
from workshop import ANNOTATED, COUNT, PLAIN, RICH, check, main, needs  # noqa: E402

PAGE = os.sysconf("SC_PAGESIZE")


@check
def fields(shop):
    """Every field of the document, with both compilers, PIE and not."""
    for cc in "gcc", "clang":
        for options in ["-O0"], ["-O2", "-no-pie"]:
            name = f"{cc} {' '.join(options)}"
            if not shutil.which(cc):
                skip(name, cc + " is not installed")
                continue
            path = shop.program("rich", RICH, *options, cc=cc)
            compare(name, Report(shop, path), path)


def compare(name, report, path):
    nm, readelf = symbols(path), sections(path)
    mine = report.object("rich")
    listed = {each["name"]: each for each in mine["variables"]}
    expected = {"hits", "local", "triple", "table", "calls"}
    test(f"{name}: exit status 0, nothing said", report.status == 0
         and report.text.returncode == 0 and not report.ran.stderr and not report.problems(),
         report)
    test(f"{name}: the annotated variables, and no other", set(listed) == expected, listed)
    test(f"{name}: address and size are nm's",
         all((each["address"], each["size"]) == nm.get(each["symbol"])
             for each in mine["variables"]), (listed, nm))
    test(f"{name}: in the order of their addresses", mine["variables"] == sorted(
        mine["variables"], key=lambda each: each["address"]))
    source = RICH.splitlines()
    test(f"{name}: file and line are those of the definition",
         all(str(each["file"]).endswith("rich.c") and each["name"] in source[(each["line"] or 1) - 1]
             and "FONDUE_SHARED" in source[(each["line"] or 1) - 1]
             for each in mine["variables"]), listed)
    test(f"{name}: a static of a function has its plain name and its function",
         listed["calls"]["function"] == "count" and listed["calls"]["symbol"] != "calls"
         and listed["hits"]["function"] is None, listed["calls"])
    test(f"{name}: section of each",
         {each["name"]: each["section"] for each in mine["variables"]}
         == {each: "shared_zero" if each == "table" else "shared" for each in expected})
    test(f"{name}: sections are readelf's, with pages and sums",
         {each["name"]: (each["address"], each["size"]) for each in mine["sections"]}
         == {each: readelf[each] for each in ("shared", "shared_zero")}
         and all(each["pages"] * PAGE == each["size"] for each in mine["sections"])
         and {each["name"]: (each["variables"], each["bytes"]) for each in mine["sections"]}
         == {"shared": (4, sum(listed[n]["size"] for n in expected if n != "table")),
             "shared_zero": (1, 100000)}, mine["sections"])
    test(f"{name}: the rest of the object", mine["path"] == path
         and mine["status"] == "shared" and mine["annotated"] is True
         and mine["page_size"] == PAGE and mine["page_size_max"] >= PAGE
         and "64-bit" in mine["machine"] and report.document["program"] == path
         and report.document["status"] == "shared"
         and report.document["fondue"].count(".") == 2, mine)
    test(f"{name}: its libraries, without annotations",
         any("libc.so" in each["path"] and each["status"] == "none"
             and not each["annotated"] for each in report.objects[1:]), report.objects)
    test(f"{name}: the text has name, place and sums", all(
        word in report.text.stdout for word in
        ["will be shared", "calls (in count)", f"rich.c:{listed['hits']['line']}",
         f"0x{listed['table']['address']:x}", "100000 bytes", f"pages of {PAGE}"]), report)


@check
def namespaces(shop):
    needs("g++")
    shop.write("ns.cc", "#include <fondue/shared.h>\nnamespace outer { namespace inner {\n"
               "FONDUE_SHARED int hits;\n} }\nint main() { return outer::inner::hits; }\n")
    shop.make("g++", "-g", "-I" + shop.args.include, "ns.cc", "-o", "ns")
    mine = Report(shop, shop.path("ns")).object("ns")["variables"]
    test("C++: the name is that of the source", [each["name"] for each in mine]
         == ["outer::inner::hits"] and mine[0]["symbol"].startswith("_ZN"), mine)


@check
def stripped_programs(shop):
    path = shop.program("rich", RICH)
    full = Report(shop, path).object("rich")["variables"]
    shop.make("objcopy", "--only-keep-debug", "rich", "rich.debug")
    shop.make("strip", "-o", "bare", "rich")
    report = Report(shop, "./bare")
    test("stripped: shared all the same; a note says what is not named",
         report.status == 0 and report.codes("note") == ["stripped"]
         and report.object("bare")["variables"] == [], report)
    shop.make("objcopy", "--add-gnu-debuglink=rich.debug", "bare")
    report = Report(shop, "./bare")
    test("with its debug file beside it: everything is named again",
         report.object("bare")["variables"] == full and not report.codes("note"), report)
    with open(shop.path("bare"), "r+b") as file:
        file.seek(40)
        file.write(bytes(8))  # e_shoff
        file.seek(60)
        file.write(bytes(4))  # e_shnum, e_shstrndx
    report = Report(shop, "./bare")
    test("without a section table: proved, and a note says that this is all",
         report.status == 0 and report.codes("note") == ["no-section-table"]
         and [each["name"] for each in report.object("bare")["sections"]]
         == ["shared", "shared_zero"], report)
    shop.library_of("libhits.so", ANNOTATED + "FONDUE_SHARED static int local;\n"
                    "int *get(void) { return &local; }\n")
    shop.make("strip", "libhits.so")
    report = Report(shop, "./libhits.so")
    test("a stripped library: what is exported is named",
         [each["name"] for each in report.object("libhits.so")["variables"]] == ["hits"]
         and report.codes("note") == ["stripped"] and report.status == 0, report)


@check
def nothing_annotated(shop):
    report = Report(shop, shop.program("plain", PLAIN))
    for ran in report.ran, report.text:
        test("nothing annotated: said in one line, status 1", ran.returncode == 1
             and ran.stderr.count("\n") == 1 and "nothing is annotated" in ran.stderr, report)
    test("nothing annotated: so says the document", report.document["status"] == "none"
         and not report.problems(), report)
    path = shop.program("empty", "#include <fondue/shared.h>\nint main(void) { return 0; }\n")
    report = Report(shop, path)
    test("the header alone annotates nothing", report.status == 1
         and report.document["status"] == "none" and report.object("empty")["annotated"], report)


@check
def libraries(shop):
    path = library_and_user(shop, "int *get(void);\nint main(void) { return *get(); }\n")
    report = Report(shop, path)
    test("annotated in a library only", report.status == 0
         and report.object("user")["status"] == "none"
         and [each["name"] for each in report.object("libhits.so")["variables"]] == ["hits"],
         report)
    os.rename(shop.path("libhits.so"), shop.path("hidden.so"))
    problem = refused("a library that is not found", Report(shop, path), "library-not-found",
                      "libhits.so")
    test("it is no more than that", "LD_LIBRARY_PATH" in problem.get("cure", ""))
    shop.write("ld-linux.so.2", "#!/bin/sh\ntouch ran-the-loader\n", 0o755)
    path = shop.program("odd", COUNT, "-Wl,--dynamic-linker=" + shop.path("ld-linux.so.2"))
    report = Report(shop, path)
    test("a loader that is none of the system's is not run", report.status == 0
         and report.codes("note") == ["libraries-unknown"]
         and not os.path.exists(shop.path("ran-the-loader")), report)


@check
def not_examined(shop):
    shop.write("text", "text\n", 0o755)
    shop.write("script", "#!/bin/sh\n", 0o755)
    shop.write("object.c", ANNOTATED)
    shop.make("gcc", "-c", "-I" + shop.args.include, "object.c")
    os.mkfifo(shop.path("fifo"))
    for path, said in [("./nonexistent", "No such file"), ("nonexistent", "not found along PATH"),
                       ("./text", "not an ELF file"), ("./script", "check /bin/sh"),
                       ("./object.o", "not linked"), ("./fifo", "not a regular file"),
                       (shop.directory, "directory"), ("/dev/zero", "not a regular file")]:
        ran = shop.fondue("check", path)
        test(f"not examined: {os.path.basename(path)}: one line, status 1",
             ran.returncode == 1 and not ran.stdout and ran.stderr.count("\n") == 1
             and said in ran.stderr, ran.stderr)
    for words in [], ["a", "b"], ["--frob", "a"]:
        ran = shop.fondue("check", *words)
        test(f"wrong use: status 2 and one line: {words}", ran.returncode == 2
             and ran.stderr.count("\n") == 1, ran.stderr)
    path = shop.program("count", COUNT)
    ran = shop.fondue("check", "count", environment={"PATH": shop.directory})
    test("a name is looked for along PATH", ran.returncode == 0 and path in ran.stdout, ran)
    with open("/dev/full", "w") as full:
        ran = shop.fondue("check", path, stdout=full)
        test("output that cannot be written is an error", ran.returncode == 1
             and "standard output" in ran.stderr, ran.stderr)


@check
def hostile_names(shop):
    shop.write("names.c", ANNOTATED + "int main(void) { return 0; }\n")
    shop.make("gcc", "-c", "-I" + shop.args.include, "names.c")
    strange = b'h"\\\n\x1b[31m\xff\xc3\xa9\xed\xa0\x80\xf0\x9f\xab\x95'
    subprocess.run([b"objcopy", b"--redefine-sym", b"hits=" + strange, b"names.o"],
                   cwd=shop.directory, check=True)
    shop.make("gcc", "names.o", "-o", "names\n\x1b[1m")
    command = [shop.args.fondue, "check"]
    path = shop.path("names\n\x1b[1m")
    out = subprocess.run([*command, "--json", path], stdout=subprocess.PIPE).stdout
    document = json.loads(out.decode("utf-8"))
    name = document["objects"][0]["variables"][0]["name"]
    test("a name of any bytes is valid JSON in UTF-8; U+FFFD stands for what is not",
         name == 'h"\\\n\x1b[31m\ufffd\u00e9\ufffd\ufffd\ufffd\U0001fad5', ascii(name))
    test("so is a path", document["program"] == path, document["program"])
    ran = subprocess.run([*command, path], stdout=subprocess.PIPE)
    test("the text has no control characters", b"\x1b" not in ran.stdout
         and b"h\"\\??[31m\xff\xc3\xa9" in ran.stdout, ran.stdout)


@check
def damaged_files(shop):
    for name, path in [("program", shop.program("rich", RICH)),
                       ("library", shop.library_of("librich.so", RICH))]:
        seen, wrong = hostile.campaign(shop.args.fondue, path, shop.args.rounds, seed=20130527)
        test(f"a damaged {name} neither crashes the command nor makes it hang, "
             f"in {shop.args.rounds} ways", not wrong, wrong)
        test("of which some were refused and some were not", seen[0] and seen[1], seen)
    size = os.path.getsize(path)
    wrong = []
    for cut in range(0, size, max(1, size // shop.args.rounds)):
        shutil.copy(path, shop.path("cut"))
        os.truncate(shop.path("cut"), cut)
        result = hostile.check(shop.args.fondue, shop.path("cut"))
        if result not in (0, 1):
            wrong.append((cut, result))
    test("cut off anywhere, too", not wrong, wrong)


sys.exit(main(__doc__))
