"""Ports on loopback: found free, and told apart when taken."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import TypeVar

from quantmatrix.errors import Problem

LOOPBACK = "127.0.0.1"
# Below the ranges that systems use for outgoing connections, so that a remembered port stays free.
RANGE = range(20000, 32000)
FIRST_START_TRIES = 5
Result = TypeVar("Result")


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port whose last connections are still closing is free for a server; one that listens is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose(count: int) -> list[int]:
    """``count`` different ports that are free now."""
    free = [port for port in random.sample(RANGE, 200) if is_free(port)][:count]
    if len(free) < count:
        raise Problem(
            f"no free port on {LOOPBACK}",
            why=f"of 200 ports tried between {RANGE.start} and {RANGE.stop - 1} none could be bound",
            unchanged="nothing was started",
            next_step="look at what listens on this machine (ss -ltn)",
        )
    return free


class PortTaken(Problem):
    """A remembered port on which something else listens."""


def taken(port: int, server: str, option: str) -> PortTaken:
    """The problem of ``server``'s ``port``; ``option`` of ``quantmatrix up`` chooses another."""
    return PortTaken(
        f"port {port}, which {server} uses, is taken by another program",
        where=f"{LOOPBACK}:{port}",
        why="something else listens there; a port once given is kept, because clients know it",
        unchanged=f"{server} was not started and no data were touched",
        next_step=f"end the other program, or take any free port: quantmatrix up {option} 0",
    )


def on_a_free_port(start: Callable[[list[int]], Result], remembered: list[int]) -> Result:
    """``start`` with the ``remembered`` ports; for 0 a free one, and another if a stranger was faster."""
    for tries_left in range(FIRST_START_TRIES, 0, -1):
        fresh = iter(choose(len(remembered)))
        chosen = [port or next(fresh) for port in remembered]
        try:
            return start(chosen)
        except PortTaken as problem:
            if 0 not in remembered or tries_left == 1:
                raise problem
    raise AssertionError("the last try raises")
