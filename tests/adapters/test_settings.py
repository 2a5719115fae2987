"""Settings: every name in the table, every way to get one wrong, and no secret on any screen."""

import ipaddress
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.runtime.setting_values import LogLevel
from adapters.runtime.settings import Settings, SettingsError, load_settings, show_settings, table

SECRET = "a-secret-of-thirty-two-bytes-or-more"


def complaint(**environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment)
    return str(caught.value)


def shown(**environment: str) -> dict[str, tuple[str, str]]:
    return {line.name: (line.value, line.source) for line in show_settings(environment)}


def verdict(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "adapters.cli", *arguments],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_an_environment_every_setting_has_its_default() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.sample_markets
    assert settings.log is LogLevel.INFO


def test_no_secret_has_a_default_that_works() -> None:
    settings = Settings()
    assert settings.jwt_secret is None
    assert settings.admin_password is None
    assert settings.metrics_token is None


def test_the_default_rates_are_those_of_the_api() -> None:
    rates = {
        row.name: str(getattr(Settings(), field))
        for field, row in table()
        if row.name.startswith("VERDICT_RATE_") and row.name != "VERDICT_RATE_LIMITS"
    }
    assert rates == {
        "VERDICT_RATE_AUTH": "5",
        "VERDICT_RATE_PUBLIC": "60",
        "VERDICT_RATE_REGISTRATION": "60",
        "VERDICT_RATE_ORDERS": "30",
        "VERDICT_RATE_GUARD": "10",
        "VERDICT_RATE_AMM_GUARD": "60",
        "VERDICT_RATE_CANCEL": "60",
        "VERDICT_RATE_CANCEL_ALL": "10",
        "VERDICT_RATE_ACCOUNT": "30",
        "VERDICT_RATE_QUERY": "120",
        "VERDICT_RATE_ADMIN": "10",
        "VERDICT_RATE_MM": "30",
        "VERDICT_RATE_AMM_ORDERS": "600",
        "VERDICT_RATE_AMM_REPLACE": "400",
        "VERDICT_RATE_AMM_CANCEL": "600",
        "VERDICT_RATE_AMM_OPS": "60",
        "VERDICT_RATE_AMM_QUERY": "1200",
    }


def test_the_environment_sets_every_setting() -> None:
    settings = load_settings(
        {
            "VERDICT_HOST": "::1",
            "VERDICT_PORT": "0",
            "VERDICT_METRICS_HOST": "::",
            "VERDICT_METRICS_PORT": "9100",
            "VERDICT_METRICS_TOKEN": SECRET,
            "VERDICT_DATA": "/srv/verdict",
            "DATABASE_URL": "postgresql://verdict@db/verdict",
            "VERDICT_JWT_SECRET": SECRET,
            "VERDICT_SEAL_KEY": SECRET,
            "VERDICT_ADMIN_USERNAME": "root",
            "VERDICT_ADMIN_EMAIL": "root@example.org",
            "VERDICT_ADMIN_PASSWORD": "Correct1Horse",
            "VERDICT_SAMPLE_MARKETS": "off",
            "VERDICT_LOG": "DEBUG",
            "VERDICT_CORS_ORIGINS": "https://a.example, http://localhost:3000",
            "VERDICT_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "VERDICT_RATE_LIMITS": "0",
            **{f"VERDICT_RATE_{bucket}": "7" for bucket in ("AUTH", "ORDERS", "CANCEL", "ACCOUNT", "QUERY")},
            **{
                f"VERDICT_RATE_AMM_{bucket}": "8"
                for bucket in ("ORDERS", "REPLACE", "CANCEL", "OPS", "QUERY")
            },
            "VERDICT_RATE_ADMIN": "0",
        }
    )
    assert settings == Settings(
        host="::1",
        port=0,
        metrics_host="::",
        metrics_port=9100,
        metrics_token=SECRET,
        data=Path("/srv/verdict"),
        database_url="postgresql://verdict@db/verdict",
        jwt_secret=SECRET,
        seal_key=SECRET,
        admin_username="root",
        admin_email="root@example.org",
        admin_password="Correct1Horse",
        sample_markets=False,
        log=LogLevel.DEBUG,
        cors_origins=("https://a.example", "http://localhost:3000"),
        trusted_proxies=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1")),
        rate_limits=False,
        rate_auth=7,
        rate_orders=7,
        rate_cancel=7,
        rate_account=7,
        rate_query=7,
        rate_admin=0,
        rate_amm_orders=8,
        rate_amm_replace=8,
        rate_amm_cancel=8,
        rate_amm_ops=8,
        rate_amm_query=8,
    )


