"""Measure the rendered app and its peers side by side, and write docs/benchmarks.md.

python3 bench/run.py            everything, about a quarter of an hour
python3 bench/run.py --quick    a rough table, about two minutes
"""

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lineup import PEERS, QUICK, Peer, Work
from load import measure
from report import table, write
from servers import CLIENT_CORE, NotServing, Server, Workshop, pin
from visitor import Storm, Visitor, WrongAnswer

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "quart-template-bench"
WARM_UP_SECONDS = 1


def main() -> None:
    """Measure, show the table, and write the report after each round of a whole run."""
    options = _options()
    workshop = Workshop(options.cache)
    peers = [p for p in PEERS if options.peer in p.name and (p.quick or not options.quick)]
    rounds = 1 if options.quick else options.rounds
    seconds = 1 if options.quick else options.seconds
    for peer in peers:
        _say(f"installing: {peer.name}")
        workshop.prepare(peer)
    pin(CLIENT_CORE)
    data = {"began": _now(), "machine": machine(), "seconds": seconds, "results": []}
    for number in range(1, rounds + 1):
        # Every other round in reverse, so that no peer always follows the same one.
        for peer in peers if number % 2 else reversed(peers):
            works = [w for w in peer.works if not options.quick or w in QUICK]
            works = [w for w in works if options.work in w.name]
            _say(f"round {number} of {rounds}: {peer.name}")
            result = measure_peer(workshop, peer, works, seconds)
            data["results"].append(result | {"round": number})
        if not (options.quick or options.peer or options.work):
            (options.cache / "results.json").write_text(json.dumps(data, indent=1))
            write(options.cache)
    _say("")
    print(table(data))


def measure_peer(workshop: Workshop, peer: Peer, works: list[Work], seconds: int) -> dict[str, Any]:
    """Start the peer, make sure that it does the work, and measure each piece of it."""
    result: dict[str, Any] = {"peer": peer.name, "loads": {}, "wrong": []}
    try:
        with Server(workshop, peer) as server:
            result["start"] = server.start_seconds
            visitor = Visitor(server.port)
            if any(work.path != "/healthz" for work in works):
                visitor.log_in()
            if works:
                measure(server.port, works[0].path, 16, WARM_UP_SECONDS, visitor.cookie)
            for work in works:
                before = server.processor_seconds()
                load = _measure_work(server.port, visitor, work, seconds)
                busy = server.processor_seconds() - before
                load["processor_us"] = busy / (load["rate"] * seconds) * 1e6
                result["loads"][work.name] = load
            result["memory"] = server.memory()
    except (NotServing, WrongAnswer, OSError) as error:
        result["wrong"].append(str(error))
        _say("")
        print(f"{peer.name}: {error}", file=sys.stderr)
    return result


def _measure_work(port: int, visitor: Visitor, work: Work, seconds: int) -> dict[str, Any]:
    someone = Visitor(port) if work.path == "/" else visitor
    someone.check(work.path)
    cookie = "" if work.path == "/" else visitor.cookie
    if not work.storm:
        load = asdict(measure(port, work.path, work.connections, seconds, cookie))
    else:
        with Storm(port) as storm:
            load = asdict(measure(port, work.path, work.connections, seconds, cookie))
        load |= {"logins": storm.logins / seconds, "errors": load["errors"] + storm.failures}
    # The login that was measured with has to be good to the end.
    someone.check(work.path)
    return load


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round, nothing written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--peer", default="", help="only peers whose name holds this text")
    parser.add_argument("--work", default="", help="only works whose name holds this text")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for the environments")
    return parser.parse_args()


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime())


def machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2] for line in info.read_text().splitlines() if "name" in line]
        model = names[0].strip() if names else model
    return (
        f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}"
    )


def _say(text: str) -> None:
    end = "\r" if sys.stderr.isatty() and text else "\n"
    print(f"\x1b[K{text}" if sys.stderr.isatty() else text, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
