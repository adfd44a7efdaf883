#!/usr/bin/env python3
"""A scheme as a program of its own: textbook Paillier with Python's integers.

Written from docs/wire.md alone, with the standard library only. The last argument is the role, `client`
or `server`; both speak the protocol on standard input and output. A number is an integer, its fraction
cut to so many bits, and each has a ciphertext of its own; sums and products with public numbers are all
that there is.

Pascal Paillier, Public-Key Cryptosystems Based on Composite Degree Residuosity Classes, EUROCRYPT 1999,
section 4, with g = n + 1. Nothing here takes care to run in the same time for all secrets: a server that
could time the client closely would learn from it.
"""

import hashlib
import json
import math
import resource
import secrets
import struct
import sys
import time

VERSION = 1
SOFTWARE = f"paillier.py 1, Python {sys.version.split()[0]}"
LIBRARY = f"Python integers {sys.version.split()[0]}"

# Limits, as docs/wire.md has them; nobody sends this program keys or ciphertexts of gigabytes.
HEAD_BYTES = 1 << 20
BODY_BYTES = 1 << 30
PARTS = 1
HANDLES = 1 << 16
PIECE = 1 << 20


class Refused(Exception):
    """The program or the demand is beyond the scheme."""


class Failed(Exception):
    """Anything else that ends the conversation."""


# Frames


