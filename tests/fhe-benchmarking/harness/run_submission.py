#!/usr/bin/env python3
"""Runs a submission as the harnesses of the fhe-benchmarking suites do (github.com/fhe-benchmarking).

The contract: a folder with `harness` and `submission/build`; executables there, one for each stage, which are
called in order with the number of the instance size; files below `io/SIZE`, of which this measures the folders
`public_keys`, `ciphertexts_upload` and `ciphertexts_download`; results one to a line; the server's own times, in
seconds, in `io/SIZE/server_reported_steps.json`; measurements in `measurements/SIZE/results-N.json`.

    python3 harness/run_submission.py SIZE [--num_runs N] [--seed N]

It fails if a stage fails, or if an answer is not what the model gives in the clear.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

SIZES = ["toy", "small", "medium"]
ROWS = [1, 20, 200]
# Of an answer, in its own unit.
TOLERANCE = 0.1


def log(words):
    print(f"[harness] {words}", flush=True)


def size_of(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def write_rows(file, model, count, rng):
    """Rows within what the model takes, in its columns' units."""
    columns = model["model"]["sensors"]
    clip = min(model["model"]["clip"], 2.0)
    lines = [",".join(c["name"] for c in columns)]
    for _ in range(count):
        cells = [c["unit"]["centre"] + c["unit"]["width"] * rng.uniform(-clip, clip) for c in columns]
        lines.append(",".join(f"{x:.3f}" for x in cells))
    file.write_text("\n".join(lines) + "\n")


def in_the_clear(file, model):
    """What the model says of each row, with its weights and nothing of the submission."""
    columns = model["model"]["sensors"]
    answers = []
    for line in file.read_text().splitlines()[1:]:
        score = model["model"]["intercept"]
        for cell, c in zip(line.split(","), columns):
            unit = (float(cell) - c["unit"]["centre"]) / c["unit"]["width"]
            score += c["weight"] * (unit - c["mean"]) / c["deviation"]
        answers.append(score)
    return answers


def verify(expected, found):
    if len(expected) != len(found):
        sys.exit(f"[harness] FAIL: {len(found)} results, expected {len(expected)}")
    for row, (e, f) in enumerate(zip(expected, found), 1):
        if abs(e - f) > TOLERANCE:
            sys.exit(f"[harness] FAIL: row {row}: {f}, expected {e}")


def main():
    parser = argparse.ArgumentParser(description="Runs a submission of a linear model's answers.")
    parser.add_argument("size", type=int, choices=range(len(SIZES)))
    parser.add_argument("--num_runs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    number, name = arguments.size, SIZES[arguments.size]
    root, stages = Path.cwd(), Path.cwd() / "submission" / "build"
    io, data, measured = root / "io" / name, root / "datasets" / name, root / "measurements" / name
    shutil.rmtree(io, ignore_errors=True)
    for folder in [io, data, measured]:
        folder.mkdir(parents=True, exist_ok=True)
    model = json.loads((root / "model.json").read_text())
    times, sizes = {}, {}

    def stage(words, executable):
        began = time.monotonic()
        subprocess.run([stages / executable, str(number)], check=True)
        times[words] = round(time.monotonic() - began, 4)
        log(f"{words} completed (elapsed: {times[words]}s)")

    def size(words, folder):
        sizes[words] = size_of(io / folder)
        log(f"{words} size: {sizes[words]} bytes")

    stage("Client: Key Generation", "client_key_generation")
    size("Client: Public and evaluation keys", "public_keys")
    stage("Server: (Encrypted) model preprocessing", "server_preprocess_model")
    for run in range(1, arguments.num_runs + 1):
        write_rows(data / "input.csv", model, ROWS[number], random.Random(arguments.seed + run))
        stage("Client: Input preprocessing", "client_preprocess_input")
        stage("Client: Input encryption", "client_encode_encrypt_input")
        size("Client: Encrypted input", "ciphertexts_upload")
        stage("Server: Encrypted ML Inference computation", "server_encrypted_compute")
        size("Client: Encrypted results", "ciphertexts_download")
        stage("Client: Result decryption", "client_decrypt_decode")
        stage("Client: Result postprocessing", "client_postprocess")
        found = [float(line) for line in (io / "encrypted_model_predictions.txt").read_text().split()]
        verify(in_the_clear(data / "input.csv", model), found)
        reported = json.loads((io / "server_reported_steps.json").read_text())
        record = {"Timing": times, "Bandwidth": sizes, "Server Reported": reported}
        (measured / f"results-{run}.json").write_text(json.dumps(record, indent=2) + "\n")
    log(f"All steps completed for the {name} instance: PASS")


if __name__ == "__main__":
    main()
