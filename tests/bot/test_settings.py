import pytest

from bot.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("SHOWTELL_"):
            monkeypatch.delenv(name)


def test_defaults_are_those_of_the_readme():
    settings = load_settings()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.max_text_length == 2000
    assert settings.admin_token is None
    assert settings.cors_origins == ()


def test_environment_and_arguments_and_none_means_not_given(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOWTELL_PORT", "9001")
    monkeypatch.setenv("SHOWTELL_RESULTS", "4")
    monkeypatch.setenv("SHOWTELL_BUNDLES", str(tmp_path))
    settings = load_settings(port=9002, host=None)
    assert (settings.port, settings.results, settings.bundles) == (9002, 4, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("WORKERS", "0"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("PUBLIC_URL", "example.org"),
        ("LOG_LEVEL", "loud"),
        ("CORS_ORIGINS", "[broken"),
        ("CORS_ORIGINS", "shop.example"),
        ("CORS_ORIGINS", "https://shop.example/chat"),
        ("TRUSTED_HOSTS", "https://shop.example"),
        ("TRUSTED_PROXIES", "proxy.example"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(monkeypatch, name, value):
    monkeypatch.setenv(f"SHOWTELL_{name}", value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert f"SHOWTELL_{name}" in str(refused.value)
    assert value.lower() in str(refused.value).lower()


@pytest.mark.parametrize(
    "address",
    [
        "http://:hush@h:1",
        "hush@h",
        ":hush@h:1/0",
        "redis://:hu/hush@h:1",
        "redis://u:hush@h:port",
        "redis://h:port?password=hush",
        "redis://:a@hush@h:port",
        "redis+sentinel://u:hush@h",
        "redis+sentinel://u:hush@h:1,i:port/0/name",
        "redis+sentinel://h:1/0/name?password=hush",
        "redis+cluster://u:hush@h",
    ],
)
def test_the_password_of_a_redis_address_is_never_shown(address):
    with pytest.raises(SettingsError, match="SHOWTELL_REDIS_URL") as refused:
        load_settings(redis_url=address)
    assert "hush" not in str(refused.value)
    assert "hush" not in repr(load_settings(redis_url="redis://:hush@h"))


def test_pictures_may_lie_elsewhere_and_a_login_in_their_address_is_refused():
    settings = load_settings(images="s3://album/2026/")
    assert str(settings.images) == "s3://album/2026"
    assert settings.as_environment()["SHOWTELL_IMAGES"] == "s3://album/2026"
    with pytest.raises(SettingsError, match="SHOWTELL_IMAGES") as refused:
        load_settings(images="s3://key:hush@album")
    assert "hush" not in str(refused.value)


def test_thumbnails_are_shared_where_they_can_be_written():
    settings = load_settings(thumbnails="s3://album/small/")
    assert settings.as_environment()["SHOWTELL_THUMBNAILS"] == "s3://album/small"
    for nowhere in ("https://example.org/small", "nonsense", "/tmp"):
        with pytest.raises(SettingsError, match=r"SHOWTELL_THUMBNAILS is .* s3://bucket/folder"):
            load_settings(thumbnails=nowhere)
    with pytest.raises(SettingsError) as refused:
        load_settings(thumbnails="s3://key:hush@album")
    assert "hush" not in str(refused.value)


def test_valkey_is_spoken_to_as_redis():
    assert load_settings(redis_url="valkeys://h:1/2").redis_url == "rediss://h:1/2"
    cluster = load_settings(redis_url="valkeys+cluster://:hush@h:1,i:2").redis_url
    assert cluster == "rediss+cluster://:hush@h:1,i:2"


def test_sites_are_compared_as_browsers_send_them():
    settings = load_settings(cors_origins="https://Shop.example/, null")
    assert settings.cors_origins == ("https://shop.example", "null")


def test_an_unknown_setting_is_refused():
    with pytest.raises(SettingsError, match="SHOWTELL_COLOUR"):
        load_settings(colour="red")


def test_blank_variables_count_as_unset(monkeypatch):
    for name in ("REDIS_URL", "ADMIN_TOKEN", "PUBLIC_URL", "BUNDLES", "CORS_ORIGINS"):
        monkeypatch.setenv(f"SHOWTELL_{name}", "")
    settings = load_settings()
    assert settings.redis_url is None
    assert settings.admin_token is None
    assert settings.bundles is None
    assert settings.cors_origins == ()


def test_the_token_is_never_shown(monkeypatch):
    monkeypatch.setenv("SHOWTELL_ADMIN_TOKEN", "hush-hush")
    assert "hush-hush" not in repr(load_settings())
    with pytest.raises(SettingsError) as refused:
        load_settings(admin_token=["hush-hush"])
    assert "hush-hush" not in str(refused.value)


def test_what_nobody_could_see_is_not_kept():
    assert load_settings(admin_token="t", keep_questions_days=30).keep_questions_days == 30
    with pytest.raises(SettingsError, match=r"KEEP_QUESTIONS_DAYS is '?30.*ADMIN_TOKEN"):
        load_settings(keep_questions_days=30)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80"),
        ({"host": "::1"}, "http://[::1]:8000"),
        ({"public_url": "https://pictures.example/chat/"}, "https://pictures.example/chat"),
    ],
)
def test_base_url(given, url):
    assert load_settings(**given).base_url == url


def test_lists_by_commas_or_json(monkeypatch):
    monkeypatch.setenv("SHOWTELL_CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("SHOWTELL_EXAMPLES", '["a dog, asleep"]')
    settings = load_settings()
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.examples == ("a dog, asleep",)


def test_a_worker_process_reads_the_same_settings(monkeypatch, tmp_path):
    settings = load_settings(
        bundles=tmp_path,
        data_dir=tmp_path / "data",
        admin_token="hush",
        examples=("a dog, asleep", "snow"),
        redis_url="unix:///tmp/x.sock",
        port=9,
    )
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings
    assert isinstance(load_settings(), Settings)
