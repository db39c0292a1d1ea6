"""A mail server on this machine that takes mail (RFC 5321), or refuses it in the ways that servers do."""

import base64
import contextlib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

PASSWORD = "PW-s3same"


@dataclass
class MailServer:
    """A running server.

    Attributes:
        port: where it listens.
        mails: what it took, as mails.
        sessions: how many clients came.
        behaves: `ok`, `busy` (451 to the first two mails), `no-mail` (554), `not-you` (550 to b@...), or `silent`.
    """

    port: int
    behaves: str = "ok"
    mails: list[EmailMessage] = field(default_factory=list)
    sessions: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def mail_server(behaves: str = "ok") -> Iterator[MailServer]:
    """Listens on a free port of this machine.

    Args:
        behaves: as `MailServer.behaves`.
    """

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            state.sessions += 1
            with contextlib.suppress(OSError):
                _session(self, state)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        state = MailServer(server.server_address[1], behaves)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.ended.set()
            server.shutdown()
            thread.join()


def _session(client: socketserver.StreamRequestHandler, state: MailServer) -> None:
    def answer(line: str) -> None:
        client.wfile.write(f"{line}\r\n".encode())

    if state.behaves == "silent":
        state.ended.wait()
        return
    answer("220 mail.test ESMTP")
    while line := client.rfile.readline().decode().strip():
        verb = line.split(" ")[0].upper()
        if verb == "EHLO":
            answer("250-mail.test")
            answer("250 AUTH PLAIN")
        elif verb == "AUTH":
            password = base64.b64decode(line.split(" ")[2]).split(b"\0")[2].decode()
            answer("235 2.7.0 welcome" if password == PASSWORD else f"535 5.7.8 not {password}")
        elif verb == "MAIL" and state.behaves == "no-mail":
            answer("554 5.7.1 SECRET-ANSWER")
        elif verb == "MAIL" and state.behaves == "busy" and state.sessions <= 2:
            answer("451 4.3.0 later")
        elif verb == "RCPT" and state.behaves == "not-you" and "<b@" in line:
            answer("550 5.1.1 nobody of that name")
        elif verb == "DATA":
            answer("354 go on")
            lines = []
            while (part := client.rfile.readline()) != b".\r\n":
                lines.append(part)
            state.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
            answer("250 2.0.0 taken")
        elif verb == "QUIT":
            answer("221 bye")
            return
        else:
            answer("250 2.0.0 ok")
