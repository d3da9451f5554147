"""Reach nftables in the kernel, by way of namespaces of one's own."""

import socket

from tests.attacks.attack import CLONE_NEWNET, CLONE_NEWUSER, broken, held, syscall

NETLINK_NETFILTER = 12

FENCE = "limit of user namespaces"
SOURCE = "CVE-2022-1015, CVE-2023-32233, CVE-2024-1086"
USERS = ("agent",)
OPEN = {
    "coder": "it comes with user namespaces",
    "listed": "it comes with user namespaces",
    "shared": "it comes with user namespaces",
}

try:
    syscall("unshare", CLONE_NEWUSER | CLONE_NEWNET)
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
except OSError as failure:
    held(failure)
opened.close()
broken("it may make rules in a network namespace of its own")
