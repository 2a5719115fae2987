"""`verdict token`: the server takes what it prints, and nothing but the token goes to standard output."""

import os
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from adapters.wire.user_responses import WORKER_ID
from kernel.codes import AMM_ID
from tests.adapters.serving import ROOT, SECRET, Caller, Venue


def token(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "adapters.cli", "token", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def claims(signed: str) -> dict[str, object]:
    return jwt.decode(signed.strip(), SECRET, ["HS256"])


def test_the_server_takes_the_service_token_with_the_limits_of_the_market_maker(the_venue: Venue) -> None:
    amm = Caller(the_venue.http, token(VERDICT_JWT_SECRET=SECRET).stdout.strip())
    assert amm.post("/amm/token/renew").status == 200
    assert amm.get("/account/balance").data["user_id"] == AMM_ID


def test_the_token_of_a_worker_renews_itself_and_opens_nothing_else(the_venue: Venue) -> None:
    signed = token("--makers", VERDICT_JWT_SECRET=SECRET)
    assert signed.stderr.startswith("service token of a worker, valid until ")
    assert claims(signed.stdout)["sub"] == WORKER_ID
    worker = Caller(the_venue.http, signed.stdout.strip())
    renewed = Caller(the_venue.http, worker.post("/market-making/token/renew").data["service_token"])
    for each in (worker, renewed):
        assert each.post("/market-making/token/renew").status == 200
        for path in ("/account/balance", "/markets", "/amm/markets", "/admin/users"):
            assert each.get(path).verdict == (403, 1007)


def test_a_worker_has_service_tokens_only() -> None:
    done = token("--makers", "--access", VERDICT_JWT_SECRET=SECRET)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


def test_the_access_token_is_an_ordinary_one(the_venue: Venue) -> None:
    """It trades, and does not renew: that is for service tokens."""
    amm = Caller(the_venue.http, token("--access", VERDICT_JWT_SECRET=SECRET).stdout.strip())
    assert amm.get("/amm/markets").status == 200
    assert amm.post("/amm/token/renew").verdict == (403, 6099)


@pytest.mark.parametrize(
    ("arguments", "kind", "seconds"),
    [
        ((), "service", 86_400),
        (("--access",), "access", 1_800),
        (("--for", "2h"), "service", 7_200),
        (("--access", "--for", "90"), "access", 90),
    ],
)
def test_it_lasts_as_long_as_its_type_may_or_as_asked(
    arguments: tuple[str, ...], kind: str, seconds: int
) -> None:
    says = claims(token(*arguments, VERDICT_JWT_SECRET=SECRET).stdout)
    issued, ends = says["iat"], says["exp"]
    assert isinstance(issued, int)
    assert isinstance(ends, int)
    assert (says["sub"], says["type"], ends - issued) == (AMM_ID, kind, seconds)


def test_the_token_is_alone_on_standard_output() -> None:
    done = token(VERDICT_JWT_SECRET=SECRET)
    assert done.stdout.count("\n") == 1
    assert done.stderr.startswith("service token of the market maker, valid until ")


def test_the_key_is_found_in_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "jwt_secret").write_text(SECRET)
    assert claims(token(VERDICT_DATA=str(tmp_path)).stdout)["sub"] == AMM_ID


def test_without_a_key_it_makes_none_and_says_where_one_would_be(tmp_path: Path) -> None:
    """A key made here might not be the server's, and the token would open nothing."""
    done = token(VERDICT_DATA=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no token key in {tmp_path}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("span", ["0", "soon", "-5m", "1.5h", "2w", ""])
def test_what_is_no_span_of_time_is_refused(span: str) -> None:
    assert token("--for", span, VERDICT_JWT_SECRET=SECRET).returncode == 2


def test_no_token_outlives_its_type() -> None:
    done = token("--access", "--for", "31m", VERDICT_JWT_SECRET=SECRET)
    assert (done.returncode, done.stdout) == (1, "")
    assert "1800 seconds at most" in done.stderr
