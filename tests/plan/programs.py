# SPDX-License-Identifier: MIT
"""Random small programs whose globals are used in all the ways that compilers know.

    program = Program(random.Random(7), cxx=False)
    program.source, program.names

What a run prints depends on every variable; run with an argument, it computes in a child and
prints, one a line, what its parent has in each variable then. Neighbours are of all sizes, so that ends and
beginnings meet; arrays are walked by end pointers, upwards and downwards, with indices from
unknown starts, with bases that are displaced, through helpers, tables and libc.
"""

import re

TYPES = ["int", "long", "char", "short", "double", "unsigned"]

HEAD = r"""
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
%(include)s
extern %(c)s long opaque(long);
extern %(c)s void sink(void *, long);
#define NOINLINE __attribute__((noinline))
struct pair { int key; long value; };
struct trio { char tag; int a[3]; double d; };
"""

OPAQUE = r"""
#include <string.h>
static volatile long kept;
long opaque(long x) { kept = x; return kept; }
void sink(void *p, long n) { unsigned char *c = p; for (long i = 0; i < n; i++) c[i] = (c[i] + 1) & 0x3f; }
"""


class Array:
    def __init__(self, name, kind, count, static):
        self.name, self.kind, self.count, self.static = name, kind, count, static
        self.is_struct = kind.startswith("struct")


