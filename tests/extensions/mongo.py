"""A stand-in for a MongoDB server: its wire protocol on loopback, mongomock behind it."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bson
import mongomock

HELLO = {
    "isWritablePrimary": True,
    "ismaster": True,
    "helloOk": True,
    "maxBsonObjectSize": 16 << 20,
    "maxMessageSizeBytes": 48 << 20,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 25,
}


class Connection(socketserver.StreamRequestHandler):
    """Answers OP_MSG, and OP_QUERY for the first greeting."""

    def handle(self) -> None:
        while header := self.rfile.read(16):
            length, request_id, _, opcode = struct.unpack("<iiii", header)
            body = self.rfile.read(length - 16)
            if opcode == 2013:
                answer = struct.pack("<ib", 0, 0) + bson.encode(self.run(self.parse(body)))
            else:
                opcode, answer = (
                    1,
                    struct.pack("<iqii", 8, 0, 0, 1) + bson.encode({**HELLO, "ok": 1}),
                )
            reply = struct.pack("<iiii", 16 + len(answer), 0, request_id, opcode) + answer
            self.wfile.write(reply)

    def parse(self, body: bytes) -> dict[str, Any]:
        """Put the sections of a message together to one command."""
        command: dict[str, Any] = {}
        position = 4
        while position < len(body):
            kind, (size,) = body[position], struct.unpack_from("<i", body, position + 1)
            section = body[position + 1 : position + 1 + size]
            if kind == 0:
                command = {**bson.decode(section), **command}
            else:
                name, _, documents = section[4:].partition(b"\0")
                command[name.decode()] = bson.decode_all(documents)
            position += 1 + size
        return command

    def run(self, command: dict[str, Any]) -> dict[str, Any]:
        known = [name for name in command if hasattr(self, f"do_{name}")]
        if not known:
            return {"ok": 1, **HELLO}
        target = command[known[0]]
        database = self.server.client[command["$db"]]  # type: ignore[attr-defined]
        with self.server.lock:  # type: ignore[attr-defined]
            return {"ok": 1, **getattr(self, f"do_{known[0]}")(database[str(target)], command)}

    def cursor(self, documents: Any) -> dict[str, Any]:
        return {"cursor": {"id": 0, "ns": "db.collection", "firstBatch": list(documents)}}

    def do_find(self, collection: Any, command: dict[str, Any]) -> dict[str, Any]:
        found = collection.find(command.get("filter", {}), command.get("projection"))
        if command.get("sort"):
            found = found.sort(list(command["sort"].items()))
        return self.cursor(found.skip(command.get("skip", 0)).limit(abs(command.get("limit", 0))))

    def do_aggregate(self, collection: Any, command: dict[str, Any]) -> dict[str, Any]:
        return self.cursor(collection.aggregate(command["pipeline"]))

    def do_listIndexes(self, collection: Any, command: dict[str, Any]) -> dict[str, Any]:
        return self.cursor([{"v": 2, "name": "_id_", "key": {"_id": 1}}])

    def do_insert(self, collection: Any, command: dict[str, Any]) -> dict[str, Any]:
        collection.insert_many(command["documents"])
        return {"n": len(command["documents"])}

    def do_update(self, collection: Any, command: dict[str, Any]) -> dict[str, Any]:
        counts = [
            (collection.update_many if each.get("multi") else collection.update_one)(
                each["q"], each["u"], upsert=each.get("upsert", False)
            ).matched_count
            for each in command["updates"]
        ]
        return {"n": sum(counts), "nModified": sum(counts)}

    def do_delete(self, collection: Any, command: dict[str, Any]) -> dict[str, Any]:
        counts = [
            (collection.delete_one if each["limit"] else collection.delete_many)(each["q"])
            for each in command["deletes"]
        ]
        return {"n": sum(each.deleted_count for each in counts)}


@contextmanager
def serve() -> Iterator[str]:
    """Serve on a free port, from a thread; give the address."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
        server.daemon_threads = True
        server.client = mongomock.MongoClient()  # type: ignore[attr-defined]
        server.lock = threading.Lock()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"mongodb://127.0.0.1:{server.server_address[1]}/shop"
        finally:
            server.shutdown()
            thread.join()
