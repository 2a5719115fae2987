"""Somebody who knows only /openapi.json sends what it allows and what it forbids, and finds nothing wrong."""

import subprocess
import sysconfig
from pathlib import Path
from typing import Final

import httpx

from tests.adapters.serving import database_for, serving, venue

EACH_BY_ITSELF: Final = """
[[operations]]
include-path = "/api/v1/orders/batch"
checks.negative_data_rejection.enabled = false
"""
"""A batch is answered even if a command in it is malformed: that one is refused in its own place."""


def test_the_server_keeps_to_its_own_description(server_url: str, template: str, tmp_path: Path) -> None:
    """But for the check that every well-formed request is accepted: a well-formed order may be refused."""
    with (
        database_for(server_url, template) as url,
        serving(url, tmp_path) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        (tmp_path / "schemathesis.toml").write_text(EACH_BY_ITSELF)
        token = venue(server.address, http).admin.token
        ended = subprocess.run(
            [
                str(Path(sysconfig.get_path("scripts")) / "schemathesis"),
                "run",
                f"{server.address}/openapi.json",
                *("-H", f"Authorization: Bearer {token}"),
                *("--phases", "coverage,fuzzing", "--max-examples", "3", "--seed", "20261120"),
                *("--exclude-checks", "positive_data_acceptance"),
                # Asked for with no more than its token, it is the end of that token.
                *("--exclude-path", "/api/v1/account/logout-all"),
                "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
        assert '"level":"error"' not in server.log.read_text()
