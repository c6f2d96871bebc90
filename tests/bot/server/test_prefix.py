"""Behind a proxy that publishes the server below a path, whether it takes that off or not."""

import pytest
from starlette.testclient import TestClient

from bot.server.app import create_api
from bot.server.middleware import AtRoot
from bot.settings import load_settings


@pytest.mark.parametrize("published", ["", "/bot"])
def test_docs_and_schema_name_the_path(tmp_path, published):
    settings = load_settings(
        bundles=tmp_path, redis_url="redis://localhost", public_url="https://host.example/bot/"
    )
    # Without a lifespan: nothing of what is asked for needs a bundle.
    client = TestClient(AtRoot(create_api(settings), settings.path_prefix))
    page = client.get(f"{published}/docs").text
    assert "'/bot/openapi.json'" in page
    assert 'href="/bot/icon.svg"' in page
    schema = client.get(f"{published}/openapi.json").json()
    assert schema["servers"] == [{"url": "/bot"}]
    assert client.get(f"{published}/static-offline-docs/swagger-ui.css").status_code == 200
    assert client.get("/bots/docs").status_code == 404