def test_an_empty_value_counts_as_not_set() -> None:
    """Compose files and unit files write `VERDICT_PORT=` for "leave it"."""
    assert load_settings({"VERDICT_PORT": "", "DATABASE_URL": ""}) == Settings()
    assert shown(VERDICT_PORT="")["VERDICT_PORT"] == ("8000", "default")


def test_a_relative_data_folder_is_meant_from_where_the_caller_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({"VERDICT_DATA": "journal"}).data == tmp_path / "journal"


def test_the_default_data_folder_does_not_depend_on_where_the_caller_stands() -> None:
    """Otherwise a start from another folder would quietly open a new, empty exchange there."""
    assert Settings().data == Path(__file__).resolve().parents[2] / "data"


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("VERDICT_PROT", "VERDICT_PORT"),
        ("VERDICT_JWT_KEY", "VERDICT_JWT_SECRET"),
        ("VERDICT_RATE_ORDER", "VERDICT_RATE_ORDERS"),
        ("VERDICT_DATABASE_URL", "DATABASE_URL"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_the_nearest_valid_one(misspelt: str, meant: str) -> None:
    assert f"{misspelt} is not a setting; did you mean {meant}?" in complaint(**{misspelt: "1"})


def test_names_of_other_programs_are_none_of_our_business() -> None:
    assert load_settings({"PATH": "/bin", "VERDICTS": "3", "MY_VERDICT_PORT": "1"}) == Settings()


@pytest.mark.parametrize("port", ["-1", "65536", "8000.0", "http", " 8000", "8_000", "٣", "1" * 5_000])
def test_what_is_not_a_port_is_refused(port: str) -> None:
    assert complaint(VERDICT_PORT=port).startswith("VERDICT_PORT must be a port, 0 to 65535")


@pytest.mark.parametrize(("written", "port"), [("0", 0), ("1", 1), ("65535", 65_535)])
def test_the_ports_at_both_ends_are_ports(written: str, port: int) -> None:
    assert load_settings({"VERDICT_PORT": written}).port == port


@pytest.mark.parametrize("rate", ["-1", "10/s", "1e3", "unlimited", "9999999999"])
def test_what_is_not_a_rate_is_refused(rate: str) -> None:
    assert complaint(VERDICT_RATE_AUTH=rate).startswith("VERDICT_RATE_AUTH must be a whole number")


@pytest.mark.parametrize("written", ["on", "1", "true", "YES"])
def test_a_switch_can_be_written_on(written: str) -> None:
    assert load_settings({"VERDICT_RATE_LIMITS": written}).rate_limits is True


@pytest.mark.parametrize("written", ["off", "0", "False", "no"])
def test_a_switch_can_be_written_off(written: str) -> None:
    assert load_settings({"VERDICT_RATE_LIMITS": written}).rate_limits is False


def test_anything_else_is_no_position_of_a_switch() -> None:
    """A limit must not fall because somebody wrote `enabled` and we guessed."""
    assert complaint(VERDICT_RATE_LIMITS="enabled") == (
        "VERDICT_RATE_LIMITS must be on or off (1 and 0 do as well), not 'enabled'"
    )


def test_an_unknown_log_level_is_answered_with_those_there_are() -> None:
    assert (
        complaint(VERDICT_LOG="verbose")
        == "VERDICT_LOG must be one of debug, info, warning, error, not 'verbose'"
    )


def test_a_signing_key_shorter_than_the_signature_is_refused_and_not_repeated() -> None:
    said = complaint(VERDICT_JWT_SECRET="x" * 31)
    assert said.startswith("VERDICT_JWT_SECRET must have at least 32 bytes")
    assert "xxx" not in said
    assert complaint(VERDICT_JWT_SECRET="x" + 40 * " ").startswith("VERDICT_JWT_SECRET must have at least")
    assert load_settings({"VERDICT_JWT_SECRET": "x" * 32}).jwt_secret == "x" * 32


@pytest.mark.parametrize(
    "origins", ["*", "example.org", "https://example.org/", "https://", "ftp://example.org", "https://a b"]
)
def test_what_no_browser_would_send_as_an_origin_is_refused(origins: str) -> None:
    assert complaint(VERDICT_CORS_ORIGINS=origins).startswith("VERDICT_CORS_ORIGINS must be origins like")


@pytest.mark.parametrize("proxies", ["proxy.example.org", "10.0.0.0/33", "10.0.0.1/8"])
def test_what_is_no_address_or_network_is_no_proxy(proxies: str) -> None:
    """10.0.0.1/8 is either a host or a network; believing forwarded headers is no place to guess which."""
    assert complaint(VERDICT_TRUSTED_PROXIES=proxies).startswith(
        "VERDICT_TRUSTED_PROXIES must be IP addresses"
    )


def test_all_mistakes_are_told_at_once_each_on_a_line() -> None:
    lines = complaint(VERDICT_PORT="x", VERDICT_LOG="y", VERDICT_HOTS="z").splitlines()
    assert sorted(line.split()[0] for line in lines) == ["VERDICT_HOTS", "VERDICT_LOG", "VERDICT_PORT"]


@pytest.mark.parametrize(
    ("url", "as_shown"),
    [
        ("postgresql://ann:hunter2@db:5432/verdict", "postgresql://ann:********@db:5432/verdict"),
        ("postgres://ann@db/verdict", "postgres://ann@db/verdict"),
        ("postgresql://:hunter2@db/verdict", "postgresql://:********@db/verdict"),
        ("postgresql://ann:hunter2@pg1,pg2:5433/v", "postgresql://ann:********@pg1,pg2:5433/v"),
        ("postgresql://ann:%2Fhunter2%40@[::1]/v", "postgresql://ann:********@[::1]/v"),
        ("postgresql:///v?host=/tmp/socket&user=ann", "postgresql:///v?host=/tmp/socket&user=ann"),
        (
            "postgresql://db/v?password=hunter2&sslmode=require",
            "postgresql://db/v?password=********&sslmode=require",
        ),
        ("postgresql://db/v?p%61ssword=hunter2", "postgresql://db/v?password=********"),
    ],
)
def test_a_database_url_is_shown_without_its_password(url: str, as_shown: str) -> None:
    assert shown(DATABASE_URL=url)["DATABASE_URL"] == (as_shown, "environment")
    assert "hunter2" not in repr(load_settings({"DATABASE_URL": url}))


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:hunter2@db/verdict",
        "hunter2",
        "postgresql://ann:hunter2@db:port/verdict",
        "postgresql://ann:hunter2@db:70000/verdict",
        "postgresql://ann:hunter2@pg1:5432,pg2:70000/verdict",
        "postgresql://ann:hunter2@[::1/verdict",
        "postgresql://ann:12/hunter2@db/verdict",
        "postgresql://ann:12?hunter2@db/verdict",
        "postgresql://ann:12#hunter2@db/verdict",
    ],
)
def test_a_database_url_that_cannot_be_read_is_refused_and_not_repeated(url: str) -> None:
    """The last three are passwords written raw: taken at their word, half of each would count as a path."""
    said = complaint(DATABASE_URL=url)
    assert said.startswith("DATABASE_URL must look like postgresql://user:password@host:5432/name")
    assert "hunter2" not in said


