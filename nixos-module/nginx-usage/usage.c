#include "usage.h"

#include <string.h>

/* What the bytes that come next belong to. */
enum { BETWEEN, STRING, ESCAPE, NUMBER, LITERAL };

/* What comes next in an object, if what it holds is looked at. */
enum { KEY, COLON, VALUE, COMMA };

/* What a line of an event stream is. */
enum { NAME, DATA, OTHER };

/* The keys that are looked for, after those of counts. */
enum { MODEL = FORAGE_USAGE_COUNTS, INNER, USED, DETAILS, NONE };

/* Which key means what, where. Those of Anthropic, of OpenAI's two APIs, and of Gemini:
 * https://docs.claude.com/en/api/messages, https://platform.openai.com/docs/api-reference,
 * https://ai.google.dev/api/generate-content */
static const struct {
    const char *name;
    uint8_t length;
    uint8_t key;
    uint8_t places; /* a bit for each */
} KEYS[] = {
#define NAMED(name) name, sizeof name - 1
#define BODIES (1 << FORAGE_USAGE_BODY | 1 << FORAGE_USAGE_INNER)
    {NAMED("model"), MODEL, BODIES},
    {NAMED("modelVersion"), MODEL, BODIES},
    {NAMED("usage"), USED, BODIES},
    {NAMED("usageMetadata"), USED, BODIES},
    {NAMED("message"), INNER, 1 << FORAGE_USAGE_BODY},
    {NAMED("response"), INNER, 1 << FORAGE_USAGE_BODY},
#define IN_USED (1 << FORAGE_USAGE_USED)
    {NAMED("input_tokens"), FORAGE_USAGE_INPUT, IN_USED},
    {NAMED("prompt_tokens"), FORAGE_USAGE_INPUT, IN_USED},
    {NAMED("promptTokenCount"), FORAGE_USAGE_INPUT, IN_USED},
    {NAMED("output_tokens"), FORAGE_USAGE_OUTPUT, IN_USED},
    {NAMED("completion_tokens"), FORAGE_USAGE_OUTPUT, IN_USED},
    {NAMED("candidatesTokenCount"), FORAGE_USAGE_OUTPUT, IN_USED},
    {NAMED("thoughtsTokenCount"), FORAGE_USAGE_THOUGHTS, IN_USED},
    {NAMED("cache_read_input_tokens"), FORAGE_USAGE_CACHE_READ, IN_USED},
    {NAMED("cachedContentTokenCount"), FORAGE_USAGE_CACHE_READ, IN_USED},
    {NAMED("cache_creation_input_tokens"), FORAGE_USAGE_CACHE_WRITE, IN_USED},
    {NAMED("input_tokens_details"), DETAILS, IN_USED},
    {NAMED("prompt_tokens_details"), DETAILS, IN_USED},
    {NAMED("cached_tokens"), FORAGE_USAGE_CACHE_READ, 1 << FORAGE_USAGE_DETAILS},
};

static void forget_json(struct forage_usage *usage)
{
    usage->known = 0;
    usage->below = 0;
    usage->token = BETWEEN;
    usage->step = VALUE;
    usage->key = NONE;
}

static void unstate(int64_t *counts)
{
    for (int count = 0; count < FORAGE_USAGE_COUNTS; count++) {
        counts[count] = FORAGE_USAGE_UNSTATED;
    }
}

void forage_usage_begin(struct forage_usage *usage, bool is_events)
{
    memset(usage, 0, sizeof *usage);
    unstate(usage->counts);
    usage->is_events = is_events;
    usage->line = NAME;
    forget_json(usage);
}

/* The innermost place, or `FORAGE_USAGE_PLACES` outside of all. */
static int place(const struct forage_usage *usage)
{
    return usage->known > 0 ? usage->places[usage->known - 1] : FORAGE_USAGE_PLACES;
}

static bool is_value(const struct forage_usage *usage)
{
    return usage->below == 0 && usage->step == VALUE;
}

/* The place that an object or an array is which begins here, or `FORAGE_USAGE_PLACES`. */
static int place_of(const struct forage_usage *usage, bool is_object)
{
    if (!is_value(usage) || usage->known == FORAGE_USAGE_PLACES) {
        return FORAGE_USAGE_PLACES;
    }
    if (usage->known == 0) {
        return is_object ? FORAGE_USAGE_BODY : FORAGE_USAGE_LIST;
    }
    if (!is_object) {
        return FORAGE_USAGE_PLACES;
    }
    if (place(usage) == FORAGE_USAGE_LIST) {
        return FORAGE_USAGE_BODY;
    }
    switch (usage->key) {
    case INNER:
        return FORAGE_USAGE_INNER;
    case USED:
        return FORAGE_USAGE_USED;
    case DETAILS:
        return FORAGE_USAGE_DETAILS;
    default:
        return FORAGE_USAGE_PLACES;
    }
}

