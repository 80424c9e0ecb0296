"""HTTP, HTTPS, banners and a UDP echo for the pretend Internet, with a record of what arrives.

Usage: server.py FACTS DIRECTORY UID: FACTS is internet.properties; DIRECTORY holds server.crt, server.key, git/ and
sites/ (a folder of files for each host), and takes arrivals.log; UID is whom to become once the ports are bound. One line of the record is
MILLISECONDS PROTOCOL SOURCE:PORT DESTINATION:PORT BYTES PAYLOAD, where the payload is cut at 200 bytes and escaped.
"""

import base64
import http.server
import json
import mimetypes
import os
import pathlib
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import time

IP_PKTINFO = 8  # Linux; the socket module has no name for it before Python 3.13


def read_facts(path):
    with open(path, encoding="utf-8") as lines:
        return dict(line.rstrip("\n").split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


class Arrivals:
    def __init__(self, path):
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)

    def note(self, protocol, source, destination, payload=b""):
        text = payload[:200].decode("latin-1").encode("unicode_escape").decode("ascii").replace(" ", "\\x20")
        line = "%d %s %s:%d %s:%d %d %s\n" % (
            time.time() * 1000, protocol, source[0], source[1], destination[0], destination[1], len(payload), text)
        os.write(self._file, line.encode("ascii"))


class ThreadingServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def shutdown_request(self, request):
        if isinstance(request, ssl.SSLSocket):
            try:
                request.settimeout(2)
                request.unwrap()
            except (OSError, ValueError):
                pass  # the peer is gone already
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Peers that reset or never finish a handshake are part of the tests."""


class Banner(socketserver.BaseRequestHandler):
    def handle(self):
        here = self.request.getsockname()
        self.server.arrivals.note("tcp-open", self.client_address, here)
        self.request.sendall(b"%s %d\r\n" % (self.server.banner, here[1]))
        while payload := self.request.recv(65536):
            self.server.arrivals.note("tcp", self.client_address, here, payload)


class Web(http.server.BaseHTTPRequestHandler):
    timeout = 120

    def setup(self):
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(self.timeout)
            self.request.do_handshake()
        super().setup()

    def handle(self):
        self.server.arrivals.note("tcp-open", self.client_address, self.connection.getsockname())
        super().handle()

    def log_message(self, *_):
        pass

    def do_GET(self):
        here = self.connection.getsockname()[0]
        if here == self.server.facts["METADATA_ADDRESS"]:
            self._answer("application/json", json.dumps({"instance-id": "i-lab", "role": "lab", "token": "lab"}).encode())
        elif ".git/" in self.path:
            self._git()
        elif self.path.startswith("/bytes/") and self.path[7:].isdigit():
            self._bytes(int(self.path[7:]))
        elif self._host() in self.server.sites:
            self._file(self.server.sites[self._host()])
        else:
            self._answer("text/plain", ("Hello from %s\n" % self.headers.get("Host", here)).encode())

    def do_POST(self):
        if ".git/" in self.path:
            return self._git()
        if self._host() == self.server.facts["API_NAME"]:
            return self._api()
        left = got = int(self.headers.get("Content-Length", 0))
        while left > 0:
            left -= len(self.rfile.read(min(left, 65536)) or b"x" * left)
        self._answer("text/plain", b"%d\n" % got)

    do_PUT = do_POST

    def _host(self):
        return self.headers.get("Host", "").partition(":")[0]

    def _file(self, site):
        """A file of a site, or the index of a folder, whose kind tells how mirrors of that sort answer."""
        wanted = (site / self.path.partition("?")[0].lstrip("/")).resolve()
        found = [file for file in (wanted, wanted / "index.html", wanted / "index.json") if file.is_file()]
        if not found or site not in wanted.parents:
            return self._answer("text/plain", b"not here\n", 404)
        self._answer(mimetypes.guess_type(found[0])[0] or "application/octet-stream", found[0].read_bytes())

    def _api(self):
        """Says back what it is told, in JSON, to those who have the token."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != "Bearer " + self.server.facts["TOKEN"]:
            return self._answer("application/json", b'{"error": "a token is needed"}\n', 401)
        try:
            answer = {"path": self.path, "got": json.loads(body)}
        except ValueError:
            return self._answer("application/json", b'{"error": "not JSON"}\n', 400)
        self._answer("application/json", json.dumps(answer).encode())

    def _may_push(self):
        given = base64.b64encode(b"agent:" + self.server.facts["TOKEN"].encode()).decode()
        return self.headers.get("Authorization") == "Basic " + given

    def _answer(self, kind, body, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _bytes(self, count):
        self.send_response(200)
        self.send_header("Content-Length", str(count))
        self.end_headers()
        while count > 0:
            self.wfile.write(bytes(min(count, 65536)))
            count -= 65536

    def _git(self):
        """git's own CGI program (gitprotocol-http(5)), given the request and its body."""
        path, _, query = self.path.partition("?")
        push = "git-receive-pack" in self.path
        if push and not self._may_push():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        environment = {
            "PATH": os.environ["PATH"], "HOME": self.server.repositories,
            "GIT_PROJECT_ROOT": self.server.repositories, "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            **({"REMOTE_USER": "agent"} if push else {}),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": self.client_address[0],
        }
        out = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE, check=False)
        head, _, content = out.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line]
        status = dict(headers).get("Status", "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def echo(port, arrivals):
    """Answers from the address that was asked, which a wildcard socket does not do by itself."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    server.bind(("", port))

    def serve():
        while True:
            payload, control, _, source = server.recvmsg(65536, 64)
            _, _, to = struct.unpack("i4s4s", control[0][2][:12])
            arrivals.note("udp", source, (socket.inet_ntoa(to), port), payload)
            try:
                server.sendmsg([payload], [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("i4s4s", 0, to, to))], 0, source)
            except OSError:
                pass  # a source without a way back

    return serve


def main(facts_path, directory, uid):
    facts = read_facts(facts_path)
    arrivals = Arrivals(directory + "/arrivals.log")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory + "/server.crt", directory + "/server.key")
    sites = {site.name: site for site in pathlib.Path(directory, "sites").resolve().iterdir()}
    loops = [echo(8080, arrivals)]
    for port, handler in ((80, Web), (443, Web), (5432, Banner), (8080, Banner)):
        server = ThreadingServer(("", port), handler)
        server.facts = facts
        server.arrivals = arrivals
        server.banner = facts["BANNER_PREFIX"].encode()
        server.repositories = directory + "/git"
        server.sites = sites
        if port == 443:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        loops.append(server.serve_forever)
    os.setgid(uid)
    os.setuid(uid)
    for loop in loops[1:]:
        threading.Thread(target=loop, daemon=True).start()
    loops[0]()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
