/* hexperiment.h: the C ABI, version 3, for scheme plugins that live out of tree.
 *
 * A plugin is a shared library that exports one function, hexperiment_plugin(). It returns a
 * table of functions that evaluate programs under one cryptosystem. A plugin in Rust need not
 * look further: the macro `export_scheme!` of the crate hexperiment-plugin-abi writes all this.
 *
 * Words. A program is a list of operations on vectors of doubles. A circuit is a program bound to
 * parameters. There are three roles, and three handles: the encryptor (public), the evaluator
 * (evaluation keys only) and the decryptor (the secret key). The client makes the first and the
 * last, and evaluation keys, which are bytes; the server makes its evaluator of these bytes alone,
 * in a process that need not be the client's. Handles are opaque: declare the structs in your own
 * source, or cast.
 *
 * OWNERSHIP. Nobody frees what another allocated.
 *  - Pointers that a function receives are the host's, and are valid during the call only.
 *  - Text and bytes go back through reply->write, which copies them; numbers go back into arrays
 *    that the host provides.
 *  - Handles are the plugin's. The host gives each back to its destroy function exactly once. It
 *    destroys a circuit after everything that came from it.
 *
 * THREADS. The functions of one plugin, also on one and the same handle, may be called from
 * several threads at once; only destroy functions are alone with their handle. A reply is used on
 * the thread that called, before the call returns.
 *
 * ERRORS. A function that fails returns one of the statuses below and says why with
 * reply->explain. It hands nothing over: what it wrote to output pointers is ignored, and what it
 * allocated it frees itself. No exception, panic or longjmp may leave a function: catch what can
 * be thrown. Never write a secret value into a message.
 *
 * STANDARD OUTPUT belongs to the host, which speaks to its parent over it: print nothing there.
 *
 * TEXT is UTF-8; what ends in a zero byte is declared `const char *`. Numbers in text are decimal,
 * in the form that strtod reads in the "C" locale, with all digits that it takes to get the same
 * double back.
 *
 * VERSIONS. A host loads plugins whose abi_version is its own. In version 1 keys did not cross:
 * generate_keys made the evaluator too, and there was no `prepare`; in version 2 a compile request
 * said neither who encrypts nor how seldom a run may fail. Within a version structs only grow
 * at their end, and struct_size says how far the writer's goes: a field beyond it is not there.
 */
#ifndef HEXPERIMENT_H
#define HEXPERIMENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEXPERIMENT_ABI_VERSION 3u

/* How a call went. */
typedef int32_t HexperimentStatus;
#define HEXPERIMENT_OK 0
/* The program or the demand is beyond this scheme. It becomes a row with a reason, not a failure:
 * explain(what = the operation, or "security", "depth", ...; why = the reason, and what would help). */
#define HEXPERIMENT_REFUSED 1
/* Something went wrong: explain(what = what was tried, why = what the library said). */
#define HEXPERIMENT_FAILED 2
/* Bytes that are no ciphertexts, or no evaluation keys, of this circuit: explain(what is ignored,
 * why). */
#define HEXPERIMENT_FOREIGN 3

typedef struct HexperimentCircuit HexperimentCircuit;
typedef struct HexperimentEncryptor HexperimentEncryptor;
typedef struct HexperimentEvaluator HexperimentEvaluator;
typedef struct HexperimentDecryptor HexperimentDecryptor;
/* The ciphertexts of one input or one output. */
typedef struct HexperimentCiphertexts HexperimentCiphertexts;

/* Where a call puts its text or bytes, and its reason if it fails. */
typedef struct HexperimentReply {
    uint32_t struct_size;
    uint32_t reserved;
    /* For the two functions below. */
    void *context;
    /* Appends bytes to the reply; may be called many times. The host takes at most 16 MiB of text,
     * and 16 GiB of the ciphertexts of one input or output, or of keys. */
    void (*write)(void *context, const void *data, size_t length);
    /* Says why the call fails; the last word counts. Either text may be NULL. */
    void (*explain)(void *context, const char *what, const char *why);
    /* In generate_keys only: begins a part of the evaluation keys, which is what is written from now
     * on, up to the next part. `role` is one of HEXPERIMENT_KEY_... below. */
    void (*begin_key)(void *context, uint32_t role);
} HexperimentReply;

