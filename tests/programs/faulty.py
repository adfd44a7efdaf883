#!/usr/bin/env python3
"""paillier.py with faults, for the tests end to end: the option `fault` says which, and an argument
`--at-start` one that shows before the program has said what it is."""

import os
import signal
import sys
import time

import paillier

FAULTS = [
    "none",
    "exit",
    "kill",
    "nonsense",
    "half-a-frame",
    "hang",
    "other-circuit",
    "oversized",
    "memory",
    "memory-of-server",
    "bits",
    "nan",
    "off-by-one",
    "times",
    "short-table",
    "out-of-order",
    "raises",
    "refuses",
    "other-keys",
    "cut-keys",
    "small-keys",
]
paillier.MANIFEST["name"] = "faulty-py"
paillier.MANIFEST["options"].append(
    {"name": "fault", "doc": "What goes wrong.", "kind": {"choice": FAULTS}, "default": "none"}
)
# Quick, and said to be worth nothing.
paillier.MANIFEST["options"][0]["default"] = 256


def told(kind, link, measured, body=b"", **more):
    link.send({"type": kind, **more, "measured": measured}, body)


def fill():
    """Takes memory until there is none left, or 8 GiB."""
    held = []
    for _ in range(8 << 6):
        held.append(bytearray(os.urandom(1 << 12)) * (1 << 12))
    return held


class FaultyClient(paillier.ClientRole):
    def compile(self, head, body, watch):
        fault = self.fault = head["options"].get("fault", "none")
        if fault == "refuses":
            raise paillier.Refused("it was told to refuse,\n\x1b[31mall of it")
        if fault == "bits":
            parameters = paillier.Circuit.parameters

            def boasting(circuit):
                told = parameters(circuit)
                told["security"]["bits"] = 9999
                return told

            paillier.Circuit.parameters = boasting
        super().compile(head, body, watch)

    def generate_keys(self, head, body, watch):
        if self.fault == "memory":
            fill()
        if self.fault == "other-keys":
            self.link.send({"type": "keys", "circuit": "0" * 64, "parts": 0, "bytes": 0})
        if self.fault in ("cut-keys", "small-keys"):
            size = self.circuit.key_bytes
            self.key = paillier.SecretKey(self.circuit.bits)
            whole = self.key.n.to_bytes(size, "big")
            half = whole[: size // 2]
            circuit = self.circuit.digest
            self.link.send({"type": "keys", "circuit": circuit, "parts": 1, "bytes": len(half)})
            sent = half if self.fault == "cut-keys" else whole
            self.link.send({"type": "key", "role": "public"}, sent)
            told("generated", self.link, watch.measured())
            return
        super().generate_keys(head, body, watch)

    def encrypt(self, head, body, watch):
        if self.fault == "exit":
            print("the key was eaten", file=sys.stderr)
            sys.exit(3)
        if self.fault == "raises":
            raise ZeroDivisionError("it was told to raise")
        if self.fault == "times":
            century = 100 * 365 * 86400 * 10**9
            measured = {"wall_ns": 1, "cpu_ns": century, "peak_rss_bytes": None}
            told("encrypted", self.link, measured, b"", ciphertexts=0)
            return
        if self.fault == "out-of-order":
            told("decrypted", self.link, watch.measured())
            return
        super().encrypt(head, body, watch)

    def decrypt(self, head, body, watch):
        rows, columns = self.circuit.shape(head["output"])
        if self.fault == "nan":
            table = b"\xff" * (8 * rows * columns)
            told("decrypted", self.link, watch.measured(), table)
        elif self.fault == "short-table":
            told("decrypted", self.link, watch.measured(), b"\0" * 8)
        else:
            super().decrypt(head, body, watch)

    def numbers(self, output, columns):
        if self.fault == "off-by-one" and self.key is not None:
            columns = [[x + (1 << 2 * self.circuit.fraction) for x in column] for column in columns]
        return super().numbers(output, columns)

    def simulate(self, head, body, watch):
        fault, self.fault = self.fault, "none"
        super().simulate(head, body, watch)
        self.fault = fault


class FaultyServer(paillier.ServerRole):
    def prepare(self, head):
        if self.fault == "memory-of-server":
            fill()
        super().prepare(head)

    def serve(self):
        compiled = paillier.Circuit.__init__

        def noted(circuit, head, body):
            self.fault = head["options"].get("fault", "none")
            compiled(circuit, head, body)
            if self.fault == "other-circuit":
                circuit.digest = "f" * 64

        paillier.Circuit.__init__ = noted
        super().serve()

    def evaluate(self, head, body, watch):
        stream = self.link.writer
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "hang":
            time.sleep(10_000)
        if self.fault in ("nonsense", "half-a-frame", "oversized"):
            stream.write(
                {
                    "nonsense": b"HTTP/1.1 200 OK\r\n\r\n",
                    "half-a-frame": b"HEXW\x20\0\0\0",
                    "oversized": b"HEXW\xff\xff\xff\xff" + b"\xff" * 8,
                }[self.fault]
            )
            stream.flush()
            if self.fault == "half-a-frame":
                sys.exit(0)
            return
        super().evaluate(head, body, watch)


def at_start(fault):
    """Goes wrong before anything is asked."""
    link = paillier.Link(sys.stdin.buffer, sys.stdout.buffer)
    if fault == "exit":
        print("no licence", file=sys.stderr)
        sys.exit(4)
    if fault == "chatter":
        print("Welcome to paillier!", flush=True)
    if fault == "hang":
        time.sleep(10_000)
    link.receive("hello")
    version = 2 if fault == "version" else 1
    link.send({"type": "hello", "version": version, "software": "faulty"})
    link.receive("describe")
    measured = paillier.Watch().measured()
    manifest = {"no-json": b"{", "no-name": b'{"name":"A b","doc":"","library":""}'}
    told("described", link, measured, manifest[fault])


if __name__ == "__main__":
    for word in sys.argv:
        if word.startswith("--at-start="):
            at_start(word.split("=")[1])
            sys.exit(0)
    paillier.main({"client": FaultyClient, "server": FaultyServer})