static void open_container(struct forage_usage *usage, bool is_object)
{
    int opened = place_of(usage, is_object);

    if (opened == FORAGE_USAGE_PLACES) {
        usage->below++;
        return;
    }
    usage->places[usage->known++] = (uint8_t) opened;
    usage->step = is_object ? KEY : VALUE;
    usage->key = NONE;
    if (opened == FORAGE_USAGE_USED) {
        unstate(usage->stated);
    }
}

/* Take what a usage object has stated. A stream has several, and not each states everything. */
static void take_stated(struct forage_usage *usage)
{
    int64_t *stated = usage->stated;

    if (stated[FORAGE_USAGE_THOUGHTS] >= 0) {
        int64_t output = stated[FORAGE_USAGE_OUTPUT] > 0 ? stated[FORAGE_USAGE_OUTPUT] : 0;
        stated[FORAGE_USAGE_OUTPUT] = output + stated[FORAGE_USAGE_THOUGHTS];
    }
    for (int count = 0; count < FORAGE_USAGE_COUNTS; count++) {
        if (stated[count] >= 0) {
            usage->counts[count] = stated[count];
        }
    }
}

static void close_container(struct forage_usage *usage)
{
    if (usage->below > 0) {
        usage->below--;
    } else if (usage->known > 0) {
        if (place(usage) == FORAGE_USAGE_USED) {
            take_stated(usage);
        }
        usage->known--;
    }
    if (usage->below == 0) {
        usage->step = usage->known > 0 ? COMMA : VALUE;
        usage->key = NONE;
    }
}

static void end_key(struct forage_usage *usage)
{
    int bit = 1 << place(usage);

    usage->key = NONE;
    usage->step = COLON;
    for (size_t at = 0; at < sizeof KEYS / sizeof *KEYS; at++) {
        if (KEYS[at].places & bit && KEYS[at].length == usage->length
            && memcmp(KEYS[at].name, usage->text, usage->length) == 0) {
            usage->key = KEYS[at].key;
        }
    }
}

/* Whether a model's name may have this byte. None of them can end a string of JSON. */
static bool is_in_names(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
        || (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("._:/@-", byte) != NULL);
}

/* The first name that is stated holds. */
static void take_model(struct forage_usage *usage)
{
    if (usage->model_length > 0) {
        return;
    }
    for (size_t at = 0; at < usage->length; at++) {
        if (!is_in_names(usage->text[at])) {
            return;
        }
    }
    memcpy(usage->model, usage->text, usage->length);
    usage->model_length = usage->length;
}

static void end_string(struct forage_usage *usage)
{
    usage->token = BETWEEN;
    if (usage->below > 0) {
        return;
    }
    if (usage->step == KEY) {
        end_key(usage);
        if (!usage->is_wanted) {
            usage->key = NONE;
        }
    } else {
        if (usage->step == VALUE && usage->key == MODEL && usage->is_wanted) {
            take_model(usage);
        }
        usage->step = COMMA;
    }
}

static void begin_string(struct forage_usage *usage)
{
    usage->token = STRING;
    usage->length = 0;
    usage->is_wanted = usage->below == 0
        && (usage->step == KEY || (usage->step == VALUE && usage->key == MODEL));
}

/* Keep what a part of a string has, if it is looked for and there is room. */
static void keep_text(struct forage_usage *usage, const unsigned char *part, size_t size)
{
    if (size > sizeof usage->text - usage->length) {
        usage->is_wanted = false;
    } else {
        memcpy(usage->text + usage->length, part, size);
        usage->length += size;
    }
}

/* Read of a string what is there of it: gives where it ends. */
static const unsigned char *
read_string(struct forage_usage *usage, const unsigned char *begin, const unsigned char *end)
{
    const unsigned char *byte = begin;

    while (byte < end && *byte != '"' && *byte != '\\') {
        byte++;
    }
    if (usage->is_wanted) {
        keep_text(usage, begin, (size_t) (byte - begin));
    }
    if (byte == end) {
        return end;
    }
    if (*byte == '"') {
        end_string(usage);
    } else {
        /* Nothing that is looked for has to be escaped. */
        usage->is_wanted = false;
        usage->token = ESCAPE;
    }
    return byte + 1;
}

