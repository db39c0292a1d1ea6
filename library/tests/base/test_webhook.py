"""A message to a webhook arrives, or costs a sentence that gives nothing of the address away."""

import base64
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fake_webhook import webhook

from millrace.base.webhook import post, post_to_variable


@pytest.mark.parametrize("kind", ["ok", "no-content", "huge", "bad-chunks"])
def test_a_message_arrives(kind):
    with webhook() as hook:
        assert post(f" {hook.url}/{kind}/T0K3N?key=K3Y\n", '{"text": "done"}') == ""
        [(path, headers, body)] = hook.requests
    assert (path, body) == (f"/{kind}/T0K3N?key=K3Y", b'{"text": "done"}')
    assert headers["content-type"] == "application/json"


def test_a_user_and_a_password_in_the_address_become_a_header():
    with webhook() as hook:
        assert post(hook.url.replace("//", "//someone:p%40ss@") + "/ok", "{}") == ""
        [(_, headers, _)] = hook.requests
    assert headers["authorization"] == "Basic " + base64.b64encode(b"someone:p@ss").decode()
    assert "p%40ss" not in headers["host"]


@pytest.mark.parametrize(
    ("kind", "trouble"),
    [
        ("broken", "the webhook answered 500"),
        ("gone", "the webhook answered 404"),
        ("redirect", "the webhook answered 302"),
        ("redirect-post", "the webhook answered 307"),
        ("redirect-to-file", "the webhook answered 302"),
        ("bad-status-line", "the webhook does not speak HTTP (BadStatusLine)"),
        ("bad-status", "the webhook does not speak HTTP (BadStatusLine)"),
        ("line-too-long", "the webhook does not speak HTTP (LineTooLong)"),
        ("many-headers", "the webhook does not speak HTTP (HTTPException)"),
        ("nothing", "the webhook does not speak HTTP (RemoteDisconnected)"),
        ("reset", "the webhook cannot be reached: connection reset by peer"),
    ],
)
def test_what_the_other_side_does_wrong_is_a_sentence(kind, trouble):
    with webhook() as hook:
        assert post(f"{hook.url}/{kind}/T0K3N", "{}") == trouble
        assert len(hook.requests) == 1, "and nothing is followed or tried again"


@pytest.mark.parametrize("kind", ["never", "drip"])
def test_what_never_ends_is_not_waited_for(kind):
    with webhook() as hook:
        assert post(f"{hook.url}/{kind}/T0K3N", "{}", seconds=0.3) == "the webhook did not answer in time"


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "file://localhost/etc/hostname", "ftp://127.0.0.1/x", "data:x", "http:///x"]
)
def test_an_address_that_is_none_of_the_web_is_not_opened(url):
    assert post(url, "{}") == "the webhook's address is none: it should begin with https:// and a host"


def test_a_certificate_that_nobody_vouches_for(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks")])
    day = datetime.datetime(2020, 1, 1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(own.public_key()).serial_number(7)
    made = made.not_valid_before(day).not_valid_after(day.replace(year=2100))
    certificate.write_bytes(made.sign(own, hashes.SHA256()).public_bytes(Encoding.PEM))
    key.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with webhook((str(certificate), str(key))) as hook:
        assert post(f"{hook.url}/ok/T0K3N", "{}") == "the webhook's TLS failed: certificate verify failed"
        assert hook.requests == []
    with webhook() as hook:
        assert post(f"{hook.url}/ok/T0K3N".replace("http:", "https:"), "{}").startswith("the webhook's TLS failed: ")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/x/T0K3N y",
        "http://127.0.0.1:9/x/T0K3N\r\nX: y",
        "http://127.0.0.1:9/T0K3N",
        "http://127.0.0.1:T0K3N/",
        "http://127.0.0.1:999999/T0K3N",
        "http://[T0K3N/",
        "http://T0K3N\u00e9.example/",
        "http://.T0K3N../",
        "http://no-such-host.invalid/T0K3N",
        "http:///T0K3N",
        "file:///etc/T0K3N",
        "ftp://127.0.0.1/T0K3N",
        "data:T0K3N",
        "T0K3N",
        "",
        "\x00T0K3N",
        "\ud800T0K3N",
    ],
)
def test_an_address_that_leads_nowhere_is_a_sentence_without_it(url):
    trouble = post(url, "{}")
    assert trouble and "T0K3N" not in trouble.upper()


def test_the_address_is_read_from_the_variable_when_the_message_is_sent(monkeypatch):
    with webhook() as hook:
        monkeypatch.setenv("THE_WEBHOOK", f"{hook.url}/ok/T0K3N")
        assert post_to_variable("THE_WEBHOOK", "{}") == ""
        assert len(hook.requests) == 1
    for value in ("", None):
        monkeypatch.delenv("THE_WEBHOOK") if value is None else monkeypatch.setenv("THE_WEBHOOK", value)
        assert post_to_variable("THE_WEBHOOK", "{}") == "the environment variable THE_WEBHOOK is not set"
