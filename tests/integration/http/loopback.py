"""Real servers on the loopback interface: a peer that answers what a test tells it to, and a forwarding proxy."""
from __future__ import annotations

import base64
import datetime
import http.client
import ipaddress
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
USERNAME, PASSWORD = "ädmin@example.org", "Geheim/Wört:1@x"      #: of all clients of these tests


def basic(username: str, password: str) -> str:
    """The header of HTTP Basic authentication."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@dataclass
class Reply:
    """What a peer answers once."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None      #: Content-Length, if not that of the body; -1 for none at all
    cut: int | None = None         #: bytes of the body after which the connection is cut
    stall: float = 0.0             #: seconds of silence at the cut (or before the answer), instead of cutting
    raw: bytes | None = None       #: sent instead of an HTTP answer


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: http.client.HTTPMessage
    body: bytes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PeerServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self.server.seen.append(Seen(self.command, url.path, parse_qsl(url.query, True), self.headers, body))
        replies = self.server.replies
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send(reply)

    do_POST = do_PUT = do_GET

    def send(self, reply: Reply) -> None:
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            self.close_connection = True
            return
        if reply.stall and reply.cut is None:
            self.server.stop.wait(reply.stall)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.length != -1 and "Transfer-Encoding" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        else:
            self.close_connection = True
        self.end_headers()
        if reply.cut is not None:
            self.wfile.write(reply.body[:reply.cut])
            self.wfile.flush()
            self.server.stop.wait(reply.stall)
            self.close_connection = True
            return
        self.wfile.write(reply.body)
        if reply.length not in (None, -1):
            self.close_connection = True


class PeerServer(ThreadingHTTPServer):
    """A peer. The last of its `replies` is given again and again."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *replies: Reply, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = list(replies) or [Reply(body=b"<s3xml/>")]
        self.seen: list[Seen] = []
        self.stop = threading.Event()
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        pass                        # clients of these tests hang up as they like

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/eden"

    def close(self) -> None:
        self.stop.set()
        self.shutdown()
        self.server_close()


class ProxyHandler(BaseHTTPRequestHandler):
    """Forwards plain requests, tunnels CONNECT."""

    protocol_version = "HTTP/1.1"
    server: ProxyServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def permitted(self) -> bool:
        self.server.seen.append((self.command, self.path))
        wanted = self.server.authorization
        if wanted and self.headers.get("Proxy-Authorization") != wanted:
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        return True

    def do_CONNECT(self) -> None:
        self.close_connection = True
        if not self.permitted():
            return
        host, _, port = self.path.partition(":")
        try:
            upstream = socket.create_connection((host, int(port)), timeout=5)
        except OSError:
            self.send_response(502)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        with upstream:
            ends = {upstream: self.connection, self.connection: upstream}
            while True:
                ready, _, _ = select.select(list(ends), [], [], 5)
                pieces = [(end, end.recv(65536)) for end in ready]
                if not pieces or not all(piece for _, piece in pieces):
                    return
                for end, piece in pieces:
                    ends[end].sendall(piece)

    def do_GET(self) -> None:
        if not self.permitted():
            return
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        upstream = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=5)
        try:
            upstream.request(self.command, self.path[len(f"{url.scheme}://{url.netloc}"):], body or None, headers)
            answer = upstream.getresponse()
            content = answer.read()
        except OSError:
            self.send_response(502)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        finally:
            upstream.close()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET


class ProxyServer(ThreadingHTTPServer):
    """A forwarding proxy, with Basic authentication if `username` is given."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, username: str = "", password: str = "") -> None:
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.authorization = basic(username, password) if username else ""
        self.seen: list[tuple[str, str]] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        pass

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Authority:
    """A private certificate authority in `folder`."""

    def __init__(self, folder: Path, name: str = "Relief CA") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = self._sign(self._name, self._key, -DAY, 30 * DAY, None)
        self.bundle = folder / f"{name}.pem"
        self.bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, begin: datetime.timedelta,
              end: datetime.timedelta, host: str | None) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now + begin).not_valid_after(now + end)
                   .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                                  critical=False))
        if host is None:
            builder = builder.add_extension(x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                decipher_only=False), critical=True)
        else:
            name: x509.GeneralName
            try:
                name = x509.IPAddress(ipaddress.ip_address(host))
            except ValueError:
                name = x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def context(self, host: str = "127.0.0.1", begin: datetime.timedelta = -DAY,
                end: datetime.timedelta = DAY) -> ssl.SSLContext:
        """What a server with a certificate for `host` needs."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._sign(subject, key, begin, end, host)
        file = self.folder / f"server-{time.monotonic_ns()}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context
