/*
 * Tells nginx's log which model answered and how many tokens it counted: `usage.h`. Answers are
 * looked at as they pass, and neither held up nor changed.
 *
 * A directive, `forage_usage on | off` (off), where `proxy_pass` may stand. Variables, `null` while
 * nothing was stated: $forage_usage_input, $forage_usage_output, $forage_usage_cache_read,
 * $forage_usage_cache_write; and $forage_usage_model, empty while nothing was stated.
 *
 * Written by nginx's development guide: https://nginx.org/en/docs/dev/development_guide.html
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "usage.h"

typedef struct {
    ngx_flag_t is_on;
} location_conf;

extern ngx_module_t ngx_http_forage_usage_module;

static ngx_http_output_header_filter_pt next_header_filter;
static ngx_http_output_body_filter_pt next_body_filter;

static ngx_int_t has_type(ngx_http_request_t *r, const char *type)
{
    ngx_str_t *own = &r->headers_out.content_type;
    size_t length = ngx_strlen(type);

    return own->len >= length && ngx_strncasecmp(own->data, (u_char *) type, length) == 0
        && (own->len == length || own->data[length] == ';' || own->data[length] == ' ');
}

/* Whether an answer states something, as events, as JSON, or not at all. */
static ngx_int_t header_filter(ngx_http_request_t *r)
{
    location_conf *conf = ngx_http_get_module_loc_conf(r, ngx_http_forage_usage_module);
    ngx_int_t is_events = has_type(r, "text/event-stream");
    struct forage_usage *usage;

    if (!conf->is_on || r != r->main || r->method != NGX_HTTP_POST
        || r->headers_out.status != NGX_HTTP_OK || r->headers_out.content_encoding != NULL
        || !(is_events || has_type(r, "application/json"))) {
        return next_header_filter(r);
    }
    usage = ngx_palloc(r->pool, sizeof *usage);
    if (usage == NULL) {
        return NGX_ERROR;
    }
    forage_usage_begin(usage, is_events);
    ngx_http_set_ctx(r, usage, ngx_http_forage_usage_module);
    r->filter_need_in_memory = 1;
    return next_header_filter(r);
}

static ngx_int_t body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    struct forage_usage *usage = ngx_http_get_module_ctx(r, ngx_http_forage_usage_module);

    if (usage != NULL) {
        for (ngx_chain_t *link = in; link != NULL; link = link->next) {
            if (ngx_buf_in_memory(link->buf)) {
                forage_usage_read(usage, link->buf->pos, link->buf->last - link->buf->pos);
            }
        }
    }
    return next_body_filter(r, in);
}

static ngx_int_t set(ngx_http_variable_value_t *value, u_char *data, size_t length)
{
    value->data = data;
    value->len = (unsigned) length;
    value->valid = 1;
    value->no_cacheable = 1;
    value->not_found = 0;
    return NGX_OK;
}

static ngx_int_t
get_model(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
    struct forage_usage *usage = ngx_http_get_module_ctx(r, ngx_http_forage_usage_module);

    (void) data;
    if (usage == NULL) {
        return set(value, (u_char *) "", 0);
    }
    return set(value, (u_char *) usage->model, usage->model_length);
}

static ngx_int_t
get_count(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t count)
{
    struct forage_usage *usage = ngx_http_get_module_ctx(r, ngx_http_forage_usage_module);
    u_char *digits;

    if (usage == NULL || usage->counts[count] == FORAGE_USAGE_UNSTATED) {
        return set(value, (u_char *) "null", sizeof "null" - 1);
    }
    digits = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (digits == NULL) {
        return NGX_ERROR;
    }
    return set(value, digits, ngx_sprintf(digits, "%L", usage->counts[count]) - digits);
}

static ngx_http_variable_t variables[] = {
    {ngx_string("forage_usage_model"), NULL, get_model, 0, NGX_HTTP_VAR_NOCACHEABLE, 0},
    {ngx_string("forage_usage_input"), NULL, get_count, FORAGE_USAGE_INPUT,
     NGX_HTTP_VAR_NOCACHEABLE, 0},
    {ngx_string("forage_usage_output"), NULL, get_count, FORAGE_USAGE_OUTPUT,
     NGX_HTTP_VAR_NOCACHEABLE, 0},
    {ngx_string("forage_usage_cache_read"), NULL, get_count, FORAGE_USAGE_CACHE_READ,
     NGX_HTTP_VAR_NOCACHEABLE, 0},
    {ngx_string("forage_usage_cache_write"), NULL, get_count, FORAGE_USAGE_CACHE_WRITE,
     NGX_HTTP_VAR_NOCACHEABLE, 0},
    ngx_http_null_variable,
};

static ngx_int_t add_variables(ngx_conf_t *cf)
{
    for (ngx_http_variable_t *each = variables; each->name.len > 0; each++) {
        ngx_http_variable_t *added = ngx_http_add_variable(cf, &each->name, each->flags);
        if (added == NULL) {
            return NGX_ERROR;
        }
        added->get_handler = each->get_handler;
        added->data = each->data;
    }
    return NGX_OK;
}

static ngx_int_t add_filters(ngx_conf_t *cf)
{
    (void) cf;
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
    return NGX_OK;
}

static void *create_location_conf(ngx_conf_t *cf)
{
    location_conf *conf = ngx_palloc(cf->pool, sizeof *conf);

    if (conf != NULL) {
        conf->is_on = NGX_CONF_UNSET;
    }
    return conf;
}

static char *merge_location_conf(ngx_conf_t *cf, void *outer, void *inner)
{
    location_conf *before = outer;
    location_conf *conf = inner;

    (void) cf;
    ngx_conf_merge_value(conf->is_on, before->is_on, 0);
    return NGX_CONF_OK;
}

static ngx_command_t commands[] = {
    {ngx_string("forage_usage"),
     NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_HTTP_LIF_CONF | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(location_conf, is_on), NULL},
    ngx_null_command,
};

static ngx_http_module_t context = {
    .preconfiguration = add_variables,
    .postconfiguration = add_filters,
    .create_loc_conf = create_location_conf,
    .merge_loc_conf = merge_location_conf,
};

ngx_module_t ngx_http_forage_usage_module = {
    NGX_MODULE_V1,
    &context,
    commands,
    NGX_HTTP_MODULE,
    NULL, /* init master */
    NULL, /* init module */
    NULL, /* init process */
    NULL, /* init thread */
    NULL, /* exit thread */
    NULL, /* exit process */
    NULL, /* exit master */
    NGX_MODULE_V1_PADDING,
};
