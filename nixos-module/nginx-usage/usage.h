/*
 * Reads in the answer of a language model's API which model answered, and how many tokens it
 * counted. The answer is handed over piece by piece, as it passes; nothing of it is kept but the
 * name and the numbers. Memory is the structure below, whatever the answer is.
 */
#ifndef FORAGE_USAGE_H
#define FORAGE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names of models are no longer. A key that is looked for is not either. */
#define FORAGE_USAGE_TEXT 128

/* A count is no more. What states more states nothing. */
#define FORAGE_USAGE_MOST INT64_C(1000000000000)

/* In place of a count that was not stated. */
#define FORAGE_USAGE_UNSTATED INT64_C(-1)

/* What is counted. `THOUGHTS` is output that Gemini counts apart. */
enum forage_usage_count {
    FORAGE_USAGE_INPUT,
    FORAGE_USAGE_OUTPUT,
    FORAGE_USAGE_CACHE_READ,
    FORAGE_USAGE_CACHE_WRITE,
    FORAGE_USAGE_THOUGHTS,
    FORAGE_USAGE_COUNTS
};

/* The kinds of objects and arrays that something is looked for in. They lie in each other at most
 * as deep as there are kinds. */
enum forage_usage_place {
    FORAGE_USAGE_LIST,    /* the whole answer, if it is an array */
    FORAGE_USAGE_BODY,    /* the whole answer, or an element of that array */
    FORAGE_USAGE_INNER,   /* "message" or "response" of a body */
    FORAGE_USAGE_USED,    /* "usage" or "usageMetadata" of either */
    FORAGE_USAGE_DETAILS, /* "input_tokens_details" or "prompt_tokens_details" of that */
    FORAGE_USAGE_PLACES
};

struct forage_usage {
    /* What was found. */
    int64_t counts[FORAGE_USAGE_COUNTS];
    char model[FORAGE_USAGE_TEXT];
    size_t model_length; /* 0 if none was stated */

    /* Where in the events reading is, if the answer is a stream of them. */
    bool is_events;
    int line;
    size_t line_length;
    bool after_return;

    /* Where in the JSON reading is: the places it is in, outermost first, and how many containers
     * deep below these. */
    uint8_t places[FORAGE_USAGE_PLACES];
    size_t known;
    size_t below;
    int token;
    int step;
    int key;

    /* The string or the number that is being read. */
    char text[FORAGE_USAGE_TEXT];
    size_t length;
    bool is_wanted;
    int64_t number;

    /* What the usage object that is being read has stated. */
    int64_t stated[FORAGE_USAGE_COUNTS];
};

/* Begin with an answer: one of server-sent events (WHATWG HTML, 9.2), or else of JSON (RFC 8259). */
void forage_usage_begin(struct forage_usage *usage, bool is_events);

/* Read the next piece of it. */
void forage_usage_read(struct forage_usage *usage, const unsigned char *piece, size_t size);

#endif
