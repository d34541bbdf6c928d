"""Load by wrk, which counts what goes wrong."""

import re
import shutil
import subprocess
from dataclasses import dataclass

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


@dataclass
class Load:
    """What one measurement gave: requests a second, milliseconds, and a count of errors."""

    rate: float
    p50: float
    p99: float
    errors: int


def measure(port: int, path: str, connections: int, seconds: int, cookie: str) -> Load:
    """Ask for the path as often as the connections allow."""
    if not shutil.which("wrk"):
        raise SystemExit("The load is made with wrk, which is missing: apt install wrk")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout=60s"]
    command += ["-H", f"Cookie: {cookie}"] if cookie else []
    command += [f"http://127.0.0.1:{port}{path}"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
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
