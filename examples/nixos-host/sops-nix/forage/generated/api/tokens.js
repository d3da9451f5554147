// Reads in an API's answers which model answered, and how many tokens were counted.
// Written by forage-gen. Do not edit: change the project and run `forage-gen build`.
//
// nginx hands each part of a body to `read`, which passes it on at once and as it is. Between two
// parts no more is kept than what may be the beginning of something that is looked for.
//
// Looked for are keys, `"usage` and `"model` with whatever follows. Within a string of JSON each
// quote has a backslash before it, and before a key there is none: what a model writes is no key.
//
// njs gives memory back at the end of an answer, and is slow with strings and with single bytes. So
// keys are looked for in the bytes as a whole, and made to strings is what stands there. Each call
// of nginx's costs as much as reading a short answer, so there is none after an answer's last byte.

const QUOTE = '"';
const KEYS = ['"usage', '"model'];
const KEY = 6; // as long are both

// What a key, its colon and its value look like as a whole, and as what may become one. No string in
// an object that counts has braces: if one had, JSON.parse would refuse what comes of it.
const USAGE =
    /^"usage(Metadata)?"[\t\n\r ]*:[\t\n\r ]*(\{[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\})/;
const USAGE_BEGUN = /^"usage(?:M[a-z]{0,7})?(?:"[\t\n\r ]*(?::[\t\n\r ]*(\{)?)?)?/;
const MODEL = /^"model(Version)?"[\t\n\r ]*:[\t\n\r ]*"([A-Za-z0-9._:/@-]{1,128})"/;
const MODEL_BEGUN =
    /^"model(?:V[a-z]{0,6})?(?:"[\t\n\r ]*(?::[\t\n\r ]*(?:"[A-Za-z0-9._:/@-]{0,128})?)?)?/;

const SHORT = 200; // A model's name has ended by then, and most of what was used.
const LONG = 4096; // And all of it.

// What one answer may take of memory, about. A part takes more than its bytes. Past it the rest
// is passed on unread.
const MEMORY = 32 * 1024 * 1024;
const PART = 640;

const MOST = 1e12;

function read(r, data, flags) {
    r.sendBuffer(data, flags);
    try {
        const answer = r.answer || begin(r);
        if (answer) {
            if (data.length > 0) {
                look(r.variables, answer, data);
            }
            if (answer.left > 0) {
                r.answer = answer;
                return;
            }
        }
    } catch (e) {
        // Not what was wrong with it, as that may be of the answer.
        r.error('forage: an answer could not be read for its tokens');
    }
    r.done();
}

function begin(r) {
    // "events", or "json" and how long it is, if that was said.
    const kind = r.variables.tokens_kind;
    if (!kind) {
        return null;
    }
    return {
        left: MEMORY,
        events: kind === 'events',
        rest: kind === 'events' ? -1 : Number(kind.slice(5) || -1),
        held: null,
        before: 0, // the byte in front of what comes next
        model: '',
        version: '',
        gemini: false,
    };
}

function look(variables, answer, part) {
    const bytes = answer.held ? Buffer.concat([answer.held, part]) : part;
    answer.left -= bytes.length + PART;
    answer.rest -= part.length;

    let next = 0;
    let usage = bytes.indexOf(KEYS[0]);
    let model = isNameless(answer) ? bytes.indexOf(KEYS[1]) : -1;
    while (usage >= 0 || model >= 0) {
        const isUsage = usage >= 0 && (model < 0 || usage < model);
        const isGemini = answer.gemini;
        const at = isUsage ? usage : model;
        next = at + KEY;
        if (begins(at === 0 ? answer.before : bytes[at - 1])) {
            next = isUsage ? used(variables, answer, bytes, at) : named(variables, answer, bytes, at);
            if (next < 0) {
                hold(answer, bytes, at);
                return;
            }
        }
        if (usage >= 0 && usage < next) {
            usage = bytes.indexOf(KEYS[0], next);
        }
        if ((model >= 0 && model < next) || isGemini !== answer.gemini) {
            model = isNameless(answer) ? bytes.indexOf(KEYS[1], next) : -1;
        }
    }
    if (answer.rest === 0) {
        // There is no more of it.
        answer.left = 0;
        return;
    }

    next = bytes.indexOf(QUOTE, Math.max(next, bytes.length - KEY + 1));
    while (next >= 0) {
        const end = bytes.slice(next).toString();
        if (KEYS[0].startsWith(end) || KEYS[1].startsWith(end)) {
            hold(answer, bytes, next);
            return;
        }
        next = bytes.indexOf(QUOTE, next + 1);
    }
    hold(answer, bytes, bytes.length);
}

// Gemini's version of a model comes behind whatever that model says; the others' model before it.
function isNameless(answer) {
    return !answer.version && (answer.gemini || !answer.model);
}

// Keep what is from here on until there is more, and of what was before the last byte.
function hold(answer, bytes, at) {
    if (at > 0) {
        answer.before = bytes[at - 1];
    }
    // A copy, as nginx uses the memory again.
    answer.held = at < bytes.length ? Buffer.from(bytes.slice(at)) : null;
}

// Whether a key can follow this byte: a brace, a comma, or white space.
function begins(byte) {
    return byte === 123 || byte === 44 || byte === 32 || byte === 10 || byte === 13 || byte === 9;
}

// A few of the bytes as a string. They count once more.
function text(answer, bytes, at, most) {
    const end = Math.min(bytes.length, at + most);
    answer.left -= end - at;
    return bytes.toString('utf8', at, end);
}

// Each of these returns where to go on, or -1 if more has to come first.

function used(variables, answer, bytes, at) {
    let key = USAGE.exec(text(answer, bytes, at, SHORT));
    if (!key) {
        const said = text(answer, bytes, at, LONG);
        key = USAGE.exec(said);
        if (!key) {
            const begun = USAGE_BEGUN.exec(said);
            if (!begun[1] && begun[0].length < said.length) {
                return at + KEY;
            }
            return bytes.length - at < LONG ? -1 : bytes.length;
        }
    }
    let usage = null;
    try {
        usage = JSON.parse(key[2]);
    } catch (e) {
        return at + KEY;
    }
    count(variables, answer, usage);
    if (key[1] && !answer.gemini) {
        answer.gemini = true;
        name(variables, answer);
    }
    return at + key[0].length;
}

// Anthropic's names, those of OpenAI's two APIs, and Gemini's.
function count(variables, answer, usage) {
    const details = usage.input_tokens_details || usage.prompt_tokens_details || {};
    const input = number(usage.input_tokens, usage.prompt_tokens, usage.promptTokenCount);
    const output = number(usage.output_tokens, usage.completion_tokens, usage.candidatesTokenCount);
    const cacheRead = number(
        usage.cache_read_input_tokens,
        details.cached_tokens,
        usage.cachedContentTokenCount
    );
    const cacheWrite = number(usage.cache_creation_input_tokens);

    if (!input && !output && !cacheRead && !cacheWrite) {
        return;
    }
    // A stream tells them in several places. Elsewhere the last place has all of them, and one
    // before may be of what the model calls a tool with.
    if (input || !answer.events) {
        variables.tokens_input = input || 'null';
    }
    if (output || !answer.events) {
        variables.tokens_output = output || 'null';
    }
    if (cacheRead || !answer.events) {
        variables.tokens_cache_read = cacheRead || 'null';
    }
    if (cacheWrite || !answer.events) {
        variables.tokens_cache_write = cacheWrite || 'null';
    }
}

// The first of them that is there, if it is a count, in digits.
function number(one, two, three) {
    let value = one;
    if (value === undefined) {
        value = two === undefined ? three : two;
    }
    if (typeof value !== 'number' || !(value >= 0 && value <= MOST) || value % 1 !== 0) {
        return '';
    }
    return String(value);
}

function named(variables, answer, bytes, at) {
    const said = text(answer, bytes, at, SHORT);
    const key = MODEL.exec(said);
    if (!key) {
        const isBegun = MODEL_BEGUN.exec(said)[0].length === said.length;
        return isBegun && bytes.length - at < SHORT ? -1 : at + KEY;
    }
    if (key[1]) {
        answer.version = key[2];
    } else if (!answer.model) {
        answer.model = key[2];
    }
    name(variables, answer);
    return at + key[0].length;
}

function name(variables, answer) {
    const isVersion = answer.version && (answer.gemini || !answer.model);
    variables.tokens_model = isVersion ? answer.version : answer.model;
}

export default { read };
