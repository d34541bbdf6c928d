"""Load: wrk where it is installed, else a small asyncio client; both count what goes wrong."""

import asyncio
import re
import shutil
import subprocess
import time
from dataclasses import dataclass

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}
TIMEOUT = 60


@dataclass
class Load:
    """What one measurement gave: requests a second, milliseconds, and a count of errors."""

    rate: float
    p50: float
    p99: float
    errors: int


def measure(port: int, path: str, connections: int, seconds: int, cookie: str) -> Load:
    """Ask for the path as often as the connections allow."""
    headers = {"Host": f"127.0.0.1:{port}", "Accept": "*/*"}
    if cookie:
        headers["Cookie"] = cookie
    if shutil.which("wrk"):
        return _wrk(f"http://127.0.0.1:{port}{path}", connections, seconds, headers)
    return asyncio.run(_Client(port, path, headers).run(connections, seconds))


def _wrk(url: str, connections: int, seconds: int, headers: dict[str, str]) -> Load:
    options = [f"-t1 -c{connections} -d{seconds}s --latency --timeout {TIMEOUT}s"]
    command = ["wrk", *options[0].split()]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    text = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    socket_errors = re.search(r"Socket errors: (.*)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = sum(map(int, re.findall(r"\d+", socket_errors[1]))) if socket_errors else 0
    return Load(
        float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0]),
        _latency(text, "50%"),
        _latency(text, "99%"),
        errors + (int(refused[1]) if refused else 0),
    )


def _latency(text: str, share: str) -> float:
    value, unit = re.findall(rf"{share}\s+([\d.]+)(us|ms|s|m)", text)[0]
    return float(value) * UNITS[unit]


class _Client:
    """Keep-alive connections that ask again as soon as they are answered."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self.port = port
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self.request = "\r\n".join([*lines, "", ""]).encode()
        self.times: list[float] = []
        self.errors = 0

    async def run(self, connections: int, seconds: int) -> Load:
        """Ask over all connections until the time is over."""
        start = time.perf_counter()
        await asyncio.gather(*(self._ask(start + seconds) for _ in range(connections)))
        took = time.perf_counter() - start
        times = sorted(self.times) or [0.0]
        p50, p99 = (times[int(share * (len(times) - 1))] * 1000 for share in (0.5, 0.99))
        return Load(len(self.times) / took, p50, p99, self.errors)

    async def _ask(self, end: float) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            while (start := time.perf_counter()) < end:
                writer.write(self.request)
                async with asyncio.timeout(TIMEOUT):
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    await self._skip_body(head, reader)
                if head.split(b" ", 2)[1] == b"200":
                    self.times.append(time.perf_counter() - start)
                else:
                    self.errors += 1
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            self.errors += 1

    async def _skip_body(self, head: bytes, reader: asyncio.StreamReader) -> None:
        length = re.search(rb"content-length: (\d+)", head)
        if length:
            await reader.readexactly(int(length[1]))
        elif b"transfer-encoding: chunked" in head:
            while size := int(await reader.readline(), 16):
                await reader.readexactly(size + 2)
            await reader.readline()
