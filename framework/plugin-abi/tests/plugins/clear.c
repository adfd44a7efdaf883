/* A plugin in C99: sums, differences and public factors, computed in the clear. It encrypts nothing; it
 * shows how a library in C meets the ABI, and the tests load it. Every operation that it has is a
 * sum of products of a value and public numbers, plus public numbers, and is kept as such.
 *
 * The tests also build variants that break one rule each, by -DBREAK_..., and a grown one.
 */
#include "hexperiment.h"

#include <stdlib.h>
#include <string.h>

typedef struct Public {
    size_t count; /* 1: one number for all elements */
    double *numbers;
} Public;

typedef struct Term {
    size_t value;
    Public weight;
} Term;

typedef struct Value {
    size_t length;
    int is_input;
    size_t input, column;
    size_t term_count;
    Term *terms;
    Public bias;
} Value;

typedef struct Shape {
    size_t rows, columns;
    size_t *values; /* of an output */
} Shape;

typedef struct Block {
    struct Block *next;
    double aligned[];
} Block;

struct HexperimentCircuit {
    Block *blocks; /* all that was allocated for it */
    size_t input_count, value_count, output_count;
    Shape *inputs, *outputs;
    Value *values;
};

struct HexperimentCiphertexts {
    size_t rows, columns;
    double numbers[];
};

static HexperimentStatus fail(const HexperimentReply *reply, HexperimentStatus status,
                              const char *what, const char *why) {
    reply->explain(reply->context, what, why);
    return status;
}

static HexperimentStatus out_of_memory(const HexperimentReply *reply) {
    return fail(reply, HEXPERIMENT_FAILED, "memory", "out of memory");
}

static HexperimentStatus say(const HexperimentReply *reply, const char *text) {
    reply->write(reply->context, text, strlen(text));
    return HEXPERIMENT_OK;
}

/* ---- Reading the program text ---- */

typedef struct Reader {
    const char *at;
    HexperimentCircuit *circuit;
    const char *problem;
    char word[32];
} Reader;

static void *take(Reader *reader, size_t count, size_t size) {
    Block *block;
    if (count > (SIZE_MAX - sizeof(Block)) / size ||
        (block = calloc(1, sizeof(Block) + count * size)) == NULL) {
        reader->problem = "out of memory";
        return NULL;
    }
    block->next = reader->circuit->blocks;
    reader->circuit->blocks = block;
    return block->aligned;
}

static const char *word(Reader *reader) {
    size_t length;
    reader->at += strspn(reader->at, " \n");
    length = strcspn(reader->at, " \n");
    if (length == 0 || length >= sizeof reader->word) {
        reader->problem = "a word is missing or too long";
        length = 0;
    }
    memcpy(reader->word, reader->at, length);
    reader->word[length] = '\0';
    reader->at += length;
    return reader->word;
}

static double number(Reader *reader) {
    const char *text = word(reader);
    char *end;
    double x = strtod(text, &end);
    if (end == text || *end != '\0') reader->problem = "expected a number";
    return x;
}

static size_t count(Reader *reader) {
    const char *text = word(reader);
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    if (end == text || *end != '\0') reader->problem = "expected a whole number";
    return (size_t)n;
}

static void expect(Reader *reader, const char *expected) {
    if (strcmp(word(reader), expected) != 0) reader->problem = expected;
}

static Public one(Reader *reader, double x) {
    Public public = {1, take(reader, 1, sizeof(double))};
    if (public.numbers) public.numbers[0] = x;
    return public;
}

static Public read_public(Reader *reader) {
    Public public = {1, NULL};
    size_t i;
    if (strcmp(word(reader), "vector") == 0) public.count = count(reader);
    public.numbers = take(reader, public.count, sizeof(double));
    for (i = 0; !reader->problem && i < public.count; i++) public.numbers[i] = number(reader);
    return public;
}

static void terms(Reader *reader, Value *value, size_t n) {
    value->term_count = n;
    value->terms = take(reader, n, sizeof(Term));
}

static void read_term(Reader *reader, Term *term, double weight) {
    term->value = count(reader);
    term->weight = one(reader, weight);
}