class Program:
    def __init__(self, random, cxx=False, risky=True):
        self.random, self.cxx, self.risky = random, cxx, risky
        self.names, self.arrays, self.scalars, self.lines, self.functions = [], [], [], [], []
        self.count = 0
        self.declare()
        for _ in range(random.randint(5, 14)):
            self.add_function()
        self.source = self.text()

    def pick(self, *choices):
        return self.random.choice(choices)

    def declare(self):
        for i in range(self.random.randint(6, 14)):
            static = self.pick("", "static ", "static ")
            if self.random.random() < 0.4:
                kind = self.pick(*TYPES)
                start = self.pick("", f" = {self.random.randint(1, 50)}")
                self.lines.append(f"{static}{kind} s{i}{start};")
                self.scalars.append((f"s{i}", kind))
                self.names.append(f"s{i}")
                continue
            kind = self.pick(*TYPES, *TYPES, "struct pair", "struct trio")
            count = self.pick(1, 2, 3, 4, 4, 7, 8, 8, 8, 12, 16, 16, 32, 33, 64, 100)
            is_struct = kind.startswith("struct")
            some = "{ }" if self.cxx else "{ 0 }"
            start = self.pick("", "", f" = {some}" if is_struct else " = { 3 }")
            self.lines.append(f"{static}{kind} a{i}[{count}]{start};")
            self.arrays.append(Array(f"a{i}", kind, count, static))
            self.names.append(f"a{i}")
        if not self.arrays:
            self.lines.append("int a99[8];")
            self.arrays.append(Array("a99", "int", 8, ""))
            self.names.append("a99")
        self.pointers()

    def pointers(self):
        for i in range(self.random.randint(0, 3)):
            array = self.pick(*self.arrays)
            at = self.pick("", "", f" + {array.count}", f" + {array.count // 2}")
            const = self.pick("", "const ")
            self.lines.append(f"static {array.kind} *{const}p{i} = {array.name}{at};")
            into = f"(p{i} - {array.name})"
            use = f"r += {into} < {array.count} ? {self.value(array, f'p{i}[0]')} : " \
                  f"{self.value(array, f'p{i}[-1]')};"
            move = ""
            if not const:
                move = f"if ({into} == {array.count}) p{i} = {array.name}; else p{i}++;"
            self.function(f"{use} {move}")
            if not const:
                self.names.append(f"p{i}")

    def value(self, array, element):
        if array.kind == "struct pair":
            return f"(long)({element}.key + {element}.value)"
        if array.kind == "struct trio":
            return f"(long)({element}.tag + {element}.a[1] + {element}.d)"
        return f"(long){element}"

    def change(self, array, element, by):
        if array.kind == "struct pair":
            return self.pick(f"{element}.key += {by};", f"{element}.value ^= {by};")
        if array.kind == "struct trio":
            return self.pick(f"{element}.a[2] += {by};", f"{element}.d += ({by}) & 7;",
                             f"{element}.tag = ({by}) & 31;")
        if array.kind == "double":
            return f"{element} += ({by}) & 15;"
        return self.pick(f"{element} += {by};", f"{element} = ({element} + ({by})) & 63;")

    def function(self, body, arguments="", call="", attribute="NOINLINE "):
        name = f"f{self.count}"
        self.count += 1
        attribute = self.pick(attribute, "")
        self.functions.append((name, f"static {attribute}long {name}(long x{arguments})\n{{\n"
                               f"\tlong r = x;\n\t(void)x;\n\t{body}\n\treturn r;\n}}\n", call))
        return name

    def add_function(self):
        ways = [self.scalar, self.by_index, self.by_end, self.downwards, self.helper, self.mask,
                self.unknown_start, self.two_arrays, self.libc, self.switch, self.escape,
                self.find, self.constant_index, self.local_static, self.partly, self.stack,
                self.pointers_on_stack, self.two_words, self.many_arguments, self.jump_back,
                self.labels, self.never, self.copied, self.aligned]
        if self.risky:
            ways += [self.biased]
        if self.cxx:
            ways += [self.standard] * 3 + [self.landing] * 3
        self.pick(*ways)()

    def scalar(self):
        if not self.scalars:
            return
        body = ""
        for _ in range(self.random.randint(1, 4)):
            name, kind = self.pick(*self.scalars)
            step = self.random.randint(1, 9)
            if kind == "double":
                body += f"{name} += {step}; r += (long){name}; "
            else:
                body += self.pick(f"{name} += {step}; ", f"{name} = ({name} * 3 + (x & 7)) & 63; ",
                                  f"{name} ^= x & 15; ") + f"r += {name}; "
        self.function(body)

    def by_index(self):
        a = self.pick(*self.arrays)
        self.function(f"for (int i = 0; i < {a.count}; i++) {{ "
                      f"{self.change(a, a.name + '[i]', 'i + (x & 3)')} "
                      f"r += {self.value(a, a.name + '[i]')}; }}")

    def by_end(self):
        a = self.pick(*self.arrays)
        test = self.pick("!=", "<")
        first = self.pick("", "", " + 1") if a.count > 1 else ""
        self.function(f"for ({a.kind} *p = {a.name}{first}; p {test} {a.name} + {a.count}; p++) {{ "
                      f"{self.change(a, '(*p)', 'x & 7')} r += {self.value(a, '(*p)')}; }}")

    def downwards(self):
        a = self.pick(*self.arrays)
        if self.random.random() < 0.5:
            self.function(f"{a.kind} *p = {a.name} + {a.count}; while (p > {a.name}) {{ p--; "
                          f"r = r * 3 + {self.value(a, '(*p)')}; {self.change(a, '(*p)', '1')} }}")
        else:
            self.function(f"for (long i = {a.count - 1}; i >= 0; i--) "
                          f"r = r * 5 + {self.value(a, a.name + '[i]')};")

    def helper(self):
        a = self.pick(*self.arrays)
        name = f"h{self.count}"
        self.functions.append((None, f"static {self.pick('NOINLINE ', '')}long {name}({a.kind} *b, {a.kind} *e)\n"
                               f"{{\n\tlong r = 0;\n\tfor (; b != e; b++) r += "
                               f"{self.value(a, '(*b)')};\n\treturn r;\n}}\n", ""))
        low = self.random.randint(0, a.count)
        high = self.random.randint(low, a.count)
        self.function(f"r += {name}({a.name}, {a.name} + {a.count}); "
                      f"r += {name}({a.name} + {low}, {a.name} + {high});")

    def mask(self):
        a = self.pick(*self.arrays)
        small = 1 << (a.count.bit_length() - 1)
        self.function(f"long k = opaque(x) & {small - 1}; {self.change(a, a.name + '[k]', 'x & 7')} "
                      f"r += {self.value(a, a.name + '[k]')};")

    def unknown_start(self):
        a = self.pick(*self.arrays)
        low = self.random.randint(0, a.count)
        bias = self.pick(0, 0, 1, 1, 2, 3, 4, 8, 16, a.count)
        index = self.pick("int", "long", "unsigned long")
        self.function(f"{index} i = opaque({low + bias}), n = opaque({a.count + bias}); "
                      f"for (; i < n; i++) {{ {self.change(a, f'{a.name}[i - {bias}]', 'x & 3')} "
                      f"r += {self.value(a, f'{a.name}[i - {bias}]')}; }}")

    def two_arrays(self):
        a, b = self.pick(*self.arrays), self.pick(*self.arrays)
        count = min(a.count, b.count)
        bias = self.random.randint(0, b.count - count)
        start, end = self.pick(("0", str(count)), ("opaque(0)", f"opaque({count})"))
        self.function(f"for (long i = {start}, n = {end}; i < n; i++) {{ "
                      f"{self.change(a, a.name + '[i]', self.value(b, f'{b.name}[i + {bias}]') + ' & 7')} "
                      f"r += {self.value(a, a.name + '[i]')}; }}")

    def libc(self):
        a = self.pick(*self.arrays)
        if a.count > 1 and self.random.random() < 0.5:
            half = a.count // 2
            self.function(f"memcpy({a.name}, {a.name} + {a.count - half}, {half} * sizeof {a.name}[0]); "
                          f"r += {self.value(a, a.name + '[0]')};")
        else:
            self.function(f"if ((x & 3) == 1) memset({a.name}, 0, sizeof {a.name}); "
                          f"r += {self.value(a, f'{a.name}[{a.count - 1}]')};")

    def switch(self):
        cases = ""
        for i in range(self.random.randint(5, 9)):
            a = self.pick(*self.arrays)
            k = self.random.randrange(a.count)
            cases += f"\n\tcase {i}: {self.change(a, f'{a.name}[{k}]', '1')} " \
                     f"r += {self.value(a, f'{a.name}[{k}]')}; break;"
        self.function(f"switch (x % 11) {{{cases}\n\tdefault: r++; }}")

    def escape(self):
        a = self.pick(*self.arrays)
        if a.kind not in ("char", "int", "short", "long"):
            return
        k = self.random.randrange(a.count)
        self.function(f"sink({a.name}, sizeof {a.name}); r += {a.name}[{k}];")

    def find(self):
        a = self.pick(*self.arrays)
        if a.is_struct:
            return
        name = f"g{self.count}"
        self.functions.append((None, f"static {self.pick('NOINLINE ', '')}{a.kind} *{name}({a.kind} v)\n{{\n"
                               f"\t{a.kind} *p = {a.name};\n\twhile (p != {a.name} + {a.count} && *p != v) p++;\n"
                               f"\treturn p;\n}}\n", ""))
        self.function(f"{a.kind} *p = {name}(({a.kind})(x & 7)); "
                      f"r += p == {a.name} + {a.count} ? -1 : p - {a.name};")

    def constant_index(self):
        body = ""
        for _ in range(self.random.randint(1, 5)):
            a = self.pick(*self.arrays)
            k = self.random.randrange(a.count)
            body += f"{self.change(a, f'{a.name}[{k}]', 'x & 7')} r += {self.value(a, f'{a.name}[{k}]')}; "
        self.function(body)

    def local_static(self):
        kind = self.pick("int", "long")
        name = f"l{self.count}"
        self.names.append(name)
        self.function(f"static {kind} {name}; {name} += x & 7; r += {name};")

    def partly(self):
        a = self.pick(*self.arrays)
        low = self.random.randrange(a.count)
        self.function(f"{a.kind} *p = &{a.name}[{low}], *e = &{a.name}[{a.count}]; "
                      f"do {{ r += {self.value(a, '(*p)')}; {self.change(a, '(*p)', '1')} }} while (++p < e);")

    def stack(self):
        a = self.pick(*self.arrays)
        if a.is_struct or a.count < 4:
            return
        self.function(f"{a.kind} *sp = {a.name} + {a.count}; for (long i = opaque(3); i; i--) *--sp = ({a.kind})(i & 7); "
                      f"while (sp != {a.name} + {a.count}) r = r * 7 + (long)*sp++;")

    def biased(self):
        a = self.pick(*self.arrays)
        self.function(f"{a.kind} *b = {a.name} - 1; for (long i = opaque(1); i <= {a.count}; i++) "
                      f"r = r * 3 + {self.value(a, 'b[i]')};")

    def ends(self):
        """Two expressions for addresses of one array, the second behind its end; and the array."""
        a = self.pick(*self.arrays)
        return a, self.pick(a.name, f"{a.name} + {a.count // 2}"), f"{a.name} + {a.count}"

    def pointers_on_stack(self):
        a, low, high = self.ends()
        kept = self.pick("", "volatile ")
        name = f"k{self.count}"
        self.functions.append((None, f"static NOINLINE {a.kind} *{name}({a.kind} *{kept}*v) {{ return *v - 1; }}\n", ""))
        self.function(f"{a.kind} *{kept}v[3] = {{ {low}, {high}, {a.name} }}; " + self.pick(
            f"r += {self.value(a, 'v[x % 2][-(x % 2)]')};",
            f"v[x % 3] = {high}; r += {self.value(a, 'v[x % 3][-1]')};",
            f"r += {self.value(a, f'{name}(&v[opaque(1)])[0]')};",
            f"for ({a.kind} *{kept}*w = v + 1; w < v + 2; w++) r += opaque({self.value(a, '(*w)[-1]')});"))

    def two_words(self):
        a, _, high = self.ends()
        name = f"k{self.count}"
        self.functions.append((None, f"struct {name} {{ long n; {a.kind} *e; }};\nstatic NOINLINE struct {name} "
                               f"{name}(long n)\n{{\n\tstruct {name} s = {{ opaque(n), {high} }};\n\treturn s;\n}}\n", ""))
        self.function(f"struct {name} s = {name}(1); r += {self.value(a, 's.e[-s.n]')};")

    def many_arguments(self):
        a, low, high = self.ends()
        name = f"k{self.count}"
        self.functions.append((None, f"static NOINLINE long {name}(int a, int b, int c, int d, int e, int f, int g, {a.kind} *p, "
                               f"int h, {a.kind} *q)\n{{\n\treturn a + b + c + d + e + f + g + h + "
                               f"{self.value(a, 'p[-1]')} + {self.value(a, 'q[0]')};\n}}\n", ""))
        self.function(f"r += {name}(1, 2, 3, 4, 5, 6, x, {high}, opaque(x), {a.name});")

    def jump_back(self):
        a, low, high = self.ends()
        name = f"k{self.count}"
        self.functions.append((None, f"static jmp_buf {name}b;\nstatic NOINLINE void {name}(long x) "
                               f"{{ if (opaque(x) % 2) longjmp({name}b, 2); }}\n", ""))
        self.function(f"{a.kind} *volatile p = {high}; if (setjmp({name}b)) return r + {self.value(a, 'p[-1]')}; "
                      f"{name}(x); p = {self.pick(a.name + ' + 1', high)}; {name}(1);")

    def labels(self):
        if self.cxx:
            return
        a, low, high = self.ends()
        kind, base = self.pick(("int", " - &&one"), ("void *", ""))
        to = "*(&&one + to[k])" if base else "*to[k]"
        self.function(f"static const {kind} {'const ' if not base else ''}to[] = {{ &&one{base}, &&two{base}, &&three{base} }}; "
                      f"{a.kind} *p = {high}; long k = opaque(x) % 3; goto {to}; one: r += 3; goto three; "
                      f"two: {self.change(a, 'p[-1]', '1')} three: r += {self.value(a, 'p[-1]')};")

    def never(self):
        a, low, high = self.ends()
        cases = "".join(f"case {i}: " + self.pick("__builtin_unreachable(); ", f"r += {i}; break; ",
                                                  f"r = r * 3 + {self.value(a, 'p[-1]')}; break; ")
                        for i in range(12, 20))
        cases = "".join(f"case {i}: r += {self.value(a, 'p[-1]')} + x * {i}; break; " for i in range(12)) + cases
        self.function(f"{a.kind} *volatile q = {high}, *p = q; switch (opaque(x)) {{ {cases}default: __builtin_unreachable(); }}")

    def copied(self):
        a, low, high = self.ends()
        count = self.pick(0, 1, 2, 6, 40)
        self.function(f"struct {{ {a.kind} *b, *e; long n[{count} + 1]; }} s, t; s.b = {low}; s.e = {high}; "
                      f"s.n[{count}] = x; __asm__ volatile(\"\" : \"+m\"(s)); t = s; __asm__ volatile(\"\" : \"+m\"(t)); "
                      f"r += {self.value(a, 't.e[-1]')} + {self.value(a, 't.b[0]')} + t.n[{count}];")

    def aligned(self):
        a, low, high = self.ends()
        self.function(f"{a.kind} *volatile p = {high}; char some[100]; "
                      f"char *q = (char *)(((unsigned long)some + 31) & ~31ul); memset(q, x, 40); opaque(q[x]); "
                      f"{a.kind} *e = p; r += {self.value(a, 'e[-1]')} + q[x];")

    def standard(self):
        a = self.pick(*self.arrays)
        if a.is_struct:
            return
        self.function(self.pick(
            f"std::sort({a.name}, {a.name} + {a.count}); r += (long){a.name}[0];",
            f"r += (long)std::accumulate(std::begin({a.name}), std::end({a.name}), {a.kind}());",
            f"std::reverse({a.name}, {a.name} + {a.count}); for (auto v : {a.name}) r = r * 3 + (long)v;",
            f"try {{ if (x == 5) throw 1; r += (long){a.name}[0]; }} catch (int v) {{ "
            f"for (auto &v2 : {a.name}) v2 += v; r += (long){a.name}[{a.count - 1}]; }}"))

    def landing(self):
        """Pointers and indices that are held where an exception comes, and used where it lands."""
        a = self.pick(*self.arrays)
        last = a.count - 1
        self.function(self.pick(
            f"{a.kind} *p = {a.name} + x % {a.count}; try {{ if (opaque(x) % 3 == 0) throw x; "
            f"p = {a.name} + {a.count}; if (opaque(x) % 3 == 1) throw 2; "
            f"{self.change(a, a.name + '[0]', '1')} }} "
            f"catch (long v) {{ {self.change(a, '(*p)', 'v & 3')} }} "
            f"catch (int v) {{ p -= v - 1; r += {self.value(a, '(*p)')}; {self.change(a, '(*p)', 'v')} }}",
            f"long i = x & 1; try {{ i = opaque({last}); if (opaque(x) % 2) throw 1; i = 0; }} "
            f"catch (int v) {{ {self.change(a, a.name + '[i]', 'v')} }} "
            f"r += {self.value(a, a.name + '[i]')};",
            f"struct guard {{ {a.kind} *p; long n; ~guard() {{ for (long k = 0; k < n; k++) {{ "
            f"{self.change(a, 'p[k]', 'k + 1')} }} }} }}; "
            f"try {{ guard g = {{ {a.name} + {last}, 1 }}; if (opaque(x) % 2) throw 1; "
            f"g.p = {a.name}; g.n = {a.count}; opaque(x); }} catch (int v) {{ r += v; }}"))

    def text(self):
        include = "#include <algorithm>\n#include <numeric>\n#include <iterator>" if self.cxx else ""
        text = HEAD % {"include": include, "c": '"C"' if self.cxx else ""}
        text += "\n".join(self.lines) + "\n\n"
        text += "\n".join(body for _, body, _ in self.functions)
        text += "\nstatic NOINLINE long compute(int aloud)\n{\n\tlong r = 0;\n"
        text += "\tfor (long x = 0; x < 12; x++) {\n"
        for name, _, _ in self.functions:
            if name:
                text += f"\t\tr = (r * 31 + {name}(opaque(x))) & 0xffffffffff;\n"
        text += "\t\tif (aloud) printf(\"%ld\\n\", r);\n\t}\n\treturn r;\n}\n"
        text += "\nint main(int argc, char **argv)\n{\n\tlong r = 0;\n\t(void)argv;\n"
        text += "\tif (argc == 2 && fork() == 0) { compute(0); _exit(0); }\n"
        text += "\tif (argc == 2) wait(NULL); else r = compute(argc == 1);\n"
        for a in self.arrays:
            text += f"\tr = 0; for (int i = 0; i < {a.count}; i++) " \
                    f"r = r * 7 + {self.value(a, a.name + '[i]')};\n" \
                    f"\tprintf(\"{a.name} %ld\\n\", r);\n"
        for name, _ in self.scalars:
            text += f"\tprintf(\"{name} %ld\\n\", (long){name});\n"
        return text + "\treturn 0;\n}\n"

    def annotated(self, names):
        """The same with these variables in section `shared`."""
        lines = []
        for line in self.source.split("\n"):
            word = re.match(r"\s*(?:static )?(?:struct )?\w+ (?:\*(?:const )?)?(\w+)[\[; =]", line)
            if word and word.group(1) in names:
                line = "FONDUE_SHARED " + line.lstrip()
            lines.append(line)
        return "#include <fondue/shared.h>\n" + "\n".join(lines)
