"use strict";

// What crossed between the two parties, and what the evaluator knows, in words and bytes: for the page of a run and
// for the fleet.

const ARROWS = { server: "to the evaluator", client: "to this machine" };

/** What the evaluator has, and what crosses, by how the scheme protects. */
const PROTECTS = {
  encrypted: { has: "has ciphertexts and evaluation keys", up: "Ciphertexts", down: "Encrypted results", last: "It was sent the program with the model's numbers, evaluation keys and ciphertexts, as listed above; never the secret key." },
  "transport-only": {
    has: "has the shared key, and decrypts", steps: { keys: "The shared key", evaluate: "Decrypt, compute, encrypt" }, up: "Ciphertexts", down: "Encrypted results", last: "It was sent the shared secret key, and decrypts what it is sent: this guards the way between the parties alone.",
  },
  none: {
    has: "sees everything", up: "Numbers, not encrypted", down: "Results, not encrypted", client: "has the data; there is no key",
    kinds: { ciphertexts: "numbers" },
    steps: { keygen: "No keys to make", prepare: "Prepare weights", encrypt: "Encode, not encrypted", decrypt: "Decode" },
    last: "Nothing is encrypted: this is the zero line that schemes are compared with.",
  },
};

function protectsOf(setup) {
  return PROTECTS[setup.parameters.security.protection] ?? PROTECTS.encrypted;
}

/** What a frame is called: its kind in the protocol, but where nothing is encrypted, no ciphertexts are said to cross. */
function kindWords(kind, setup) {
  return (setup?.parameters && protectsOf(setup).kinds?.[kind]) ?? kind;
}

/** What parameters and task say that the server learns, a sentence each. */
function knownOf(setup) {
  const { parameters } = setup;
  const said = [`It sees ${parameters.server_sees}.`];
  const security = parameters.security;
  if (security?.basis) said.push(`Protection: ${security.protection}${security.bits ? `, ${security.bits} bits` : ""}: ${security.basis}.`);
  if (parameters.encryption) said.push(parameters.encryption === "owner" ? "Encrypted with the owner's secret key, which the client's process on this machine alone has." : "Encrypted with a public key, which others may have.");
  if (setup.client_computes?.length) said.push(`It does not see what this machine computes after decryption: ${setup.client_computes.join(", ")}.`);
  said.push(protectsOf(setup).last);
  return said;
}

/** Bytes as an editor of binary files shows them, so many in a row. */
function hexRows(hex, width) {
  const all = hex.match(/../g) ?? [];
  const rows = [];
  for (let at = 0; at < all.length; at += width) {
    const row = all.slice(at, at + width);
    const text = row.map((byte) => { const code = parseInt(byte, 16); return code > 31 && code < 127 ? String.fromCharCode(code) : "."; }).join("");
    rows.push(`${at.toString(16).padStart(6, "0")}  ${row.join(" ").padEnd(3 * width)} ${text}`);
  }
  return rows.join("\n");
}

/** Which bytes of a frame are shown. */
function sampleWords(frame, setup) {
  return `The first ${frame.first_bytes.length / 2} of ${frame.body_bytes.toLocaleString("en")} bytes of ${kindWords(frame.kind, setup)}, as they crossed ${ARROWS[frame.to]}`;
}
