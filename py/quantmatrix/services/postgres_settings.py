"""Configuration of an embedded PostgreSQL: one person's machine, data that must survive, bulk imports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from quantmatrix.services.bootstrap import DATABASE
from quantmatrix.services.credentials import SUPERUSER
from quantmatrix.services.ports import LOOPBACK

INCLUDE = "quantmatrix.conf"

SETTINGS: dict[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "password_encryption": "scram-sha-256",
    "ssl": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # With 128 MB the pages that a large import writes went out and came back: a sixth of its time.
    "shared_buffers": "512MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # Pages are mostly cached. Not 1.1: policies hide from the planner how much a person has, and for the
    # average person it then took an index scan, from page to page, to be as cheap as a bitmap.
    "random_page_cost": "1.5",
    # Compiling costs more than these queries take.
    "jit": "off",
    # Whoever connects may listen and notify, and a listener that sleeps keeps every notice: 8 GB by default.
    "max_notify_queue_pages": "1024",
    "wal_level": "replica",
    "wal_compression": "on",
    "min_wal_size": "80MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "logging_collector": "on",
    "log_file_mode": "0600",
    # A new file each day and every ten megabytes; services.logs removes all but the newest.
    "log_filename": "postgres-%Y%m%d-%H%M%S.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "10MB",
    # What people ask holds their figures and account numbers; roles.sql says more for the login of requests.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %u@%d ",
}


# The major version that brought a setting; older servers do not start with it.
SINCE = {"max_notify_queue_pages": 17}


def settings_file(
    port: int, socket_directory: Path, logs: Path, changed: Mapping[str, str], version: int | None
) -> str:
    """Text of the included configuration for a major ``version``; ``changed`` wins over ``SETTINGS``."""
    values = {name: value for name, value in SETTINGS.items() if SINCE.get(name, 0) <= (version or 0)} | {
        "port": str(port),
        "unix_socket_directories": str(socket_directory),
        "log_directory": str(logs),
    }
    lines = [f"{name} = {quoted(value)}" for name, value in (values | dict(changed)).items()]
    return (
        "# Written by quantmatrix at each start; your changes belong in postgresql.conf, below the include.\n"
        + ("\n".join(lines) + "\n")
    )


def access_file(database: str = DATABASE) -> str:
    """Text of ``pg_hba.conf``: passwords always; the superuser by the socket, others one database."""
    return f"""# Written by quantmatrix.
# type  database     user        address       method
local   all          {SUPERUSER}                  scram-sha-256
local   replication  {SUPERUSER}                  scram-sha-256
local   {database:<11}  all                       scram-sha-256
host    all          {SUPERUSER}    all           reject
host    {database:<11}  all         127.0.0.1/32  scram-sha-256
host    {database:<11}  all         ::1/128       scram-sha-256
"""


def is_former_access_file(text: str) -> bool:
    """Whether this is what we once wrote, every database open to all; one that somebody changed is not."""
    return re.sub(r"\s+", " ", text).strip() == _FORMER_ACCESS_FILE


_FORMER_ACCESS_FILE = (
    "# Written by quantmatrix. # type database user address method local all all scram-sha-256"
    f" local replication {SUPERUSER} scram-sha-256 host all {SUPERUSER} all reject"
    " host all all 127.0.0.1/32 scram-sha-256 host all all ::1/128 scram-sha-256"
)


def quoted(value: str) -> str:
    """A value as ``postgresql.conf`` wants it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
