"""Domains below which anybody can have a name, for the asking or for money, by where that is said.

The private section of the Public Suffix List has thousands; these are the ones that people allow
by habit, and those that are made for taking data out.
"""

from __future__ import annotations

import re

_LIST = "https://publicsuffix.org/list/public_suffix_list.dat"  # of 2026-08-19, or names below

# CDNs, object stores, hosted applications and tunnels: the same servers answer for everybody's
# names, and look at what is asked for inside the connection.
_FRONTS = {
    _LIST: """
        amplifyapp.com awsapprunner.com cloudfront.net on.aws
        appspot.com cloudfunctions.net firebaseapp.com googleapis.com run.app translate.goog web.app
        azure-api.net azureedge.net azurefd.net azurestaticapps.net azurewebsites.net
        blob.core.windows.net
        cdn.cloudflare.net pages.dev r2.dev trycloudflare.com workers.dev
        github.io githubpreview.dev gitlab.io
        deno.dev fly.dev herokuapp.com hf.space netlify.app now.sh onrender.com
        ondigitalocean.app pythonanywhere.com railway.app readthedocs.io repl.co replit.app
        replit.dev streamlit.app supabase.co up.railway.app vercel.app vercel.dev
        csb.app digitaloceanspaces.com linodeobjects.com
        akamai.net akamaiedge.net akamaihd.net akamaized.net edgekey.net edgesuite.net
        cdn77-ssl.net edgecompute.app fastly-edge.com fastly.net fastlylb.net
        blogspot.com myshopify.com wixsite.com
        ngrok-free.app ngrok-free.dev ngrok.app ngrok.dev ngrok.io tunnelmole.net
    """,
    "https://docs.bunny.net/cdn/quickstart": "b-cdn.net",
    "https://developers.cloudflare.com/r2/api/s3/": "r2.cloudflarestorage.com",
    "https://cloud.google.com/storage/docs/request-endpoints": "storage.googleapis.com",
    "https://firebase.google.com/docs/database/rest/start": "firebaseio.com",
    "https://www.backblaze.com/apidocs/introduction-to-the-s3-compatible-api": "backblazeb2.com",
    "https://docs.wasabi.com/docs/service-urls-for-wasabis-storage-regions": "wasabisys.com",
    "https://learn.microsoft.com/azure/container-apps/connect-apps": "azurecontainerapps.io",
    "https://docs.github.com/codespaces/developing-in-a-codespace": "app.github.dev",
    "https://surge.sh/docs/cli": "surge.sh",
    "https://github.com/localtunnel/localtunnel": "loca.lt",
    "what the service says on its own site": """
        beeceptor.com codesandbox.io glitch.me googleusercontent.com m.pipedream.net serveo.net
        stackblitz.io webcontainer.io wordpress.com
    """,
}
# Dynamic DNS, virtual machines and catchers of requests: each name has a server of its own, or
# there is nothing behind it but one's own.
_OTHERS = {
    _LIST: """
        awsglobalaccelerator.com cloudapp.net ddns.net duckdns.org elasticbeanstalk.com
        trafficmanager.net ts.net
    """,
    "https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses": """
        cloudapp.azure.com
    """,
    "https://github.com/cunnie/sslip.io": "nip.io sslip.io",
    "https://github.com/projectdiscovery/interactsh": """
        oast.fun oast.live oast.me oast.online oast.pro oast.site
    """,
    "https://docs.webhook.site/": "webhook.site",
}

FRONTS = frozenset(" ".join(_FRONTS.values()).split())
SHARED = FRONTS | frozenset(" ".join(_OTHERS.values()).split())

# One name at which anybody can have a path: a bucket, or a place where requests are kept.
_PATHS = frozenset({"storage.googleapis.com", "s3.wasabisys.com", "webhook.site"})
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html: the bucket can stand
# in the path as well. Backblaze and Wasabi have the same names below their own domains.
_REGION = r"[a-z]{2}(?:-[a-z]+)+-[0-9]+"
_S3 = re.compile(
    rf"s3(?:[.-](?:dualstack\.)?{_REGION})?\.amazonaws\.com(?:\.cn)?"
    rf"|s3\.{_REGION}\.(?:backblazeb2|wasabisys)\.com"
)

# AWS puts services and regions, which are no customer's name, before its domain. Of these, an
# S3 bucket, an API and a function have names on servers that all share.
_AWS = re.compile(
    rf"""
    (?: (?: s3 | s3-website | s3-accesspoint | dualstack | elb | execute-api | compute | compute-1
          | rds | es | lambda-url | {_REGION}
        ) \. )*
    (?: amazonaws\.com(?:\.cn)? | on\.aws )
    """,
    re.VERBOSE,
)
_AWS_FRONT = re.compile(
    rf"(?:s3(?:-website)?|execute-api)(?:[.-](?:dualstack\.)?{_REGION})?\.amazonaws\.com(?:\.cn)?"
)


def holds_everybodys(name: str) -> bool:
    """Whether anybody can have a name below `name`, at any depth."""
    below = f".{name}"
    return (
        name in SHARED
        or _AWS.fullmatch(name) is not None
        or any(shared.endswith(below) for shared in SHARED)
    )


def front(name: str) -> str | None:
    """The shared domain that a name is below, where the same servers answer for all of it."""
    labels = name.split(".")
    for start in range(1, len(labels)):
        above = ".".join(labels[start:])
        if above in FRONTS or _AWS_FRONT.fullmatch(above):
            return above
    return None


def has_everybodys_paths(name: str) -> bool:
    """Whether anybody can receive data at this very name."""
    return name in _PATHS or _S3.fullmatch(name) is not None
