"""A client of ``stepwell lsp`` that reads and writes the messages of the protocol on its pipes.

``stdio_client.py PROJECT ROUNDS`` prints the milliseconds from each changed text to its findings, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class StdioClient:
    """A server as a child process, and the messages of one session."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stepwell", "lsp"],
            cwd=root,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._number = 0

    def write(self, message: Mapping[str, Any]) -> None:
        """Send one message."""
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def read(self) -> dict[str, Any]:
        """Receive one message."""
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()) != b"\r\n":
            if not line:
                raise EOFError
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self.write({"method": method, "params": params})

    def request(self, method: str, params: Any) -> tuple[Any, list[dict[str, Any]]]:
        """Send a request, and return its answer and the messages before it; answer requests with null."""
        self._number += 1
        self.write({"id": self._number, "method": method, "params": params})
        before: list[dict[str, Any]] = []
        while True:
            message = self.read()
            if "method" not in message and message.get("id") == self._number:
                return message.get("result", message.get("error")), before
            if "method" in message and "id" in message:
                self.write({"id": message["id"], "result": None})
            before.append(message)

    def published(self, uri: str) -> Any:
        """Wait for the findings of a file."""
        while True:
            message = self.read()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                return message["params"]["diagnostics"]

    def close(self) -> int:
        """End the session and return the exit code of the server."""
        self.request("shutdown", None)
        self.notify("exit", None)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        code = self._process.wait(30)
        self._process.stdout.close()
        return code

    def kill(self) -> None:
        """End the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def connected(
    root: Path, environment: Mapping[str, str], capabilities: Mapping[str, Any]
) -> Iterator[tuple[StdioClient, Any]]:
    """Start a server, and yield an initialized client and the capabilities of the server."""
    client = StdioClient(root, environment)
    try:
        params = {"processId": None, "rootUri": root.as_uri(), "capabilities": capabilities}
        answer, _ = client.request("initialize", params)
        client.notify("initialized", {})
        yield client, answer
        assert client.close() == 0
    finally:
        client.kill()


def latencies(root: Path, rounds: int) -> list[float]:
    """Change the text of one file of a project, and wait for the new finding, each time."""
    path = max(root.glob("registry.d/steps/**/*.yaml"))
    uri, text = path.as_uri(), path.read_text(encoding="utf-8").rstrip()
    times = []
    with connected(root, os.environ, {}) as (client, _):
        item = {"uri": uri, "languageId": "yaml", "version": 0, "text": f"{text}\nunknown_0: 1\n"}
        client.notify("textDocument/didOpen", {"textDocument": item})
        client.published(uri)
        for version in range(1, rounds + 1):
            changes = [{"text": f"{text}\nunknown_{version}: 1\n"}]
            document = {"uri": uri, "version": version}
            began = time.perf_counter()
            client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": changes})
            while not any(f"unknown_{version}`" in finding["message"] for finding in client.published(uri)):
                pass
            times.append((time.perf_counter() - began) * 1000)
    return times


if __name__ == "__main__":
    json.dump(latencies(Path(sys.argv[1]).resolve(), int(sys.argv[2])), sys.stdout)