/* Yields 0 for an operation that this plugin lacks. */
static int read_operation(Reader *reader, Value *value, const char *name) {
    size_t i;
    value->bias = one(reader, 0.0);
    if (strcmp(name, "input") == 0) {
        value->is_input = 1;
        value->input = count(reader);
        value->column = count(reader);
    } else if (strcmp(name, "add") == 0 || strcmp(name, "sub") == 0) {
        double second = name[0] == 'a' ? 1.0 : -1.0; /* reading on overwrites the name */
        terms(reader, value, 2);
        if (reader->problem) return 1;
        read_term(reader, &value->terms[0], 1.0);
        read_term(reader, &value->terms[1], second);
    } else if (strcmp(name, "neg") == 0 || strcmp(name, "offset") == 0 ||
               strcmp(name, "scale") == 0) {
        char which = name[0];
        terms(reader, value, 1);
        if (reader->problem) return 1;
        read_term(reader, &value->terms[0], which == 'n' ? -1.0 : 1.0);
        if (which == 'o') value->bias = read_public(reader);
        if (which == 's') value->terms[0].weight = read_public(reader);
    } else if (strcmp(name, "weighted-sum") == 0) {
        value->bias = read_public(reader);
        terms(reader, value, count(reader));
        for (i = 0; !reader->problem && i < value->term_count; i++) {
            value->terms[i].value = count(reader);
            value->terms[i].weight = read_public(reader);
        }
    } else {
        return 0;
    }
    return 1;
}

static HexperimentStatus read_program(Reader *reader, const HexperimentReply *reply) {
    HexperimentCircuit *c = reader->circuit;
    size_t i, k;
    expect(reader, "hexperiment-program");
    expect(reader, "1");
    expect(reader, "inputs");
    c->input_count = count(reader);
    c->inputs = take(reader, c->input_count, sizeof(Shape));
    for (i = 0; !reader->problem && i < c->input_count; i++) {
        expect(reader, "input");
        c->inputs[i].rows = count(reader);
        number(reader);
        c->inputs[i].columns = count(reader);
        for (k = 0; !reader->problem && k < 2 * c->inputs[i].columns; k++) number(reader);
    }
    expect(reader, "values");
    c->value_count = count(reader);
    c->values = take(reader, c->value_count, sizeof(Value));
    for (i = 0; !reader->problem && i < c->value_count; i++) {
        expect(reader, "value");
        c->values[i].length = count(reader);
        number(reader);
        number(reader);
        if (!read_operation(reader, &c->values[i], word(reader)))
            return fail(reply, HEXPERIMENT_REFUSED, reader->word, "this plugin only adds");
    }
    expect(reader, "outputs");
    c->output_count = count(reader);
    c->outputs = take(reader, c->output_count, sizeof(Shape));
    for (i = 0; !reader->problem && i < c->output_count; i++) {
        Shape *output = &c->outputs[i];
        expect(reader, "output");
        number(reader);
        output->columns = count(reader);
        output->values = take(reader, output->columns, sizeof(size_t));
        for (k = 0; !reader->problem && k < output->columns; k++) output->values[k] = count(reader);
        if (!reader->problem) output->rows = c->values[output->values[0]].length;
    }
    expect(reader, "end");
    if (reader->problem) return fail(reply, HEXPERIMENT_FAILED, "program text", reader->problem);
    return HEXPERIMENT_OK;
}

/* ---- The scheme ---- */

static HexperimentStatus manifest(const HexperimentReply *reply) {
#if defined(BREAK_MANIFEST_JSON)
    return say(reply, "{\"name\": \"clear-c\", ");
#elif defined(BREAK_MANIFEST_UTF8)
    return say(reply, "{\"name\":\"clear-c\",\"doc\":\"\xff\",\"library\":\"\"}");
#elif defined(BREAK_MANIFEST_NAME)
    return say(reply, "{\"name\":\"Clear C\",\"doc\":\"\",\"library\":\"\"}");
#elif defined(BREAK_MANIFEST_KEY)
    return say(reply, "{\"name\":\"clear-c\",\"doc\":\"\",\"library\":\"\",\"papers\":[]}");
#elif defined(BREAK_MANIFEST_OPTION)
    return say(reply, "{\"name\":\"clear-c\",\"doc\":\"\",\"library\":\"\",\"options\":[{\"name\":"
                      "\"degree\",\"doc\":\"\",\"kind\":{\"integer\":{\"min\":5}},\"default\":3}]}");
#elif defined(BREAK_MANIFEST_LENGTH) /* a length that nothing has, of bytes that are not there */
    reply->write(reply->context, "{", (size_t)1 << 40);
    reply->write(reply->context, "}", 1);
    return HEXPERIMENT_OK;
#elif defined(BREAK_MANIFEST_FLOOD) /* a text without end, in small parts */
    {
        static const char spaces[4096];
        size_t i;
        for (i = 0; i < 100000; i++) reply->write(reply->context, spaces, sizeof spaces);
    }
    return HEXPERIMENT_OK;
#elif defined(BREAK_MANIFEST_ESCAPE)
    return say(reply, "{\"name\":\"clear-c\",\"doc\":\"\\u001b]0;title\\u0007\",\"library\":\"\"}");
#elif defined(BREAK_STATUS)
    (void)reply;
    return 99;
#else
    return say(reply,
               "{\"name\": \"clear-c\", \"doc\": \"No encryption: weighted sums in the clear, in C.\","
               " \"library\": \"none\", \"options\": [{\"name\": \"security\", \"kind\": \"flag\","
               " \"default\": false, \"doc\": \"Refuses to pretend.\"}]}");
#endif
}

