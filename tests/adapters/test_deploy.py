"""What lies in deploy/ fits the program: its settings, files and numbers. The tools are not run."""

import json
import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from adapters.cli.amm import amm
from adapters.cli.main import COMMANDS
from adapters.cli.relay import topics
from adapters.runtime.settings import Settings, load_settings, table
from kernel import commands
from tests.adapters.serving import ROOT, Venue
from tests.amm.live.test_metrics import PROMISED, UNEVENTFUL

DEPLOY = ROOT / "deploy"
SETTINGS = {row.name for _, row in table()}
OPTIONS = {str(option.envvar) for option in amm.params if getattr(option, "envvar", None)} | {"REDIS_URL"}
HERE = {"POSTGRES_PASSWORD", "STANDBY_PASSWORD", "NATS_PASSWORD", "PORT"}
"""What only the compositions know."""
FILLED_IN = {
    "POSTGRES_PASSWORD": "p" * 32,
    "STANDBY_PASSWORD": "s" * 32,
    "NATS_PASSWORD": "n" * 32,
    "VERDICT_JWT_SECRET": "k" * 32,
    "VERDICT_ADMIN_PASSWORD": "Correct1horse",
}


def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def example() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    written = [line for line in lines if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in written)


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = loaded("compose.yaml")["services"]
    return found


def filled_in(value: str, env: dict[str, str]) -> str:
    """As the tool writes `${NAME:-default}` and `${NAME:?complaint}` out."""

    def chosen(found: re.Match[str]) -> str:
        name, how, rest = found["name"], found["how"], found["rest"]
        if how == ":?":
            assert env.get(name), f"{name} {rest}"
        return env.get(name) or (rest if how == ":-" else "")

    return re.sub(r"\$\{(?P<name>\w+)(?P<how>:[-?])?(?P<rest>[^}]*)\}", chosen, value)


def test_what_is_set_is_a_setting(services: dict[str, Any]) -> None:
    """A name that is none would keep the server from starting."""
    assert set(services["verdict"]["environment"]) <= SETTINGS
    assert set(example()) <= SETTINGS | HERE
    for_the_maker = set(services["amm"]["environment"])
    assert for_the_maker <= OPTIONS | SETTINGS
    assert for_the_maker & SETTINGS == {"DATABASE_URL", "VERDICT_JWT_SECRET"}, "for its token"
    assert "env_file" not in services["amm"]


def test_the_example_names_what_the_composition_asks_for() -> None:
    composition = (DEPLOY / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)", composition)) <= set(example())
    needed = set(re.findall(r"\$\{(\w+):\?", composition))
    assert needed == {"POSTGRES_PASSWORD", "VERDICT_JWT_SECRET", "VERDICT_ADMIN_PASSWORD"}
    assert not any(example()[name] for name in needed), "no secret has a default"


def test_the_server_takes_what_the_composition_gives_it(services: dict[str, Any]) -> None:
    env = example() | FILLED_IN
    assert services["verdict"]["env_file"] == ".env"
    given = {name: filled_in(value, env) for name, value in services["verdict"]["environment"].items()}
    settings = load_settings(env | given)
    assert settings.database_url == f"postgresql://verdict:{'p' * 32}@postgres:5432/verdict"
    assert settings.admin_username == Settings().admin_username, "left empty is left alone"
    assert filled_in(services["verdict"]["ports"][0], env) == "127.0.0.1:8000:8000"
    with pytest.raises(AssertionError, match="VERDICT_JWT_SECRET set it"):
        filled_in(services["verdict"]["environment"]["VERDICT_JWT_SECRET"], example())


def test_the_services_fit_together(services: dict[str, Any]) -> None:
    """Names, ports and places are those of the other side."""
    assert set(services) == {"postgres", "redis", "verdict", "amm", "prometheus"}
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services)
        for other, terms in service.get("depends_on", {}).items():
            assert terms == {"condition": "service_healthy"}
            assert "healthcheck" in services[other] or other == "verdict", f"{name} would wait for ever"
        published = [port.rpartition(":")[0] for port in service.get("ports", [])]
        assert all(port.startswith("127.0.0.1:") for port in published), "a proxy with TLS stands before it"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            is_file = source.startswith("./")
            assert (DEPLOY / source).is_file() if is_file else source in loaded("compose.yaml")["volumes"]
    for name in ("verdict", "amm"):
        assert services[name]["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"]
        for job in loaded("prometheus.yaml")["scrape_configs"]
    }
    ports = {option.name: option.default for option in amm.params}
    assert jobs == {"verdict": [f"verdict:{Settings().metrics_port}"], "amm": [f"amm:{ports['port']}"]}
    assert services["amm"]["environment"]["AMM_URL"] == f"http://verdict:{Settings().port}"
    assert loaded("prometheus.yaml")["rule_files"] == ["alerts.yaml"]


