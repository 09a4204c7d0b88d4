"""The way out: where it leads, and what it does about answers that are slow, endless, elsewhere or not trusted."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback import Recorder, certificate, raw_server, saying

from kernel.addresses import forbidden, host_and_port, public
from kernel.egress import Egress
from kernel.errors import EgressError, SettingsError
from kernel.settings import load_settings

HOSTILE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1",
    "172.31.255.255", "192.168.0.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200",
    "168.63.129.16", "192.0.0.192", "192.0.0.9", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1", "no address",
]  # fmt: skip
OPEN = ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
NEVER = ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "192.0.0.192", "fd00:ec2::254"]

SPELLINGS = [
    "https://localhost/", "https://LOCALHOST./", "https://127.0.0.1/", "https://127.1/", "https://0x7f.0.0.1/",
    "https://0x7f000001/", "https://2130706433/", "https://017700000001/", "https://0177.0.0.1/",
    "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[0:0:0:0:0:ffff:7f00:1]/", "https://[::]/",
    "https://0/", "https://0.0.0.0/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/",
    "https://169.254.169.254/latest/meta-data/", "https://[fe80::1%25lo]/", "https://good.example@127.0.0.1/",
    "https://good.example:pw@127.0.0.1/", "https://127.0.0.1#@good.example/",
    "https://127.0.0.1\\@good.example/", "https://good.example\\@127.0.0.1/", "https://good.example:22/",
    "https://good.example:8443/", "http://good.example/", "http://good.example:443/", "https://good.example:0/",
    "https://good.example:99999/", "ftp://good.example/", "file:///etc/passwd", "gopher://good.example/",
    "//good.example/", "https:///etc/passwd", "https://", "", "good.example", "javascript:alert(1)",
    "data:text/plain,x", "unix:///run/x.sock", "https://good.example/\r\nX: y", "https://[::1",
    "https://exa mple/", "https://100.100.100.200/", "https://192.0.0.192/",
]  # fmt: skip


class Dialled(Exception):
    pass


def answering(**names: list[str]) -> Callable[[str, int], list[str]]:
    """A name server that knows these; dots are written as two underscores."""

    def resolve(host: str, port: int) -> list[str]:
        known = {name.replace("__", "."): found for name, found in names.items()}
        if host in known:
            return known[host]
        raise socket.gaierror(-2, "unknown")

    return resolve


def code_of(egress: Egress, url: str, **more: object) -> str:
    with pytest.raises(EgressError) as caught:
        egress.send("POST", url, **{"timeout_s": 5, **more})  # type: ignore[arg-type]
    return caught.value.code


@pytest.mark.parametrize("address", HOSTILE)
def test_a_name_that_stands_for_an_address_inside_is_refused(address: str) -> None:
    dialled: list[str] = []

    def dial(address: str, port: int, timeout_s: float) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError

    for found in ([address], ["93.184.215.14", address], [address, "93.184.215.14"]):
        egress = Egress(resolve=answering(good__example=found), dial=dial)
        assert code_of(egress, "https://good.example/") == "host_refused"
    assert dialled == []
    assert not public(address)


@pytest.mark.parametrize("address", OPEN)
def test_an_address_of_the_open_internet_is_reached(address: str) -> None:
    dialled: list[str] = []

    def dial(address: str, port: int, timeout_s: float) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError

    assert (
        code_of(Egress(resolve=answering(good__example=[address]), dial=dial), "https://good.example/") == "unreachable"
    )
    assert dialled == [address]


@pytest.mark.parametrize("address", NEVER)
def test_a_listed_name_leads_to_no_metadata_and_no_group(address: str) -> None:
    egress = Egress(["erp.internal:443"], resolve=answering(erp__internal=[address]))
    assert code_of(egress, "https://erp.internal/") == "host_refused"
    assert forbidden(address)


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_an_address_goes_round_the_test(url: str) -> None:
    def dial(address: str, port: int, timeout_s: float) -> socket.socket:
        raise Dialled(address)

    def resolve(host: str, port: int) -> list[str]:
        if host == "good.example":
            return ["93.184.215.14"]
        return [str(place[0]) for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    assert code_of(Egress(resolve=resolve, dial=dial), url) in ("host_refused", "url_refused", "unresolved")


def test_a_name_that_changes_between_test_and_connection_reaches_nothing() -> None:
    asked: list[str] = []
    with Recorder() as inside:

        def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["93.184.215.14"] if len(asked) == 1 else ["127.0.0.1"]

        def dial(address: str, port: int, timeout_s: float) -> socket.socket:
            dialled.append(address)
            raise ConnectionRefusedError

        dialled: list[str] = []
        assert code_of(Egress(resolve=resolve, dial=dial), "https://rebind.example/") == "unreachable"
        assert (asked, dialled, inside.received) == (["rebind.example"], ["93.184.215.14"], [])


def test_a_listed_host_is_reached_on_its_port_only() -> None:
    with Recorder(lambda _: (201, {"X-Found": "yes"}, b'{"a":1}')) as server, Recorder() as other:
        egress = Egress([server.listed])
        answer = egress.send("PUT", f"{server.url}/p?q=1", headers={"x-key": "k"}, body=b"hello", timeout_s=5)
        assert (answer.status, answer.headers["x-found"], answer.body, answer.whole) == (201, "yes", b'{"a":1}', True)
        method, path, headers, body = server.received[0]
        assert (method, path, body) == ("PUT", "/p?q=1", b"hello")
        assert (headers["host"], headers["x-key"], headers["accept-encoding"]) == (server.listed, "k", "identity")
        assert code_of(egress, f"{other.url}/") == "host_refused"
        assert code_of(egress, f"http://localhost:{server.port}/") == "host_refused"  # listed by another name
        assert other.received == []


def test_proxies_of_the_environment_are_not_used_and_cookies_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder() as proxy, Recorder(lambda _: (200, {"Set-Cookie": "a=b"}, b"")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        egress = Egress([server.listed])
        for _ in range(2):
            egress.send("GET", server.url, timeout_s=5)
        assert proxy.received == []
        assert ["cookie" in headers for _, _, headers, _ in server.received] == [False, False]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_is_not_followed(status: int) -> None:
    with Recorder() as target, Recorder(lambda _: (status, {"Location": f"{target.url}/x"}, b"")) as server:
        assert code_of(Egress([server.listed, target.listed]), server.url) == "redirect"
        assert target.received == []


def drip(first: bytes, piece: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def answering(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(first)
        while not over.wait(0.02):
            connection.sendall(piece)

    return answering


@pytest.mark.parametrize(
    "server",
    [
        lambda connection, over: over.wait(10),  # says nothing
        drip(b"", b"H"),  # no end to the first line
        drip(b"HTTP/1.1 200 OK\r\n", b"x"),  # a header, letter by letter
        drip(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"x"),  # a body, letter by letter
        drip(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["silent", "first line", "header", "body", "chunks"],
)
def test_time_is_limited_in_all_however_slowly_bytes_come(server: Callable[..., None]) -> None:
    with raw_server(server) as port:
        begun = time.monotonic()
        assert code_of(Egress([f"127.0.0.1:{port}"]), f"http://127.0.0.1:{port}/", timeout_s=0.3) in (
            "timeout",
            "answer_malformed",
        )
        assert time.monotonic() - begun < 2


def test_a_name_server_that_does_not_answer_takes_no_longer_either() -> None:
    over = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        over.wait(10)
        return []

    begun = time.monotonic()
    assert code_of(Egress(resolve=resolve), "https://good.example/", timeout_s=0.2) == "timeout"
    assert time.monotonic() - begun < 2
    over.set()


def test_an_answer_without_end_is_cut() -> None:
    def endless(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.is_set():
            connection.sendall(b"x" * 65536)

    with raw_server(endless) as port:
        egress = Egress([f"127.0.0.1:{port}"])
        answer = egress.send("GET", f"http://127.0.0.1:{port}/", timeout_s=10, most_bytes=100_000)
        assert (len(answer.body), answer.whole) == (100_000, False)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 300_000 + b"\r\n\r\n", "answer_malformed"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "answer_malformed"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n", "answer_encoded"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nxx", "connection_lost"),
        (b"", "connection_lost"),
    ],
    ids=["huge header", "no HTTP", "compressed", "cut off", "nothing"],
)
def test_answers_that_are_none(said: bytes, code: str) -> None:
    with raw_server(saying(said)) as port:
        assert code_of(Egress([f"127.0.0.1:{port}"]), f"http://127.0.0.1:{port}/") == code


def test_tls_keeps_the_name_though_the_address_is_connected_to(tmp_path: Path) -> None:
    served, trusting = certificate(tmp_path, "erp.internal")
    said = saying(b"HTTP/1.1 204 No Content\r\n\r\n")
    with raw_server(said, served) as port:
        names = answering(erp__internal=["127.0.0.1"], other__internal=["127.0.0.1"])
        listed = [f"erp.internal:{port}", f"other.internal:{port}"]
        assert (
            Egress(listed, resolve=names, tls=trusting).send("GET", f"https://erp.internal:{port}/", timeout_s=5).status
            == 204
        )
        assert code_of(Egress(listed, resolve=names, tls=trusting), f"https://other.internal:{port}/") == "tls"
        assert code_of(Egress(listed, resolve=names), f"https://erp.internal:{port}/") == "tls"
    with raw_server(saying(b"no TLS at all")) as port:
        assert code_of(Egress([f"127.0.0.1:{port}"]), f"https://127.0.0.1:{port}/") == "tls"


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with Recorder() as server:
        dialled: list[str] = []

        def dial(address: str, port: int, timeout_s: float) -> socket.socket:
            dialled.append(address)
            if address == "127.0.0.2":
                raise ConnectionRefusedError
            return socket.create_connection((address, port), timeout_s)

        names = answering(erp__internal=["127.0.0.2", "127.0.0.1"])
        egress = Egress([f"erp.internal:{server.port}"], resolve=names, dial=dial)
        assert egress.send("GET", f"http://erp.internal:{server.port}/", timeout_s=5).status == 200
        assert dialled == ["127.0.0.2", "127.0.0.1"]


def test_no_message_repeats_a_path_or_a_password() -> None:
    egress = Egress(resolve=answering(good__example=["10.0.0.1"]))
    for url in (
        "https://good.example/hunter2?k=hunter2",
        "https://u:hunter2@good.example/",
        "http://good.example/hunter2",
    ):
        with pytest.raises(EgressError) as caught:
            egress.send("GET", url, timeout_s=1)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="no header may hold") as wrong:
        egress.send("GET", "https://good.example/", headers={"a": "hunter2\r\nb: c"}, timeout_s=1)
    assert "hunter2" not in str(wrong.value)


@pytest.mark.parametrize(
    "entry", ["n8n", "n8n:0", "n8n:99999", "http://n8n:80", "*:80", "n8n:80/x", "", "a b:80", ":80"]
)
def test_a_line_of_the_list_is_a_host_and_a_port(entry: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected host:port"):
        host_and_port(entry)
    with pytest.raises(SettingsError, match="GEMBASCOPE_EGRESS_HOSTS"):
        load_settings(home=tmp_path, egress_hosts=(entry,))
    assert host_and_port("[::1]:8080") == ("::1", 8080)
    assert host_and_port("N8N.internal:5678") == ("n8n.internal", 5678)


@pytest.mark.parametrize(
    "url", ["ops.example", "ftp://ops.example", "https://", "https://u:p@ops.example", "https://a?b"]
)
def test_a_public_address_is_a_plain_one(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GEMBASCOPE_PUBLIC_URL"):
        load_settings(home=tmp_path, public_url=url)
    assert load_settings(home=tmp_path, public_url="https://ops.example/g/").public_url == "https://ops.example/g"