static HexperimentStatus capabilities(const char *options, const HexperimentReply *reply) {
    (void)options;
    return say(reply, "{\"native\": [\"add\", \"sub\", \"neg\", \"offset\", \"scale\","
                      " \"weighted-sum\"], \"vector_factors\": true, \"levels\": \"none\","
                      " \"client_finishes\": true, \"missing\": {\"max\": \"it only adds\"},"
                      " \"missing_otherwise\": \"it multiplies by public numbers only\"}");
}

static void destroy_circuit(HexperimentCircuit *circuit) {
    while (circuit->blocks) {
        Block *next = circuit->blocks->next;
        free(circuit->blocks);
        circuit->blocks = next;
    }
    free(circuit);
}

static HexperimentStatus compile(const HexperimentCompileRequest *request,
                                 HexperimentCircuit **circuit, const HexperimentReply *reply) {
    Reader reader = {request->program_text, NULL, NULL, ""};
    HexperimentStatus status;
    if (strstr(request->options_json, "\"security\":true") != NULL)
        return fail(reply, HEXPERIMENT_REFUSED, "security", "nothing is encrypted here");
#ifdef BREAK_CIRCUIT
    return HEXPERIMENT_OK;
#endif
    reader.circuit = calloc(1, sizeof(HexperimentCircuit));
    if (!reader.circuit) return out_of_memory(reply);
    status = read_program(&reader, reply);
    if (status != HEXPERIMENT_OK)
        destroy_circuit(reader.circuit);
    else
        *circuit = reader.circuit;
    return status;
}

static HexperimentStatus parameters(const HexperimentCircuit *circuit,
                                    const HexperimentReply *reply) {
    size_t i;
    say(reply, "{\"security\":{\"protection\":\"none\",\"bits\":0,\"basis\":\"nothing is"
               " encrypted\"},\"chosen\":[[\"arithmetic\",\"double\"]],\"depth\":0,\"counts\":"
               "{\"additions\":0,\"plain_multiplications\":0,\"multiplications\":0,\"rotations\":0,"
               "\"bootstraps\":0},\"server_sees\":\"everything\",\"quantisation\":null,"
               "\"noise_tolerance\":[");
#ifndef BREAK_TOLERANCE
    for (i = 0; i < circuit->output_count; i++) say(reply, i ? ",1e-12" : "1e-12");
#else
    (void)i, (void)circuit;
#endif
    return say(reply, "]}");
}

/* There is nothing secret: each role is the circuit itself. What crosses as a key is how many values
 * the circuit has, to show how bytes do. */
static HexperimentStatus generate_keys(const HexperimentCircuit *circuit, HexperimentKeys *keys,
                                       const HexperimentReply *reply) {
    uint64_t count = circuit->value_count;
#ifdef BREAK_KEY_START
    reply->write(reply->context, &count, sizeof count);
#endif
#ifdef BREAK_KEY_ROLE
    reply->begin_key(reply->context, 99);
#endif
    reply->begin_key(reply->context, HEXPERIMENT_KEY_PUBLIC);
    reply->write(reply->context, &count, 3); /* in two goes */
    reply->write(reply->context, (const char *)&count + 3, sizeof count - 3);
#ifdef BREAK_KEY_SIZE
    reply->write(reply->context, &count, SIZE_MAX - sizeof count);
#endif
    keys->encryptor = (HexperimentEncryptor *)circuit;
#ifndef BREAK_KEYS
    keys->decryptor = (HexperimentDecryptor *)circuit;
#endif
    return HEXPERIMENT_OK;
}