class Link:
    """Frames on two streams."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    def send(self, head, body=b""):
        text = json.dumps(head).encode()
        self.writer.write(struct.pack("<4sIQ", b"HEXW", len(text), len(body)))
        self.writer.write(text)
        self.writer.write(body)
        self.writer.flush()

    def receive(self, *expected):
        """The next frame, which must be one of these; no frame at the end of the stream."""
        prelude = self.bytes(16, "prelude", may_end=True)
        if prelude is None:
            return None, b""
        magic, head_bytes, body_bytes = struct.unpack("<4sIQ", prelude)
        if magic != b"HEXW":
            raise Failed(f"found {magic!r}, expected b'HEXW', with which each frame begins")
        if head_bytes > HEAD_BYTES:
            raise Failed(f"bytes of a head: found {head_bytes}, expected at most {HEAD_BYTES}")
        if body_bytes > BODY_BYTES:
            raise Failed(f"bytes of a body: found {body_bytes}, expected at most {BODY_BYTES}")
        try:
            head = json.loads(self.bytes(head_bytes, "head"), object_pairs_hook=once)
        except ValueError as error:
            raise Failed(f"found a head that cannot be read: {error}") from None
        kind = head.get("type") if isinstance(head, dict) else None
        if kind not in expected:
            raise Failed(f"found the frame {kind!r}, expected {' or '.join(expected)}")
        keys = KEYS[kind]
        if set(head) != {"type", *keys}:
            raise Failed(f"found the keys {sorted(head)} in `{kind}`, expected type, {', '.join(keys)}")
        if body_bytes and kind not in WITH_BODY:
            raise Failed(f"found a body of {body_bytes} bytes in `{kind}`, expected none")
        return head, self.bytes(body_bytes, "body")

    def bytes(self, count, part, may_end=False):
        """So many bytes, in pieces, so that memory grows with what arrives."""
        pieces, came = [], 0
        while came < count:
            piece = self.reader.read(min(PIECE, count - came))
            if not piece:
                if may_end and came == 0:
                    return None
                raise EOFError(f"the stream ended after {came} bytes of a {part}, expected {count}")
            pieces.append(piece)
            came += len(piece)
        return b"".join(pieces)


def once(pairs):
    """An object of JSON whose keys stand there once."""
    keys = dict(pairs)
    if len(keys) < len(pairs):
        raise ValueError("a key is given twice")
    return keys


# The keys of each frame that the other side sends, besides `type`.
KEYS = {
    "hello": ["version", "software"],
    "describe": [],
    "capabilities": ["options"],
    "compile": ["scheme", "options", "security", "threads"],
    "generate-keys": [],
    "encrypt": ["input"],
    "decrypt": ["output"],
    "simulate": [],
    "keys": ["circuit", "parts", "bytes"],
    "key": ["role"],
    "ciphertexts": ["handle"],
    "evaluate": ["inputs", "outputs", "results"],
    "download": ["handle"],
    "discard": ["handles"],
    "bye": [],
}
WITH_BODY = {"compile", "encrypt", "decrypt", "simulate", "key", "ciphertexts"}


class Watch:
    """What a step takes."""

    def __init__(self):
        self.wall, self.cpu = time.perf_counter_ns(), time.process_time_ns()

    def measured(self):
        return {
            "wall_ns": time.perf_counter_ns() - self.wall,
            "cpu_ns": time.process_time_ns() - self.cpu,
            "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }


# What the scheme says of itself

MANIFEST = {
    "name": "paillier-py",
    "doc": "Textbook Paillier (Paillier 1999) with Python's integers, one ciphertext for each number.",
    "library": LIBRARY,
    "options": [
        {
            "name": "modulus_bits",
            "doc": "Bits of the modulus; as many as the level demanded needs if left out.",
            "kind": {"integer": {"min": 256, "max": 16384}},
        },
        {
            "name": "fraction_bits",
            "doc": "Bits after the point, of inputs and of weights.",
            "kind": {"integer": {"min": 1, "max": 200}},
            "default": 32,
        },
    ],
}

CAPABILITIES = {
    "native": ["add", "sub", "neg", "offset", "scale", "weighted-sum", "shift", "sum", "pick"],
    "vector_factors": True,
    "levels": "none",
    "client_finishes": True,
    "missing": {"mul": "Paillier adds ciphertexts and does not multiply them"},
    "missing_otherwise": "Paillier has sums and products with public numbers only",
}

# Bits of security by bits of the modulus: NIST SP 800-57 part 1 revision 5, table 2.
LEVELS = [(1024, 80), (2048, 112), (3072, 128), (7680, 192), (15360, 256)]


class Circuit:
    """A program bound to parameters."""

    def __init__(self, head, body):
        options, demand = head["options"], head["security"]
        # What the framework has checked, and another client may not have.
        self.fraction = options.get("fraction_bits")
        if not isinstance(self.fraction, int) or not 1 <= self.fraction <= 200:
            raise Failed(f"`fraction_bits`: found {self.fraction!r}, expected 1 to 200")
        enough = [bits for bits, level in LEVELS if level >= demand["bits"]]
        self.bits = options.get("modulus_bits", enough[0] if enough else 15360)
        if not isinstance(self.bits, int) or not 256 <= self.bits <= 16384:
            raise Failed(f"`modulus_bits`: found {self.bits!r}, expected 256 to 16384")
        self.level = max([level for bits, level in LEVELS if bits <= self.bits], default=0)
        if self.level < demand["bits"] and not demand["insecure"]:
            raise Refused(
                f"a modulus of {self.bits} bits has {self.level} bits of security, {demand['bits']} are"
                " demanded; leave `modulus_bits` out, or set `insecure = true` in [run]"
            )
        self.bytes, self.key_bytes = (2 * self.bits + 7) // 8, (self.bits + 7) // 8
        try:
            program = json.loads(body)
            self.inputs, self.values = program["inputs"], program["values"]
            self.outputs = program["outputs"]
            self.scales = self.bound()
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise Failed(f"the program is not well formed: {error!r}") from None
        named = [LIBRARY, program, options, demand, self.bits]
        text = json.dumps(named, sort_keys=True).encode()
        self.digest = hashlib.sha256(text).hexdigest()

    def bound(self):
        """The bits after the point of each value; none may be as large as the modulus."""
        scales, self.additions, self.products = [], 0, 0
        for value in self.values:
            ((kind, of),) = value["op"].items()
            length = value["length"]
            if kind == "Input":
                scale = self.fraction
            elif kind in ("Add", "Sub"):
                scale = max(scales[place] for place in of)
                self.additions += length
            elif kind == "Neg":
                scale = scales[of]
            elif kind == "Offset":
                scale = scales[of["value"]]
                self.additions += length
            elif kind == "Scale":
                scale = scales[of["value"]] + self.fraction
                self.products += length
            elif kind == "WeightedSum":
                scale = max(scales[place] for place, _ in of["terms"]) + self.fraction
                self.additions += length * len(of["terms"])
                self.products += length * len(of["terms"])
            elif kind in ("Shift", "Sum", "Pick"):
                scale = scales[of["value"]]
                self.additions += length * (of.get("group", 1) - 1)
            else:
                raise Refused(f"{kind}: {CAPABILITIES['missing_otherwise']}")
            most = max(abs(value["range"]["low"]), abs(value["range"]["high"]))
            if integer(most + 1.0, scale) >= 1 << (self.bits - 3):
                raise Refused(
                    f"numbers up to {most:g} with {scale} bits after the point do not fit a modulus of"
                    f" {self.bits} bits; take fewer `fraction_bits`"
                )
            scales.append(scale)
        return scales

    def parameters(self):
        return {
            "security": {
                "protection": "encrypted",
                "bits": self.level,
                "basis": f"factoring, modulus of {self.bits} bits"
                " (NIST SP 800-57 part 1 rev. 5, table 2)",
            },
            "chosen": [
                ["modulus", f"{self.bits} bits"],
                ["fraction", f"{self.fraction} bits"],
            ],
            "depth": 0,
            "counts": {
                "additions": self.additions,
                "plain_multiplications": self.products,
                "multiplications": 0,
                "rotations": 0,
                "bootstraps": 0,
            },
            # For the key owner, too.
            "encryption": "public",
            "server_sees": "the program with its weights, and sizes",
            "quantisation": f"fixed point, {self.fraction} bits after the point of inputs and weights",
            # `simulate` is exact, but for the last rounding to a double.
            "noise_tolerance": [0.0] * len(self.outputs),
        }

    def evaluate(self, algebra, tables):
        """The columns of all outputs from those of all inputs, by the arithmetic of `algebra`."""
        values = []
        for value, scale in zip(self.values, self.scales):
            ((kind, of),) = value["op"].items()

            def raised(place, scale):
                """Value `place` with so many bits after the point."""
                by = scale - self.scales[place]
                return values[place] if by == 0 else [algebra.times(x, 1 << by) for x in values[place]]

            if kind == "Input":
                result = tables[of["input"]][of["column"]]
            elif kind == "Add":
                pairs = zip(raised(of[0], scale), raised(of[1], scale))
                result = [algebra.add(x, y) for x, y in pairs]
            elif kind == "Sub":
                pairs = zip(raised(of[0], scale), raised(of[1], scale))
                result = [algebra.add(x, algebra.times(y, -1)) for x, y in pairs]
            elif kind == "Neg":
                result = [algebra.times(x, -1) for x in values[of]]
            elif kind == "Offset":
                public = fixed(of["by"], scale, value["length"])
                result = [algebra.offset(x, y) for x, y in zip(values[of["value"]], public)]
            elif kind == "Scale":
                public = fixed(of["by"], self.fraction, value["length"])
                result = [algebra.times(x, y) for x, y in zip(values[of["value"]], public)]
            elif kind == "WeightedSum":
                result = [algebra.public(x) for x in fixed(of["bias"], scale, value["length"])]
                for place, weight in of["terms"]:
                    column = raised(place, scale - self.fraction)
                    weights = fixed(weight, self.fraction, value["length"])
                    result = [
                        algebra.add(y, algebra.times(x, w)) for y, x, w in zip(result, column, weights)
                    ]
            elif kind == "Shift":
                column = values[of["value"]]
                by = of["by"] % len(column)
                result = column[by:] + column[:by]
            elif kind == "Sum":
                column, group = values[of["value"]], of["group"]
                result = []
                for start in range(0, len(column), group):
                    total = column[start]
                    for x in column[start + 1 : start + group]:
                        total = algebra.add(total, x)
                    result.append(total)
            else:
                result = values[of["value"]][:: of["stride"]]
            if len(result) != value["length"]:
                raise Failed(f"{kind}: found {len(result)} elements, expected {value['length']}")
            values.append(result)
        return [[values[place] for place in output["values"]] for output in self.outputs]

    def shape(self, output):
        """Rows and columns of an output."""
        places = self.outputs[output]["values"]
        return self.values[places[0]]["length"], len(places)


def fixed(public, scale, length):
    """A public operand as integers, one for each element."""
    if "Scalar" in public:
        return [integer(public["Scalar"], scale)] * length
    return [integer(x, scale) for x in public["Vector"]]


def integer(x, scale):
    """A double with so many bits after the point."""
    numerator, denominator = x.as_integer_ratio()
    return round_half_up(numerator << scale, denominator)


def round_half_up(numerator, denominator):
    return (2 * numerator + denominator) // (2 * denominator)


def columns_of(numbers, rows, columns):
    """A table that lies row by row, column by column."""
    if len(numbers) != rows * columns:
        raise Failed(f"found {len(numbers)} numbers, expected {rows} x {columns}")
    return [numbers[column::columns] for column in range(columns)]


def rows_of(columns):
    """The numbers of a table, row by row."""
    return [x for row in zip(*columns) for x in row]


def doubles(body):
    if len(body) % 8:
        raise Failed(f"found {len(body)} bytes of a table, expected 8 for each number")
    return list(struct.unpack(f"<{len(body) // 8}d", body))


# Two kinds of arithmetic: in the clear, and on ciphertexts


class Clear:
    """Integers in the clear."""

    def add(self, x, y):
        return x + y

    def times(self, x, factor):
        return x * factor

    def offset(self, x, by):
        return x + by

    def public(self, x):
        return x


class Encrypted:
    """Ciphertexts under the modulus n: what the server computes with."""

    def __init__(self, n):
        self.n, self.square = n, n * n

    def add(self, x, y):
        return x * y % self.square

    def times(self, x, factor):
        return pow(x, factor, self.square)

    def offset(self, x, by):
        return x * self.public(by) % self.square

    def public(self, x):
        """A public number as a ciphertext, without randomness: it is no secret."""
        return (1 + x * self.n) % self.square


def ciphertexts_of(body, circuit, n):
    """Ciphertexts from outside: units of the ring, none of them chosen to be harmful."""
    size, square = circuit.bytes, n * n
    if len(body) % size:
        raise Failed(f"found {len(body)} bytes of ciphertexts, expected {size} for each")
    found = [int.from_bytes(body[at : at + size], "big") for at in range(0, len(body), size)]
    for x in found:
        if not 0 < x < square or math.gcd(x, n) != 1:
            raise Failed("not a ciphertext of this key: it is no unit modulo n^2")
    return found


def bytes_of(ciphertexts, circuit):
    return b"".join(x.to_bytes(circuit.bytes, "big") for x in ciphertexts)


# The secret key


def probable_prime(bits):
    """A prime of so many bits, by 40 rounds of Miller and Rabin; its two highest bits are set."""
    small = [p for p in range(3, 2000, 2) if all(p % q for q in range(3, math.isqrt(p) + 1, 2))]
    while True:
        n = secrets.randbits(bits) | 3 << bits - 2 | 1
        if any(n % p == 0 for p in small):
            continue
        odd = n - 1
        twos = (odd & -odd).bit_length() - 1
        odd >>= twos

        def witness():
            x = pow(2 + secrets.randbelow(n - 3), odd, n)
            if x in (1, n - 1):
                return False
            for _ in range(twos - 1):
                x = x * x % n
                if x == n - 1:
                    return False
            return True

        if not any(witness() for _ in range(40)):
            return n


class SecretKey:
    def __init__(self, bits):
        p, q = probable_prime(bits // 2), 0
        while q in (0, p):
            q = probable_prime(bits - bits // 2)
        self.n, self.square = p * q, (p * q) ** 2
        self.order = math.lcm(p - 1, q - 1)
        self.inverse = pow(self.order, -1, self.n)

    def encrypt(self, x):
        mask = 0
        while math.gcd(mask, self.n) != 1:
            mask = secrets.randbelow(self.n)
        return (1 + x * self.n) * pow(mask, self.n, self.square) % self.square

    def decrypt(self, ciphertext):
        x = (pow(ciphertext, self.order, self.square) - 1) // self.n * self.inverse % self.n
        return x - self.n if x > self.n // 2 else x


# The two roles


def greet(link):
    head, _ = link.receive("hello")
    if head is None:
        return False
    link.send({"type": "hello", "version": VERSION, "software": SOFTWARE})
    return head["version"] == VERSION


class ClientRole:
    """Has the data and the secret key; the framework asks."""

    def __init__(self, link):
        self.link, self.circuit, self.key = link, None, None
        self.whole = Watch()

    def serve(self):
        while True:
            expected = ["bye"]
            if self.circuit is None:
                expected += ["describe", "capabilities", "compile"]
            elif self.key is None:
                expected += ["generate-keys", "simulate"]
            else:
                expected += ["encrypt", "decrypt", "simulate"]
            head, body = self.link.receive(*expected)
            if head is None:
                return
            if head["type"] == "bye":
                self.link.send({"type": "ended", "measured": self.whole.measured()})
                return
            answer = getattr(self, head["type"].replace("-", "_"))
            answer(head, body, Watch())

    def describe(self, head, body, watch):
        manifest = json.dumps(MANIFEST).encode()
        self.link.send({"type": "described", "measured": watch.measured()}, manifest)

    def capabilities(self, head, body, watch):
        capabilities = json.dumps(CAPABILITIES).encode()
        self.link.send({"type": "capable", "measured": watch.measured()}, capabilities)

    def compile(self, head, body, watch):
        self.circuit = Circuit(head, body)
        parameters = json.dumps(self.circuit.parameters()).encode()
        answer = {
            "type": "parameters",
            "circuit": self.circuit.digest,
            "library": LIBRARY,
            "simulates": True,
            "measured": watch.measured(),
        }
        self.link.send(answer, parameters)

    def generate_keys(self, head, body, watch):
        self.key = SecretKey(self.circuit.bits)
        part = self.key.n.to_bytes(self.circuit.key_bytes, "big")
        measured = watch.measured()
        circuit = self.circuit.digest
        self.link.send({"type": "keys", "circuit": circuit, "parts": 1, "bytes": len(part)})
        self.link.send({"type": "key", "role": "public"}, part)
        self.link.send({"type": "generated", "measured": measured})

    def table(self, place, numbers):
        """The columns of an input, as integers."""
        of = self.circuit.inputs[place]
        numbers = [integer(x, self.circuit.fraction) for x in numbers]
        return columns_of(numbers, of["length"], len(of["columns"]))

    def encrypt(self, head, body, watch):
        if not 0 <= head["input"] < len(self.circuit.inputs):
            raise Failed(f"the program has no input {head['input']}")
        table = self.table(head["input"], doubles(body))
        encrypted = [self.key.encrypt(x) for x in rows_of(table)]
        body = bytes_of(encrypted, self.circuit)
        answer = {"type": "encrypted", "ciphertexts": len(encrypted), "measured": watch.measured()}
        self.link.send(answer, body)

    def numbers(self, output, columns):
        """The table of an output, from columns of integers."""
        places = self.circuit.outputs[output]["values"]
        scales = [self.circuit.scales[place] for place in places]
        scaled = [[x / (1 << scale) for x in column] for column, scale in zip(columns, scales)]
        numbers = rows_of(scaled)
        return struct.pack(f"<{len(numbers)}d", *numbers)

    def decrypt(self, head, body, watch):
        output = head["output"]
        if not 0 <= output < len(self.circuit.outputs):
            raise Failed(f"the program has no output {output}")
        found = ciphertexts_of(body, self.circuit, self.key.n)
        integers = [self.key.decrypt(x) for x in found]
        table = self.numbers(output, columns_of(integers, *self.circuit.shape(output)))
        self.link.send({"type": "decrypted", "measured": watch.measured()}, table)

    def simulate(self, head, body, watch):
        numbers, tables = doubles(body), []
        for place, of in enumerate(self.circuit.inputs):
            count = of["length"] * len(of["columns"])
            tables.append(self.table(place, numbers[:count]))
            numbers = numbers[count:]
        if numbers:
            raise Failed(f"found {len(numbers)} numbers more than the inputs have")
        outputs = self.circuit.evaluate(Clear(), tables)
        body = b"".join(self.numbers(place, columns) for place, columns in enumerate(outputs))
        self.link.send({"type": "simulated", "measured": watch.measured()}, body)


class ServerRole:
    """Has the modulus, and evaluates."""

    def __init__(self, link):
        self.link, self.held = link, {}
        self.whole = Watch()

    def serve(self):
        head, body = self.link.receive("compile")
        if head is None:
            return
        watch = Watch()
        self.circuit = Circuit(head, body)
        answer = {"type": "compiled", "circuit": self.circuit.digest, "library": LIBRARY}
        self.link.send({**answer, "measured": watch.measured()})
        head, _ = self.link.receive("keys")
        if head is None:
            return
        self.prepare(head)
        while True:
            head, body = self.link.receive("ciphertexts", "evaluate", "download", "discard", "bye")
            if head is None:
                raise EOFError("the stream ended, expected `bye`")
            if head["type"] == "bye":
                self.link.send({"type": "ended", "measured": self.whole.measured()})
                return
            getattr(self, head["type"])(head, body, Watch())

    def prepare(self, head):
        if head["circuit"] != self.circuit.digest:
            raise Failed(f"found circuit {head['circuit']!r:.70}, expected {self.circuit.digest}")
        size = self.circuit.key_bytes
        if (head["parts"], head["bytes"]) != (1, size):
            raise Failed(
                f"found {head['parts']} parts of {head['bytes']} bytes, expected 1 of {size}"
            )
        head, part = self.link.receive("key")
        if head is None or head["role"] != "public" or len(part) != size:
            raise Failed(f"found {len(part)} bytes of another key, expected {size} of a public one")
        watch = Watch()
        n = int.from_bytes(part, "big")
        if n.bit_length() != self.circuit.bits or n % 2 == 0:
            raise Failed("not a modulus of this circuit")
        self.algebra = Encrypted(n)
        self.link.send({"type": "prepared", "measured": watch.measured()})

    def free(self, handles):
        """Names that are given for the first time."""
        if len(self.held) + len(handles) > HANDLES or len(set(handles)) < len(handles):
            raise Failed("found too many handles, or one twice")
        for handle in handles:
            if not isinstance(handle, int) or not 0 <= handle < 1 << 32 or handle in self.held:
                raise Failed(f"found handle {handle!r}, expected one that is free")

    def at(self, handle):
        if handle not in self.held:
            raise Failed(f"found handle {handle!r}, expected one that is taken")
        return self.held[handle]

    def ciphertexts(self, head, body, watch):
        self.free([head["handle"]])
        found = ciphertexts_of(body, self.circuit, self.algebra.n)
        self.held[head["handle"]] = found
        answer = {"type": "stored", "ciphertexts": len(found), "measured": watch.measured()}
        self.link.send(answer)

    def evaluate(self, head, body, watch):
        inputs, outputs, results = head["inputs"], head["outputs"], head["results"]
        if len(inputs) != len(self.circuit.inputs):
            raise Failed(f"found {len(inputs)} inputs, expected {len(self.circuit.inputs)}")
        if len(outputs) != len(results):
            raise Failed(f"found {len(results)} results, expected {len(outputs)}")
        if any(not 0 <= output < len(self.circuit.outputs) for output in outputs):
            raise Failed(f"found outputs {outputs}, the program has {len(self.circuit.outputs)}")
        tables = [
            columns_of(self.at(handle), of["length"], len(of["columns"]))
            for handle, of in zip(inputs, self.circuit.inputs)
        ]
        self.free(results)
        evaluated = self.circuit.evaluate(self.algebra, tables)
        for output, result in zip(outputs, results):
            self.held[result] = rows_of(evaluated[output])
        self.link.send({"type": "evaluated", "measured": watch.measured()})

    def download(self, head, body, watch):
        found = self.at(head["handle"])
        body = bytes_of(found, self.circuit)
        answer = {"type": "results", "ciphertexts": len(found), "measured": watch.measured()}
        self.link.send(answer, body)

    def discard(self, head, body, watch):
        for handle in head["handles"]:
            self.at(handle)
            del self.held[handle]
        self.link.send({"type": "discarded"})


ROLES = {"client": ClientRole, "server": ServerRole}


def main(roles=ROLES):
    if len(sys.argv) < 2 or sys.argv[-1] not in roles:
        sys.exit(f"usage: {sys.argv[0]} client|server")
    link = Link(sys.stdin.buffer, sys.stdout.buffer)
    # Whatever is printed by mistake is no frame.
    sys.stdout = sys.stderr
    try:
        if greet(link):
            roles[sys.argv[-1]](link).serve()
    except Refused as why:
        link.send({"type": "refused", "reason": str(why)[:4000]})
        sys.exit(1)
    except Failed as why:
        link.send({"type": "failed", "reason": str(why)[:4000]})
        sys.exit(1)


if __name__ == "__main__":
    main()