/* A table of numbers, row by row. A column is one vector of the program. */
typedef struct HexperimentTable {
    const double *data;
    size_t rows;
    size_t columns;
} HexperimentTable;

/* The same, to be filled. */
typedef struct HexperimentTableOut {
    double *data;
    size_t rows;
    size_t columns;
} HexperimentTableOut;

/* Who encrypts. */
#define HEXPERIMENT_ENCRYPTION_OWNER 0u  /* the key owner, who may use the secret key */
#define HEXPERIMENT_ENCRYPTION_PUBLIC 1u /* others, who have a public key only; without one, refuse */

/* What is to be compiled. The program is given twice: as JSON, and as text that needs no parser
 * of JSON. It holds only operations that `capabilities` named. */
typedef struct HexperimentCompileRequest {
    uint32_t struct_size;
    /* The security demanded, in bits. */
    uint32_t security_bits;
    /* 1 if weaker parameters are allowed (they are marked in every table), else 0. */
    uint32_t insecure;
    /* Threads that the circuit may use in any one call. */
    uint32_t threads;
    /* HEXPERIMENT_ENCRYPTION_...: who encrypts. */
    uint32_t encryption;
    /* A bound of log2 of the probability that any result of one run is wrong beyond what its row
     * states, as -40. */
    int32_t failure_log2;
    /* The options of the manifest that are set, as a JSON object: {"degree":3}. */
    const char *options_json;
    /* The program as JSON. */
    const char *program_json;
    /* The program as text. */
    const char *program_text;
} HexperimentCompileRequest;

/* PROGRAM TEXT. One item to a line, words separated by one space, numbers from 0 on. Every list is
 * preceded by its length, so that it can be read from left to right:
 *
 *   hexperiment-program 1
 *   inputs N
 *   input ROWS PRECISION COLUMNS, then LOW HIGH of every column      (N lines)
 *   values N
 *   value LENGTH LOW HIGH OPERATION ...                              (N lines)
 *   outputs N
 *   output PRECISION COUNT, then COUNT values                        (N lines)
 *   end
 *
 * LOW and HIGH enclose every element. PRECISION is the absolute error that an element may have.
 * V, W, C are numbers of earlier values. PUBLIC is `scalar X`, one number for all elements, or
 * `vector N X...`, one for each. OPERATION is one of
 *
 *   input INPUT COLUMN             a column of an input
 *   constant PUBLIC
 *   add V W | sub V W | mul V W | max V W | min V W
 *   neg V | square V | sigmoid V | step V | sign V | relu V | abs V
 *   offset V PUBLIC                V + PUBLIC
 *   scale V PUBLIC                 V * PUBLIC
 *   weighted-sum BIAS N, then N times V WEIGHT: the sum of V * WEIGHT, plus BIAS; BIAS and WEIGHT
 *                                  are PUBLIC
 *   shift V BY                     y[i] = x[(i + BY) mod length]
 *   sum V GROUP                    y[k] = x[k*GROUP] + ... + x[(k+1)*GROUP - 1]
 *   pick V STRIDE                  y[k] = x[k*STRIDE]
 *   polynomial V LOW HIGH N C...   sum of C[k] * T_k(u), T_k Chebyshev's polynomials, where u is x
 *                                  mapped from [LOW, HIGH] to [-1, 1]
 *   compare V RELATION W           RELATION: < <= > >= =
 *   select C V W                   V where C is 1, W where C is 0
 *   lookup V FIRST N X...          X[x - FIRST]
 *   and N V...                     1 where all are 1
 */

/* What a part of the evaluation keys is for. Tables report the bytes of each. */
#define HEXPERIMENT_KEY_PUBLIC 0u          /* encrypts, or is computed with */
#define HEXPERIMENT_KEY_RELINEARIZATION 1u
#define HEXPERIMENT_KEY_GALOIS 2u          /* rotates */
#define HEXPERIMENT_KEY_BOOTSTRAPPING 3u   /* with its key-switching key */
#define HEXPERIMENT_KEY_SHARED 4u          /* of both parties: "transport-only", the server decrypts */

/* What the client keeps. */
typedef struct HexperimentKeys {
    HexperimentEncryptor *encryptor;
    HexperimentDecryptor *decryptor;
} HexperimentKeys;

