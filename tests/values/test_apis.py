from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.values.apis import (
    SIZE_MAX,
    api_header,
    api_path,
    api_url,
    api_variable,
    byte_size,
    log_size,
    method,
)
from tests.values.table import Refused, check_refused, ids, problem_of

K, M, G = 1024, 1024**2, 1024**3


@pytest.mark.parametrize(
    ("text", "host", "port", "prefix", "canonical"),
    [
        ("https://api.github.com", "api.github.com", 443, "", "https://api.github.com"),
        ("https://api.github.com/", "api.github.com", 443, "", "https://api.github.com"),
        ("HTTPS://API.GitHub.com:443", "api.github.com", 443, "", "https://api.github.com"),
        ("https://a.example:8443", "a.example", 8443, "", "https://a.example:8443"),
        ("https://a.example/api/v3/", "a.example", 443, "/api/v3", "https://a.example/api/v3"),
        ("https://a.example:1/x~y_z/.w", "a.example", 1, "/x~y_z/.w", None),
        ("https://a.example/...", "a.example", 443, "/...", None),
        ("https://a.example:", "a.example", 443, "", "https://a.example"),
        ("https://münchen.example", "xn--mnchen-3ya.example", 443, "", None),
    ],
)
def test_api_url(text: str, host: str, port: int, prefix: str, canonical: str | None) -> None:
    url = api_url(text)
    assert (url.host, url.port, url.prefix) == (host, port, prefix)
    assert api_url(str(url)) == url
    assert canonical is None or str(url) == canonical


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "api-url-invalid", "not the address of an API", "`https://api.example.org`"),
        Refused("api.example.org", "api-url-invalid", "not the address", "`https://`"),
        Refused("https://", "api-url-invalid", "not the address", "`https://`"),
        Refused("https:///v1", "api-url-invalid", "not the address", "`https://`"),
        Refused("ftp://a.example", "api-url-invalid", "not the address", "`https://`"),
        Refused("https://a.example:0", "api-url-invalid", "not the address", "`https://`"),
        Refused("https://a.example:65536", "api-url-invalid", "not the address", "`https://`"),
        Refused("https://a.example:x", "api-url-invalid", "not the address", "`https://`"),
        Refused("https://[::1", "api-url-invalid", "not the address", "`https://`"),
        Refused("https://k:s@a.example", "api-url-invalid", "not the address", "`https://`"),
        Refused("https://@a.example", "api-url-invalid", "not the address", "`https://`"),
        Refused("https://a.exam\nple", "api-url-invalid", "not the address", "`https://`"),
        Refused("\thttps://a.example", "api-url-invalid", "not the address", "`https://`"),
        Refused(" https://a.example", "api-url-invalid", "not the address", "`https://`"),
        Refused("https://a.example\x1f", "api-url-invalid", "not the address", "`https://`"),
        Refused("HTTP://A.example:80", "api-in-clear", "in clear text", "`https://a.example:80`"),
        Refused("http://a.example?k", "api-url-path", "a plain path", "in `paths`"),
        Refused(f"https://a.example/{'a' * 500}", "api-url-path", "a plain path", "in `paths`"),
        Refused("http://a.example/v1", "api-in-clear", "in clear text", "`https://a.example/v1`"),
        Refused("https://a.example?", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://a.example/?k=v", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://a.example/v1#x", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://a.example/a b", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://a.example/a%2fb", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://a.example/$host", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://a.example//x", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://a.example/../x", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://a.example/x/.", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://a.example/ü", "api-url-path", "a plain path", "in `paths`"),
        Refused("https://10.0.0.1", "api-url-host", "no single host", "certificate"),
        Refused("https://[2001:db8::1]", "api-url-host", "no single host", "certificate"),
        Refused("https://*.a.example", "api-url-host", "no single host", "certificate"),
        Refused("https://!a.example", "api-url-host", "no single host", "certificate"),
    ],
    ids=ids,
)
def test_api_url_refuses(case: Refused) -> None:
    check_refused(api_url, case)


