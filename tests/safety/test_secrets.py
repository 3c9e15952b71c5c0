"""Secrets of the environment: found, masked wherever something is printed, refused as values, left nowhere."""

import base64
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest
from click.testing import CliRunner

from flow_steps import transform
from flow_steps.safety import secrets
from main import main as pipeline
from tests.reliability import secrets as stress_secrets
from tests.support.stress import ROOT

KEY = "s3cr/et+key&=="
FAST = ("a run that succeeds",)


@pytest.fixture
def planted(monkeypatch):
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", KEY)
    return KEY


@pytest.mark.parametrize(
    "name",
    ["ALPHAVANTAGE_API_KEY", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD",
     "my_secret", "APIKEY", "GH_TOKEN", "TOKENS", "DB_PASS", "PGPASSWORD", "MYSQL_PWD", "GITHUB_PAT", "APIKEY1",
     "SECRET2", "AZURE_CLIENT_CREDENTIALS", "STORAGE_CONNECTION_STRING", "SECRET_KEY_BASE"],
)  # fmt: skip
def test_variables_with_telling_names_are_secret(monkeypatch, name):
    monkeypatch.setenv(name, KEY)
    assert secrets.masked(f"got {KEY}.") == "got ***."


@pytest.mark.parametrize(
    "name",
    ["KEYBOARD", "TOKENIZERS_PARALLELISM", "PASSAGE", "SSH_KEY_PATH", "PWD", "OLDPWD", "MONKEY", "COMPASS",
     "SSH_ASKPASS", "TOKENS_PER_SECOND", "PASS_MAX_DAYS", "SSH_KEY_TYPE"],
)  # fmt: skip
def test_other_variables_are_not(monkeypatch, name):
    monkeypatch.setenv(name, "ordinary")
    assert secrets.masked("an ordinary text") == "an ordinary text"


def test_short_values_are_not_masked(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "true")
    assert secrets.masked("strict: true") == "strict: true"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "MLFLOW_TRACKING_URI", "DATABASE_URL"])
def test_a_password_within_an_address_of_the_environment_is_secret(monkeypatch, name):
    monkeypatch.setenv(name, "postgresql://me:hidden%2Fword@host/db")
    assert secrets.masked("hidden/word, hidden%2Fword") == "***, ***"


@pytest.mark.parametrize(
    "form",
    [str, repr, quote, quote_plus, lambda key: quote(key, safe=""),
     lambda key: base64.b64encode(key.encode()).decode()],
)  # fmt: skip
def test_every_spelling_of_a_secret_is_masked(planted, form):
    assert planted[:6] not in secrets.masked(f"<{form(planted)}>")
    assert form(planted)[1:9] not in secrets.masked(f"<{form(planted)}>")
    assert secrets.variable_of(f"<{form(planted)}>") == "ALPHAVANTAGE_API_KEY"
    assert secrets.variable_of("an ordinary text") is None


def test_a_secret_with_quotes_backslashes_and_lines_is_masked_in_json_and_by_line(monkeypatch):
    monkeypatch.setenv("PRIVATE_KEY", 'first "line"\\1\nsecond line')
    assert secrets.masked('{"key": "first \\"line\\"\\\\1\\nsecond line"}') == '{"key": "***"}'
    assert secrets.masked("then second line, then") == "then ***, then"


def test_a_password_in_the_stores_address_is_not_printed():
    assert secrets.masked("postgresql://user:secret@host:5432/db") == "postgresql://user:***@host:5432/db"
    assert secrets.masked("https://ghp_token@github.com/a/b") == "https://***@github.com/a/b"
    assert secrets.masked("https://me:word@host/a") == "https://***@host/a"
    assert secrets.masked("sqlite:////tmp/mlflow.db") == "sqlite:////tmp/mlflow.db"
    assert secrets.masked("see https://example.com/@me: text") == "see https://example.com/@me: text"


@pytest.mark.parametrize("option", ["path", "tickers", "model-params", "models", "start", "seed"])
def test_a_value_that_holds_a_secret_is_refused_without_repeating_it(planted, option):
    result = CliRunner().invoke(pipeline, [f"--{option}", f"x{planted}x"])
    assert result.exit_code == 2
    assert "got that of ALPHAVANTAGE_API_KEY: secrets come from the environment" in result.output
    assert planted not in result.output


# What `guard` puts in place counts for a whole process, so it is seen in one.
GUARDED = """
import logging, os, sys, warnings
from flow_steps import transform
from flow_steps.safety import secrets
secrets.mask_output()
key = os.environ["SOME_KEY"]
logging.basicConfig(format="%(message)s")
logging.warning("as text %s", key)
logging.warning("as an object %s", {"key": key})
try:
    raise OSError(key)
except OSError:
    logging.exception("with a traceback")
warnings.warn("a warning of " + key)
raise ValueError("died of " + key) from KeyError(key)
"""


def test_a_default_that_happens_to_be_a_secret_is_no_slip(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", "standard")
    assert transform.main.make_context("transform", ["--prices", "p"]).params["scaler"] == "standard"


def test_logs_warnings_and_tracebacks_come_masked():
    environment = {"SOME_KEY": KEY, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "default", "-c", GUARDED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert KEY not in done.stdout + done.stderr
    for told in ("as text ***", "'key': '***'", "OSError: ***", "a warning of ***", "ValueError: died of ***"):
        assert told in done.stderr


@pytest.mark.slow
def test_a_planted_key_is_found_nowhere(tmp_path):
    count = stress_secrets.ours(None, tmp_path, FAST)
    assert (count.tried, count.bad) == (len(FAST) * len(stress_secrets.KEYS), [])


@pytest.mark.slow
def test_planted_keys_are_found_nowhere_whatever_goes_wrong(tmp_path):
    count = stress_secrets.ours(None, tmp_path)
    assert (count.tried, count.bad) == ((len(stress_secrets.WAYS) + 1) * len(stress_secrets.KEYS), [])


@pytest.mark.slow
def test_the_search_finds_what_a_plain_project_leaves(tmp_path):
    count = stress_secrets.stock(None, tmp_path)
    assert any("the key aws" in text and "mlflow.db" in text for text in count.bad)
    assert any("the key vantage" in text and "output" in text for text in count.bad)
