"""Where a test and a job meet, which share no folder: a port of this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


class Door:
    """A port that is open or not, as jobs see it, and of which the test sees who has knocked."""

    def __init__(self) -> None:
        self._bound = socket.socket()
        self._bound.bind(("127.0.0.1", 0))
        self._listening = False
        port = self._bound.getsockname()[1]
        knock = f"socket.create_connection(('127.0.0.1', {port})).close()"
        self.enter = f"import socket\n{knock}\n"
        """Python that ends with an error where the door is shut."""
        self.until = f'until python -c "import socket; {knock}"; do sleep 0.1; done'
        """A line of shell that waits until it is open."""
        self.wait = f"import socket, time\nwhile True:\n    try:\n        {knock}\n        break\n"
        """Python that waits until it is open."""
        self.wait += "    except OSError:\n        time.sleep(0.05)\n"

    def open(self) -> None:
        """Let jobs in from now on."""
        self._bound.listen(100)
        self._bound.setblocking(False)
        self._listening = True

    def shut(self) -> None:
        """Let nobody in any more."""
        self._bound.close()
        self._listening = False

    def knocked(self) -> bool:
        """Tell whether somebody has come in since this was last asked."""
        try:
            self._bound.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def door() -> Iterator[Door]:
    """Give a door that is shut."""
    made = Door()
    yield made
    made.shut()


@contextlib.contextmanager
def telling(file: Path) -> Iterator[int]:
    """Tell everybody who knocks at this port what is in the file, nothing while there is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        teller = threading.Thread(target=_tell, args=(server, file))
        teller.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            teller.join()


def _tell(server: socket.socket, file: Path) -> None:
    with contextlib.suppress(OSError):  # it is shut
        while True:
            visitor = server.accept()[0]
            with visitor, contextlib.suppress(OSError):
                visitor.sendall(file.read_bytes())