/* A part of the evaluation keys, as generate_keys wrote it. */
typedef struct HexperimentKeyPart {
    uint32_t role;
    uint32_t reserved;
    const uint8_t *bytes;
    size_t length;
} HexperimentKeyPart;

/* The plugin. Every function must be there unless it says "optional". */
typedef struct HexperimentPlugin {
    /* HEXPERIMENT_ABI_VERSION and sizeof(HexperimentPlugin). */
    uint32_t abi_version;
    uint32_t struct_size;

    /* Writes what the scheme says about itself, as JSON:
     *   {"name": "my-scheme",             lower-case letters, digits, hyphens
     *    "doc": "The cryptosystem and its papers.",
     *    "library": "mylib 1.2",
     *    "options": [{"name": "degree", "doc": "What it does.", "kind": KIND,
     *                 "default": 3, "required": false}]}
     * with KIND one of "flag", {"integer": {"min": 1, "max": 9}}, {"number": {"min": 0.5}},
     * {"zero-or-number": {"min": 0.5, "max": 9}}, "text", {"choice": ["a", "b"]}, "text-list",
     * "integer-list". A bound that is left out is open, but in "zero-or-number"; "default" and
     * "required" may be left out. Names have at most 64 characters, other texts 4000 and no control
     * characters; there are at most 256 options. */
    HexperimentStatus (*manifest)(const HexperimentReply *reply);

    /* Writes what the scheme can do under these options, as JSON:
     *   {"native": ["add", "weighted-sum"],   operations, by the names of the program text
     *    "vector_factors": true,              whether factors may be `vector`
     *    "levels": "none",                    or "multiplicative"
     *    "client_finishes": false,            whether missing functions of one value at the very
     *                                         end are left to the client, after decryption
     *    "missing": {"max": "it needs a comparison"},    reasons for refusals
     *    "missing_otherwise": "ciphertexts cannot be multiplied",
     *    "approximation": {"sigmoid_degree": 7, "fit": "chebyshev",
     *                      "sign_margin": 0.05, "sign_error": 0.01}}
     * "fit" is "chebyshev" or "least-squares". Leave "approximation" out where ciphertexts cannot be
     * multiplied; with it, functions that are missing are rewritten as polynomials. "missing" may
     * be left out. */
    HexperimentStatus (*capabilities)(const char *options_json, const HexperimentReply *reply);

    /* Chooses parameters for a program at a security level, or refuses. */
    HexperimentStatus (*compile)(const HexperimentCompileRequest *request,
                                 HexperimentCircuit **circuit, const HexperimentReply *reply);

    /* Writes the circuit's parameters, as JSON:
     *   {"security": {"protection": "encrypted",        or "none", "transport-only"
     *                 "bits": 128, "basis": "the numbers and their published source",
     *                 "quantum": "not-stated",        or "broken", {"below": 128},
     *                                                 {"at-least": 128}; may be left out
     *                 "ring_lwe": {"log_n": 13,       of ring-LWE with a ternary secret; may be
     *                   "log_qp": 214,                left out. Bits that the table lacks for it
     *                   "table": "guidelines-2024"}}, are an error; or "standard-2018"
     *    "chosen": [["ring degree", "8192"]],
     *    "depth": 0,                                    multiplicative levels used
     *    "counts": {"additions": 0, "plain_multiplications": 0, "multiplications": 0,
     *               "rotations": 0, "bootstraps": 0},   of one evaluation
     *    "encryption": "owner",                         whose key encrypts: or "public"; may be
     *                                                   left out, but not where the request says
     *                                                   HEXPERIMENT_ENCRYPTION_PUBLIC: what
     *                                                   encrypts must say "public" then, and send
     *                                                   a part HEXPERIMENT_KEY_PUBLIC
     *    "server_sees": "sizes only",
     *    "quantisation": null,                          or how numbers are quantised
     *    "noise_tolerance": [1e-6],                     one for each output: the largest error
     *                                                   beyond `simulate` that is no failure
     *    "failure": {"at-most": -131.5},                log2 of the probability that noise makes any
     *                                                   result of one evaluation wrong by more, or
     *                                                   "impossible"; above `failure_log2` the host
     *                                                   refuses; may be left out
     *    "shortfalls": [],                              what was demanded and is not met, in words;
     *                                                   may be left out
     *    "memory_bytes": 1000000}                       may be left out: what keys and one
     *                                                   evaluation take, held against the cell's
     *                                                   `memory_limit` */
    HexperimentStatus (*parameters)(const HexperimentCircuit *circuit,
                                    const HexperimentReply *reply);

    /* Optional (NULL): the circuit's own arithmetic in the clear, with its quantisation and without
     * noise. Required of schemes that quantise; for others the host interprets the program. */
    HexperimentStatus (*simulate)(const HexperimentCircuit *circuit,
                                  const HexperimentTable *inputs, size_t input_count,
                                  const HexperimentTableOut *outputs, size_t output_count,
                                  const HexperimentReply *reply);

    /* Makes fresh keys: the client's work. The evaluation keys are written to the reply, in parts:
     * reply->begin_key, then reply->write as often as need be, for each; in the most compact form
     * there is, as seeds. There need be none. They hold no secret key, unless the protection is
     * "transport-only". */
    HexperimentStatus (*generate_keys)(const HexperimentCircuit *circuit, HexperimentKeys *keys,
                                       const HexperimentReply *reply);

    /* Makes the server's role of the parts of evaluation keys, in the order in which they were
     * written, and of nothing else that generate_keys left behind. Work that does not depend on what
     * is encrypted belongs here: keys expanded, weights encoded, tables computed. The host passes
     * keys of this circuit only, but their bytes come from the other party and are not to be
     * trusted: those of a wrong number, role or length are HEXPERIMENT_FOREIGN. */
    HexperimentStatus (*prepare)(const HexperimentCircuit *circuit,
                                 const HexperimentKeyPart *parts, size_t part_count,
                                 HexperimentEvaluator **evaluator, const HexperimentReply *reply);

    /* Encrypts one input: a table of as many rows and columns as the program declares. */
    HexperimentStatus (*encrypt)(const HexperimentEncryptor *encryptor, size_t input,
                                 const HexperimentTable *table,
                                 HexperimentCiphertexts **ciphertexts,
                                 const HexperimentReply *reply);

    /* Evaluates the circuit: ciphertexts for every input, in order; then for every output. */
    HexperimentStatus (*evaluate)(const HexperimentEvaluator *evaluator,
                                  const HexperimentCiphertexts *const *inputs, size_t input_count,
                                  HexperimentCiphertexts **outputs, size_t output_count,
                                  const HexperimentReply *reply);

    /* Decrypts one output. */
    HexperimentStatus (*decrypt)(const HexperimentDecryptor *decryptor, size_t output,
                                 const HexperimentCiphertexts *ciphertexts,
                                 const HexperimentTableOut *table, const HexperimentReply *reply);

    /* Writes all that the other party needs, as bytes: the size that tables report. */
    HexperimentStatus (*write)(const HexperimentCiphertexts *ciphertexts,
                               const HexperimentReply *reply);

    /* Reads what `write` wrote; needs public parameters only. Bytes come from the other party and
     * are not to be trusted: truncated, malformed or foreign ones are HEXPERIMENT_FOREIGN. */
    HexperimentStatus (*load)(const HexperimentCircuit *circuit, const uint8_t *bytes,
                              size_t length, HexperimentCiphertexts **ciphertexts,
                              const HexperimentReply *reply);

    /* How many ciphertexts of the scheme these are. */
    size_t (*count)(const HexperimentCiphertexts *ciphertexts);

    /* Each destroys a handle; secret keys are wiped. */
    void (*destroy_circuit)(HexperimentCircuit *circuit);
    void (*destroy_encryptor)(HexperimentEncryptor *encryptor);
    void (*destroy_evaluator)(HexperimentEvaluator *evaluator);
    void (*destroy_decryptor)(HexperimentDecryptor *decryptor);
    void (*destroy_ciphertexts)(HexperimentCiphertexts *ciphertexts);
} HexperimentPlugin;

#if defined(_WIN32)
#define HEXPERIMENT_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define HEXPERIMENT_EXPORT __attribute__((visibility("default")))
#else
#define HEXPERIMENT_EXPORT
#endif

/* The entry point. The table it returns must stay valid: it is best a static constant. */
HEXPERIMENT_EXPORT const HexperimentPlugin *hexperiment_plugin(void);

#ifdef __cplusplus
}
#endif

#endif
