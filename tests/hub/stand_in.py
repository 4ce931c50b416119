"""A stand-in for the Hugging Face hub, on the loopback: as much of its HTTP as it takes to make, fill, list and fetch a repository.

Every file is sent within a commit. The real hub takes large ones by another way, which is the library's affair.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Hub:
    """The repositories, by USER/NAME: their files by name."""

    address: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    fetched: list[str] = field(default_factory=list)
    """The names of the files that were asked for."""

    def commit(self, repository: str) -> str:
        """The hash of what a repository holds now."""
        files = self.repositories[repository]
        return hashlib.sha1(repr(sorted((name, hashlib.sha1(content).hexdigest()) for name, content in files.items())).encode()).hexdigest()


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub without repositories, until the end of the block."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._get()

    def do_GET(self) -> None:
        self._get()

    def do_POST(self) -> None:
        parts = self._parts()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        repository = "/".join(parts[2:4])
        if parts[:3] == ["api", "repos", "create"]:
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if asked.get("private") or asked.get("visibility") == "private":
                self.hub.private.add(name)
            self.hub.repositories.setdefault(name, {})
            self._json({"url": f"{self.hub.address}/{name}"})
        elif parts[:2] == ["api", "validate-yaml"]:
            self._json({"errors": [], "warnings": []})
        elif repository not in self.hub.repositories:
            self._missing("RepoNotFound", f"there is no repository {repository}")
        elif parts[4] == "preupload":
            files = json.loads(body)["files"]
            self._json({"files": [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False} for one in files]})
        else:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.hub.repositories[repository][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    del self.hub.repositories[repository][line["value"]["path"]]
            commit = self.hub.commit(repository)
            self._json({"commitUrl": f"{self.hub.address}/{repository}/commit/{commit}", "commitOid": commit})

    def _get(self) -> None:
        parts = self._parts()
        about = parts[:2] == ["api", "models"]
        repository = "/".join(parts[2:4] if about else parts[:2])
        if repository not in self.hub.repositories:
            self._missing("RepoNotFound", f"there is no repository {repository}")
            return
        files, commit = self.hub.repositories[repository], self.hub.commit(repository)
        if about and parts[4:5] == ["tree"]:
            found = [{"type": "file", "path": name, "size": len(content), "oid": _oid(content)} for name, content in files.items()]
            self._json(found)
        elif about:
            self._json({"id": repository, "sha": commit, "siblings": [{"rfilename": name} for name in files]})
        else:
            name = "/".join(parts[4:])
            self.hub.fetched.append(name)
            self._send(200, files[name], {"ETag": f'"{_oid(files[name])}"', "X-Repo-Commit": commit})

    def _parts(self) -> list[str]:
        return unquote(urlsplit(self.path).path).strip("/").split("/")

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _missing(self, code: str, message: str) -> None:
        self._send(404, b"", {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _oid(content: bytes) -> str:
    """The name that git has for a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