static HexperimentStatus prepare(const HexperimentCircuit *circuit,
                                 const HexperimentKeyPart *parts, size_t part_count,
                                 HexperimentEvaluator **evaluator, const HexperimentReply *reply) {
    uint64_t count;
    if (part_count != 1 || parts[0].role != HEXPERIMENT_KEY_PUBLIC ||
        parts[0].length != sizeof count)
        return fail(reply, HEXPERIMENT_FOREIGN, NULL, "expected one public key of 8 bytes");
    memcpy(&count, parts[0].bytes, sizeof count);
    if (count != circuit->value_count)
        return fail(reply, HEXPERIMENT_FOREIGN, NULL, "a key of a program of another length");
#ifdef BREAK_KEY_PLACE
    reply->begin_key(reply->context, HEXPERIMENT_KEY_PUBLIC);
#endif
#ifndef BREAK_PREPARE
    *evaluator = (HexperimentEvaluator *)circuit;
#endif
    return HEXPERIMENT_OK;
}

static HexperimentCiphertexts *new_table(size_t rows, size_t columns) {
    HexperimentCiphertexts *made;
    if (columns && rows > (SIZE_MAX - sizeof *made) / sizeof(double) / columns) return NULL;
    made = malloc(sizeof *made + rows * columns * sizeof(double));
    if (made) {
        made->rows = rows;
        made->columns = columns;
    }
    return made;
}

static HexperimentStatus encrypt(const HexperimentEncryptor *encryptor, size_t input,
                                 const HexperimentTable *table,
                                 HexperimentCiphertexts **ciphertexts,
                                 const HexperimentReply *reply) {
    HexperimentCiphertexts *made = new_table(table->rows, table->columns);
    (void)encryptor, (void)input;
    if (!made) return out_of_memory(reply);
    memcpy(made->numbers, table->data, table->rows * table->columns * sizeof(double));
    *ciphertexts = made;
    return HEXPERIMENT_OK;
}

static void evaluate_value(const Value *value, double *const *vectors, double *result) {
    size_t i, k;
    for (i = 0; i < value->length; i++) {
        double sum = 0.0;
        for (k = 0; k < value->term_count; k++) {
            const Public *weight = &value->terms[k].weight;
            sum += weight->numbers[weight->count == 1 ? 0 : i] * vectors[value->terms[k].value][i];
        }
        result[i] = sum + value->bias.numbers[value->bias.count == 1 ? 0 : i];
    }
}

static HexperimentStatus run(const HexperimentCircuit *c,
                             const HexperimentCiphertexts *const *inputs, double **vectors,
                             HexperimentCiphertexts **outputs, const HexperimentReply *reply) {
    size_t i, k, row;
    for (i = 0; i < c->value_count; i++) {
        const Value *value = &c->values[i];
        vectors[i] = malloc((value->length + 1) * sizeof(double));
        if (!vectors[i]) return out_of_memory(reply);
        if (value->is_input) {
            const HexperimentCiphertexts *table = inputs[value->input];
            for (row = 0; row < value->length; row++)
                vectors[i][row] = table->numbers[row * table->columns + value->column];
        } else {
            evaluate_value(value, vectors, vectors[i]);
        }
    }
    for (i = 0; i < c->output_count; i++) {
        const Shape *shape = &c->outputs[i];
        outputs[i] = new_table(shape->rows, shape->columns);
        if (!outputs[i]) return out_of_memory(reply);
        for (k = 0; k < shape->columns; k++)
            for (row = 0; row < shape->rows; row++)
                outputs[i]->numbers[row * shape->columns + k] = vectors[shape->values[k]][row];
    }
    return HEXPERIMENT_OK;
}

static HexperimentStatus evaluate(const HexperimentEvaluator *evaluator,
                                  const HexperimentCiphertexts *const *inputs, size_t input_count,
                                  HexperimentCiphertexts **outputs, size_t output_count,
                                  const HexperimentReply *reply) {
    const HexperimentCircuit *c = (const HexperimentCircuit *)evaluator;
    HexperimentStatus status;
    double **vectors;
    size_t i;
    for (i = 0; i < input_count; i++)
        if (inputs[i]->rows != c->inputs[i].rows || inputs[i]->columns != c->inputs[i].columns)
            return fail(reply, HEXPERIMENT_FOREIGN, NULL, "a table of another shape");
    vectors = calloc(c->value_count + 1, sizeof *vectors);
    if (!vectors) return out_of_memory(reply);
    for (i = 0; i < output_count; i++) outputs[i] = NULL;
    status = run(c, inputs, vectors, outputs, reply);
    for (i = 0; i < c->value_count; i++) free(vectors[i]);
    free(vectors);
    if (status != HEXPERIMENT_OK)
        for (i = 0; i < output_count; i++) free(outputs[i]);
    return status;
}