static void end_number(struct forage_usage *usage)
{
    if (is_value(usage) && usage->key < FORAGE_USAGE_COUNTS
        && usage->stated[usage->key] == FORAGE_USAGE_UNSTATED) {
        usage->stated[usage->key] = usage->number;
    }
}

/* Read a byte that is in no string. */
static void read_byte(struct forage_usage *usage, unsigned char byte)
{
    bool is_digit = byte >= '0' && byte <= '9';

    if (usage->token == NUMBER && is_digit) {
        usage->number = usage->number * 10 + (byte - '0');
        if (usage->number > FORAGE_USAGE_MOST) {
            usage->token = LITERAL;
        }
        return;
    }
    switch (byte) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case ',':
    case ':':
    case '{':
    case '[':
    case '}':
    case ']':
    case '"':
        break;
    default:
        /* The beginning of a number, or what is in no count. */
        if (usage->token == BETWEEN && is_digit) {
            usage->token = NUMBER;
            usage->number = byte - '0';
        } else {
            usage->token = LITERAL;
        }
        return;
    }

    if (usage->token == NUMBER && (byte == ',' || byte == '}' || byte == ' ' || byte == '\t'
                                   || byte == '\n' || byte == '\r')) {
        end_number(usage);
    }
    if (usage->token != BETWEEN) {
        usage->token = BETWEEN;
        if (is_value(usage) && usage->known > 0) {
            usage->step = COMMA;
        }
    }

    switch (byte) {
    case '"':
        begin_string(usage);
        break;
    case '{':
    case '[':
        open_container(usage, byte == '{');
        break;
    case '}':
    case ']':
        close_container(usage);
        break;
    case ':':
        if (usage->below == 0 && usage->step == COLON) {
            usage->step = VALUE;
        }
        break;
    case ',':
        if (usage->below == 0 && usage->known > 0) {
            usage->step = place(usage) == FORAGE_USAGE_LIST ? VALUE : KEY;
            usage->key = NONE;
        }
        break;
    default:
        break;
    }
}

static void read_json(struct forage_usage *usage, const unsigned char *byte, size_t size)
{
    const unsigned char *end = byte + size;

    while (byte < end) {
        switch (usage->token) {
        case STRING:
            byte = read_string(usage, byte, end);
            break;
        case ESCAPE:
            usage->token = STRING;
            byte++;
            break;
        default:
            read_byte(usage, *byte++);
            break;
        }
    }
}

static const unsigned char *line_end(const unsigned char *byte, const unsigned char *end)
{
    while (byte < end && *byte != '\n' && *byte != '\r') {
        byte++;
    }
    return byte;
}

static void end_line(struct forage_usage *usage)
{
    if (usage->line == NAME && usage->line_length == 0) {
        /* An empty line ends an event. The next one begins anew, whatever this was. */
        forget_json(usage);
    } else if (usage->line == DATA) {
        read_json(usage, (const unsigned char *) "\n", 1);
    }
    usage->line = NAME;
    usage->line_length = 0;
}

static void read_events(struct forage_usage *usage, const unsigned char *byte, size_t size)
{
    static const char DATA_FIELD[] = "data:";
    const unsigned char *end = byte + size;

    while (byte < end) {
        if (*byte == '\n' && usage->after_return) {
            usage->after_return = false;
            byte++;
            continue;
        }
        usage->after_return = *byte == '\r';
        if (*byte == '\n' || *byte == '\r') {
            end_line(usage);
            byte++;
        } else if (usage->line == NAME) {
            if (*byte != DATA_FIELD[usage->line_length]) {
                usage->line = OTHER;
            } else if (++usage->line_length == sizeof DATA_FIELD - 1) {
                usage->line = DATA;
            }
            byte++;
        } else {
            const unsigned char *rest = line_end(byte, end);
            if (usage->line == DATA) {
                read_json(usage, byte, (size_t) (rest - byte));
            }
            byte = rest;
        }
    }
}

void forage_usage_read(struct forage_usage *usage, const unsigned char *piece, size_t size)
{
    if (usage->is_events) {
        read_events(usage, piece, size);
    } else {
        read_json(usage, piece, size);
    }
}