def test_the_maker_begins_with_a_token_of_its_own(services: dict[str, Any]) -> None:
    """And goes on without the key that signs them."""
    shell, option, script = services["amm"]["command"]
    assert (shell, option) == ("sh", "-c")
    take, export, forget, become = script.split(" && ")
    assert take == "AMM_TOKEN=$$(./verdict token)"
    assert export == "export AMM_TOKEN"
    assert set(forget.split()) == {"unset", *set(services["amm"]["environment"]) & SETTINGS}
    assert become == "exec ./verdict amm"
    assert {"serve", "token", "amm"} <= set(COMMANDS)


# Several processes


@pytest.fixture
def scaled() -> dict[str, Any]:
    found: dict[str, Any] = loaded("scaled.yaml")["services"]
    return found


def test_each_process_takes_what_the_scaled_composition_gives_it(scaled: dict[str, Any]) -> None:
    nodes = [service for service in scaled.values() if service.get("env_file") == ".env"]
    assert len(nodes) == 3
    for node in nodes:
        assert set(node["environment"]) <= SETTINGS
        env = example() | FILLED_IN
        settings = load_settings(
            env | {name: filled_in(each, env) for name, each in node["environment"].items()}
        )
        assert settings.database_url == f"postgresql://verdict:{'p' * 32}@primary,standby/verdict"
        (network,) = loaded("scaled.yaml")["networks"]["default"]["ipam"]["config"]
        assert [str(one) for one in settings.trusted_proxies] == [network["subnet"]]
        assert node["volumes"] == ["verdict:/var/lib/verdict"], "where they find each other"
    assert scaled["follower1"]["command"] == scaled["follower2"]["command"] == ["./verdict", "follow"]
    assert scaled["verdict"]["command"][2].split(" || ") == [
        "./verdict token > /dev/null && exec ./verdict follow",
        "exec ./verdict serve",
    ]
    assert {"follow", "relay"} <= set(COMMANDS)
    composition = (DEPLOY / "scaled.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?", composition)) == set(FILLED_IN)
    assert set(FILLED_IN) <= {name for name, value in example().items() if not value}


def test_the_scaled_services_fit_together(scaled: dict[str, Any]) -> None:
    files = loaded("scaled.yaml")
    for service in scaled.values():
        for other, terms in service.get("depends_on", {}).items():
            assert terms == {"condition": "service_healthy"}
            assert "healthcheck" in scaled[other] or scaled[other]["image"] == "verdict"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith("./") else source in files["volumes"]
        published = [port.rpartition(":")[0] for port in service.get("ports", [])]
        assert all(port.startswith("127.0.0.1:") for port in published), "a proxy with TLS stands before it"
    behind = re.findall(r"^    server (\S+) (\S+) cookie (\S+)$", (DEPLOY / "haproxy.cfg").read_text(), re.M)
    nodes = [name for name, service in scaled.items() if service.get("env_file")]
    assert behind == [(name, f"{name}:{Settings().port}", name) for name in nodes]
    for name, service in scaled.items():
        if service["image"].startswith("nats:"):
            told = dict(zip(service["command"][1::2], service["command"][2::2], strict=True))
            assert told["--name"] == name
            assert told["--routes"] == ",".join(f"nats://{one}:6222" for one in ("nats1", "nats2", "nats3"))
            assert service["volumes"] == [f"{name}:{told['--store_dir']}"]


def test_the_relay_takes_what_the_scaled_composition_gives_it(scaled: dict[str, Any]) -> None:
    service = scaled["relay"]
    program, *words, servers, host, address, option, port = service["command"]
    assert (program, words) == ("./verdict", ["relay", "topics"])
    given = topics.make_context("topics", [filled_in(servers, FILLED_IN), host, address, option, port]).params
    assert given["servers"] == [f"nats://relay:{'n' * 32}@{one}" for one in ("nats1", "nats2", "nats3")]
    assert (given["host"], given["port"]) == ("0.0.0.0", 8200)
    assert f"127.0.0.1:{port}/ready" in service["healthcheck"]["test"][-1]
    assert all(scaled[one.rpartition("@")[2]]["command"][5] == "--pass" for one in given["servers"])


@pytest.mark.parametrize("script", ["replication.sh", "standby.sh"])
def test_the_scripts_of_the_scaled_composition_can_be_read_and_run(script: str) -> None:
    path = DEPLOY / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0