def test_a_host_that_is_none_is_refused_as_everywhere() -> None:
    check_refused(api_url, Refused("https://a_b!.example", "host-label", "`a_b!.example`", ""))


@pytest.mark.parametrize(
    ("text", "name", "scheme", "canonical"),
    [
        ("x-api-key", "x-api-key", None, "x-api-key"),
        ("Authorization: Bearer", "Authorization", "Bearer", "Authorization: Bearer"),
        ("Authorization:token", "Authorization", "token", "Authorization: token"),
        ("A" * 64, "A" * 64, None, "A" * 64),
    ],
)
def test_api_header(text: str, name: str, scheme: str | None, canonical: str) -> None:
    header = api_header(text)
    assert (header.name, header.scheme) == (name, scheme)
    assert str(header) == canonical
    assert api_header(canonical) == header


@pytest.mark.parametrize(
    "case",
    [
        Refused("", "api-header-invalid", "not a header", "`x-api-key`"),
        Refused("-x", "api-header-invalid", "not a header", "`x-api-key`"),
        Refused("x_key", "api-header-invalid", "not a header", "`x-api-key`"),
        Refused("A" * 65, "api-header-invalid", "not a header", "`x-api-key`"),
        Refused("X:", "api-header-invalid", "not a header", "`Authorization: Bearer`"),
        Refused("X:  Y", "api-header-invalid", "not a header", "`Authorization: Bearer`"),
        Refused(f"X: {'Y' * 65}", "api-header-invalid", "not a header", "`Authorization: Bearer`"),
        Refused("X: Y Z", "api-header-invalid", "not a header", "`Authorization: Bearer`"),
        Refused("X: $key", "api-header-invalid", "not a header", "`Authorization: Bearer`"),
        Refused("X\r\nHost", "api-header-invalid", "not a header", "`Authorization: Bearer`"),
        Refused("X: Y\n", "api-header-invalid", "not a header", "`Authorization: Bearer`"),
        Refused("Kéy", "api-header-invalid", "not a header", "`x-api-key`"),
        Refused("Host", "api-header-reserved", "`Host` holds no key", "documents"),
        Refused("CONTENT-LENGTH", "api-header-reserved", "holds no key", "documents"),
        Refused("Transfer-Encoding: x", "api-header-reserved", "holds no key", "documents"),
        Refused("connection", "api-header-reserved", "holds no key", "documents"),
        Refused("Upgrade", "api-header-reserved", "holds no key", "documents"),
    ],
    ids=ids,
)
def test_api_header_refuses(case: Refused) -> None:
    check_refused(api_header, case)


@pytest.mark.parametrize(
    "text",
    [
        *("/", "/**", "/*", "/v1/messages", "/v1/models/*", "/repos/acme/website/**", "/v1/"),
        *("/a*b/*c*", "/x:y@z=1,2+3-4~5", "/...", "/a..b", "/.well-known/x", "/v1.0/*.json"),
        f"/{'a' * 499}",
    ],
)
def test_api_path(text: str) -> None:
    assert api_path(text) == text


@pytest.mark.parametrize(
    "case",
    [
        Refused(text, "api-path-invalid", "no pattern of paths", "Begin with `/`")
        for text in [
            *("", "v1", "*", "**", "//", "/a//b", "/a/**/b", "/a**", "/**/", "/***", "/a/**b"),
            *("/.", "/..", "/a/../b", "/a/./b", "/a/..", "/a b", "/a?x", "/a#x", "/a%2f", "/a;x"),
            *("/a\\b", "/$uri", '/"', "/(a|b)", "/[a]", "/{a}", "/a^", "/a!", "/ü", "/a\n", "/\0"),
            f"/{'a' * 500}",
        ]
    ],
    ids=ids,
)
def test_api_path_refuses(case: Refused) -> None:
    check_refused(api_path, case)


@pytest.mark.parametrize("text", ["GET", "POST", "PROPFIND", "AB", "A" * 16])
def test_method(text: str) -> None:
    assert method(text) == text