def test_secrets_are_masked_wherever_settings_are_printed() -> None:
    environment = {"VERDICT_JWT_SECRET": SECRET, "VERDICT_ADMIN_PASSWORD": SECRET}
    assert SECRET not in repr(load_settings(environment))
    assert shown(**environment)["VERDICT_JWT_SECRET"] == ("********", "environment")
    assert shown(**environment)["VERDICT_ADMIN_PASSWORD"] == ("********", "environment")
    assert shown()["VERDICT_JWT_SECRET"] == ("(not set)", "default")


def test_the_config_command_lists_every_setting_on_one_line() -> None:
    answer = verdict("config", VERDICT_PORT="8100", VERDICT_ADMIN_PASSWORD=SECRET)
    assert answer.returncode == 0
    assert SECRET not in answer.stdout
    lines = answer.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [row.name for _field, row in table()]
    assert ["VERDICT_PORT", "8100", "environment"] in [line.split()[:3] for line in lines]


def test_a_mistake_in_the_environment_is_one_line_on_stderr_and_exit_code_1() -> None:
    answer = verdict("config", VERDICT_PORT="many")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == (
        "verdict: VERDICT_PORT must be a port, 0 to 65535 (0 takes any free one), not 'many'\n"
    )


def test_the_command_line_refuses_to_run_without_asserts() -> None:
    answer = verdict("config", PYTHONOPTIMIZE="1")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("verdict: will not run under python -O")