# The image


def steps() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, with their arguments."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(None, 1)[0], " ".join(line.split(None, 1)[1].split())) for line in lines]


def test_the_image_has_what_the_program_is_made_of() -> None:
    copied = [argument.split() for step, argument in steps() if step == "COPY"]
    sources = {source for *found, _ in copied for source in found if not source.startswith(("--", "/"))}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert sources == packages | {"web", "verdict", "requirements.lock", "pyproject.toml", "schema.sql"}
    shown = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in shown if line.startswith("!")} == sources
    assert shown[1] == "*", "what is not named stays out: keys, data, the environment of this machine"


def test_the_image_runs_the_server_as_nobody_special() -> None:
    told = steps()
    bases = [argument.split()[0] for step, argument in told if step == "FROM"]
    versions = {re.search(r"python:(\d+\.\d+)-", base)[1] for base in bases}  # type: ignore[index]
    assert len(versions) == 1, "an environment knows the interpreter it was made with"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    assert (3, 11) <= tuple(map(int, versions.pop().split("."))) < (3, 14)
    last = told[max(number for number, (step, _) in enumerate(told) if step == "FROM") :]
    (user,) = [argument for step, argument in last if step == "USER"]
    assert any(
        step == "RUN" and argument.startswith("useradd") and argument.endswith(f" {user}")
        for step, argument in last
    )
    assert [json.loads(argument) for step, argument in last if step == "CMD"] == [["./verdict", "serve"]]
    places = {argument for step, argument in told if step == "WORKDIR"}
    assert len(places) == 1
    (env,) = [argument for step, argument in last if step == "ENV"]
    values = dict(pair.split("=", 1) for pair in env.split())
    settings = load_settings({name: value for name, value in values.items() if name in SETTINGS})
    (volume,) = [argument for step, argument in last if step == "VOLUME"]
    assert (settings.host, str(settings.data)) == ("0.0.0.0", volume)
    assert ("EXPOSE", str(settings.port)) in last
    for step, argument in told:
        if step == "RUN" and argument.startswith("./verdict"):
            command = argument.split()[1]
            assert command == "--version" or command in COMMANDS


# The numbers


def expressions() -> list[str]:
    board = json.loads((DEPLOY / "dashboard.json").read_text())
    drawn = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    rules = [rule for group in loaded("alerts.yaml")["groups"] for rule in group["rules"]]
    return [*drawn, *(rule["expr"] for rule in rules)]


def series_in(expression: str) -> dict[str, set[str]]:
    """The series of ours that an expression asks for, each with the labels that it names."""
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"\b((?:verdict|amm)_\w+)(?:\{([^}]*)\})?", expression):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*=~?", labels))
    return found


def test_every_number_that_is_drawn_or_watched_is_told(the_venue: Venue) -> None:
    """With the labels by which it is picked. What the market maker tells is held by a test of its own."""
    the_venue.user(100).placed("MKT-BTC-100K-2026", "BUY YES 1 @1")
    told: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(the_venue.told()):
        for sample in family.samples:
            told.setdefault(sample.name, set()).update(sample.labels)
    for name, (kind, labels) in PROMISED.items():
        for part in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            told[name + part] = set(labels.split())
    told |= {name: {"market"} for name in UNEVENTFUL}
    missing = [
        (name, labels - told.get(name, set()))
        for expression in expressions()
        for name, labels in series_in(expression).items()
        if name not in told or not labels <= told[name]
    ]
    assert missing == []
    assert {name for expression in expressions() for name in series_in(expression)} >= {
        *(
            "verdict_journal_writable",
            "verdict_journal_commit_seconds_bucket",
            "amm_up",
            "amm_kill_switch_total",
        )
    }


def test_the_expressions_are_whole() -> None:
    for expression in expressions():
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing), expression
        assert expression.count('"') % 2 == 0
    for kind in re.findall(r'kind=~?"([^"]*)"', " ".join(expressions())):
        assert all(hasattr(commands, name) for name in kind.split("|")), kind


def test_rules_say_how_urgent_it_is_and_what_has_happened() -> None:
    rules = [rule for group in loaded("alerts.yaml")["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("page", "warn")
        assert set(rule["annotations"]) == {"summary"}, "a comma outside of quotes begins another"
        assert rule["annotations"]["summary"].endswith(".")


def test_the_dashboard_has_a_place_for_everything() -> None:
    board = json.loads((DEPLOY / "dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    variables = {variable["name"] for variable in board["templating"]["list"]}
    asked = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(board["panels"])))
    assert asked == variables == {"datasource", "market"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