@pytest.mark.parametrize(
    "case",
    [
        Refused("get", "api-method-invalid", "`get` is no method", "Write `GET`."),
        Refused("Post", "api-method-invalid", "`Post` is no method", "Write `POST`."),
        Refused("CONNECT", "api-method-invalid", "no method that can be", "such as `GET`"),
        Refused("trace", "api-method-invalid", "no method that can be", "such as `GET`"),
        Refused("", "api-method-invalid", "no method that can be", "such as `GET`"),
        Refused("A", "api-method-invalid", "no method that can be", "such as `GET`"),
        Refused("A" * 17, "api-method-invalid", "no method that can be", "such as `GET`"),
        Refused("*", "api-method-invalid", "no method that can be", "such as `GET`"),
        Refused("GET|POST", "api-method-invalid", "no method that can be", "such as `GET`"),
        Refused("GET ", "api-method-invalid", "no method that can be", "such as `GET`"),
        Refused("GET\n", "api-method-invalid", "no method that can be", "such as `GET`"),
        # Its capitals are `SS`.
        Refused("ß", "api-method-invalid", "no method that can be", "such as `GET`"),
    ],
    ids=ids,
)
def test_method_refuses(case: Refused) -> None:
    check_refused(method, case)


@pytest.mark.parametrize("text", ["{url}", "{url}/v1", "1", "a 'b' \"c\" $d `e` \\", "x" * 1000])
def test_api_variable(text: str) -> None:
    assert api_variable(text) == text


@pytest.mark.parametrize(
    "case",
    [
        Refused(text, "api-variable-invalid", "one line of printable ASCII", "{url}")
        for text in ["", "\n", "a\nb", "\t", "\0", "\x1b", "\x7f", "é", "x" * 1001]
    ],
    ids=ids,
)
def test_api_variable_refuses(case: Refused) -> None:
    check_refused(api_variable, case)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1K", K),
        ("32M", 32 * M),
        ("1G", G),
        ("1024G", SIZE_MAX),
        ("1048576M", SIZE_MAX),
        ("999999999K", 999_999_999 * K),
    ],
)
def test_byte_size(text: str, size: int) -> None:
    assert (byte_size(text).text, byte_size(text).size) == (text, size)


@pytest.mark.parametrize(
    "case",
    [
        *(
            Refused(text, "byte-size-invalid", "not a size", "such as `32M`")
            for text in [
                *("", "32", "M", "0M", "032M", "-1M", "1.5M", "32m", "32MB", "32 M", "32T"),
                *("32M\n", "٣M", "1000000000K", "infinity"),
            ]
        ),
        Refused("1025G", "byte-size-large", "more than anybody keeps", "`32M`"),
        Refused("999999999M", "byte-size-large", "more than anybody keeps", "`32M`"),
    ],
    ids=ids,
)
def test_byte_size_refuses(case: Refused) -> None:
    check_refused(byte_size, case)


def test_a_log_has_a_megabyte_at_least() -> None:
    assert log_size("1M").size == M
    check_refused(log_size, Refused("999999K", "log-size-small", "less than a log", "`200M`"))
    check_refused(log_size, Refused("1025G", "byte-size-large", "more than anybody", "`32M`"))


@given(st.from_regex(r"[1-9][0-9]{0,5}", fullmatch=True), st.sampled_from("KMG"))
def test_a_size_is_its_number_times_its_suffix(number: str, suffix: str) -> None:
    size = int(number) * {"K": K, "M": M, "G": G}[suffix]
    if size <= SIZE_MAX:
        assert byte_size(f"{number}{suffix}").size == size


@given(st.from_regex(r"(/(\*\*|[a.*:+-]{1,3}|))*", fullmatch=True))
def test_a_pattern_is_a_path_whose_wildcards_are_where_they_may_be(text: str) -> None:
    parts = text.split("/")
    inner = parts[1:-1] if parts[-1] in {"", "**"} else parts[1:]
    sound = text.startswith("/") and all(
        part and "**" not in part and part not in {".", ".."} for part in inner
    )
    if sound:
        assert api_path(text) == text
    else:
        assert problem_of(api_path, text).code == "api-path-invalid"
