"""One server process for all tests that only talk with it; each brings users and markets of its own."""

from collections.abc import Iterator

import httpx
import pytest

from tests.adapters.serving import Venue, database_for, serving, venue


@pytest.fixture(scope="session")
def the_venue(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    folder = tmp_path_factory.mktemp("server")
    with (
        database_for(server_url, template) as url,
        serving(url, folder) as server,
        httpx.Client(base_url=server.address, timeout=30) as http,
    ):
        yield venue(server.address, http, server.metrics)
        assert '"level":"error"' not in server.log.read_text(), "the server met something unexpected"