static HexperimentStatus decrypt(const HexperimentDecryptor *decryptor, size_t output,
                                 const HexperimentCiphertexts *ciphertexts,
                                 const HexperimentTableOut *table, const HexperimentReply *reply) {
    (void)decryptor, (void)output;
    if (ciphertexts->rows != table->rows || ciphertexts->columns != table->columns)
        return fail(reply, HEXPERIMENT_FOREIGN, NULL, "a table of another shape");
    memcpy(table->data, ciphertexts->numbers, table->rows * table->columns * sizeof(double));
    return HEXPERIMENT_OK;
}

static HexperimentStatus write_bytes(const HexperimentCiphertexts *ciphertexts,
                                     const HexperimentReply *reply) {
    uint64_t header[2];
    header[0] = ciphertexts->rows;
    header[1] = ciphertexts->columns;
    reply->write(reply->context, header, sizeof header);
#ifdef BREAK_LENGTH
    reply->write(reply->context, header, SIZE_MAX);
#endif
    reply->write(reply->context, ciphertexts->numbers,
                 ciphertexts->rows * ciphertexts->columns * sizeof(double));
    return HEXPERIMENT_OK;
}

static HexperimentStatus load_bytes(const HexperimentCircuit *circuit, const uint8_t *bytes,
                                    size_t length, HexperimentCiphertexts **ciphertexts,
                                    const HexperimentReply *reply) {
    uint64_t header[2];
    size_t body;
    (void)circuit;
    if (length < sizeof header) return fail(reply, HEXPERIMENT_FOREIGN, NULL, "truncated header");
    memcpy(header, bytes, sizeof header);
    body = length - sizeof header;
    if (header[1] == 0 || header[0] > body / sizeof(double) / header[1] ||
        header[0] * header[1] * sizeof(double) != body)
        return fail(reply, HEXPERIMENT_FOREIGN, NULL, "not as many numbers as it says");
    *ciphertexts = new_table((size_t)header[0], (size_t)header[1]);
    if (!*ciphertexts) return out_of_memory(reply);
    memcpy((*ciphertexts)->numbers, bytes + sizeof header, body);
    return HEXPERIMENT_OK;
}

static size_t count_columns(const HexperimentCiphertexts *ciphertexts) {
#ifdef BREAK_COUNT
    return SIZE_MAX - ciphertexts->columns;
#endif
    return ciphertexts->columns;
}

static void keep_encryptor(HexperimentEncryptor *encryptor) { (void)encryptor; }
static void keep_evaluator(HexperimentEvaluator *evaluator) { (void)evaluator; }
static void keep_decryptor(HexperimentDecryptor *decryptor) { (void)decryptor; }
static void destroy_ciphertexts(HexperimentCiphertexts *ciphertexts) { free(ciphertexts); }

static const HexperimentPlugin plugin = {
#if defined(BREAK_VERSION)
    .abi_version = HEXPERIMENT_ABI_VERSION + 1,
#elif defined(BREAK_OLD_VERSION)
    .abi_version = 2,
#else
    .abi_version = HEXPERIMENT_ABI_VERSION,
#endif
#ifdef BREAK_SIZE
    .struct_size = 16,
#else
    .struct_size = sizeof(HexperimentPlugin),
#endif
    .manifest = manifest,
    .capabilities = capabilities,
    .compile = compile,
    .parameters = parameters,
    .simulate = NULL,
    .generate_keys = generate_keys,
    .prepare = prepare,
    .encrypt = encrypt,
    .evaluate = evaluate,
#ifndef BREAK_FUNCTION
    .decrypt = decrypt,
#endif
    .write = write_bytes,
    .load = load_bytes,
    .count = count_columns,
    .destroy_circuit = destroy_circuit,
    .destroy_encryptor = keep_encryptor,
    .destroy_evaluator = keep_evaluator,
    .destroy_decryptor = keep_decryptor,
    .destroy_ciphertexts = destroy_ciphertexts,
};

#if defined(GROWN) /* a plugin of a later day, whose table has more at its end */
const HexperimentPlugin *hexperiment_plugin(void) {
    static struct { HexperimentPlugin plugin; void *more; } grown;
    grown.plugin = plugin;
    grown.plugin.struct_size = sizeof grown;
    grown.more = &grown;
    return &grown.plugin;
}
#elif defined(BREAK_TABLE)
const HexperimentPlugin *hexperiment_plugin(void) { return NULL; }
#elif !defined(BREAK_ENTRY)
const HexperimentPlugin *hexperiment_plugin(void) { return &plugin; }
#endif
