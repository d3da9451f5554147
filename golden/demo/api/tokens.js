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
// keys are looked for in the bytes as a whole, and made to strings is what stands there.

const QUOTE = '"';
const KEYS = ['"usage', '"model'];
const KEY = 6; // as long are both
const USAGE = /^"usage(Metadata)?"[\t\n\r ]*:[\t\n\r ]*\{/;
const MODEL = /^"model(Version)?"[\t\n\r ]*:[\t\n\r ]*"/;
const NAME = /^[A-Za-z0-9._:/@-]{1,128}"/;

const HEAD = 64; // A key has its colon by then, and its value has begun.
const LONGEST = 129; // So a model's name has ended.
const OBJECT = 4096; // And what was used.

// What one answer may take of memory, about. A part takes more than its bytes. Past it the rest
// is passed on unread.
const MEMORY = 32 * 1024 * 1024;
const PART = 640;

const MOST = 1e12;

function read(r, data) {
    r.sendBuffer(data);
    try {
        if (!r.answer) {
            r.answer = begin(r);
        }
        if (r.answer.left > 0) {
            if (data.length > 0) {
                look(r, r.answer, data);
            }
            return;
        }
    } catch (e) {
        // Not what was wrong with it, as that may be of the answer.
        r.error('forage: an answer could not be read for its tokens');
    }
    r.done();
}

function begin(r) {
    const answer = {
        left: 0,
        events: false,
        held: null,
        before: 0, // the byte in front of what comes next
        model: '',
        version: '',
        gemini: false,
    };
    if (r.method === 'POST' && r.status === 200 && !r.headersOut['Content-Encoding']) {
        const type = String(r.headersOut['Content-Type']).toLowerCase();
        answer.events = type.startsWith('text/event-stream');
        answer.left = answer.events || type.startsWith('application/json') ? MEMORY : 0;
    }
    return answer;
}

function look(r, answer, part) {
    const bytes = answer.held ? Buffer.concat([answer.held, part]) : part;
    answer.left -= bytes.length + PART;

    let next = 0;
    let usage = bytes.indexOf(KEYS[0]);
    let model = isNameless(answer) ? bytes.indexOf(KEYS[1]) : -1;
    while (usage >= 0 || model >= 0) {
        const isUsage = usage >= 0 && (model < 0 || usage < model);
        const isGemini = answer.gemini;
        const at = isUsage ? usage : model;
        next = at + KEY;
        if (begins(at === 0 ? answer.before : bytes[at - 1])) {
            next = isUsage ? used(r, answer, bytes, at) : named(r, answer, bytes, at);
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
    return bytes.slice(at, end).toString();
}

// Each of these returns where to go on, or -1 if more has to come first.

function used(r, answer, bytes, at) {
    const key = USAGE.exec(text(answer, bytes, at, HEAD));
    if (!key) {
        return bytes.length - at < HEAD ? -1 : at + KEY;
    }
    const begin = at + key[0].length - 1;
    const object = text(answer, bytes, begin, OBJECT);
    const length = span(object);
    if (length < 0) {
        return object.length < OBJECT ? -1 : bytes.length;
    }
    let usage = null;
    try {
        usage = JSON.parse(object.slice(0, length));
    } catch (e) {
        return at + KEY;
    }
    count(r.variables, answer, usage);
    if (key[1] && !answer.gemini) {
        answer.gemini = true;
        name(r.variables, answer);
    }
    return begin + length;
}

// How long the object is that a text begins with, or -1 if its end is not there. No string in it
// has braces: if one had, JSON.parse would refuse what comes of it.
function span(text) {
    let depth = 0;
    let open = 0;
    let close = text.indexOf('}');
    while (close >= 0) {
        while (open >= 0 && open < close) {
            depth++;
            open = text.indexOf('{', open + 1);
        }
        depth--;
        if (depth === 0) {
            return close + 1;
        }
        close = text.indexOf('}', close + 1);
    }
    return -1;
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

function named(r, answer, bytes, at) {
    const key = MODEL.exec(text(answer, bytes, at, HEAD));
    if (!key) {
        return bytes.length - at < HEAD ? -1 : at + KEY;
    }
    const begin = at + key[0].length;
    const value = text(answer, bytes, begin, LONGEST);
    const end = value.indexOf('"');
    if (end < 0 && value.length < LONGEST) {
        return -1;
    }
    if (NAME.test(value)) {
        if (key[1]) {
            answer.version = value.slice(0, end);
        } else if (!answer.model) {
            answer.model = value.slice(0, end);
        }
        name(r.variables, answer);
    }
    return begin;
}

function name(variables, answer) {
    const isVersion = answer.version && (answer.gemini || !answer.model);
    variables.tokens_model = isVersion ? answer.version : answer.model;
}

export default { read };
