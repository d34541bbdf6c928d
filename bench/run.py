"""Measure the rendered app and its peers side by side, and write docs/benchmarks.md.

python3 bench/run.py            everything, some twenty minutes
python3 bench/run.py --quick    a rough table, about two minutes
"""

import argparse
import json
import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lineup import PEERS, PUBLIC, QUICK, WORKS, Peer, Work
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
        order = peers if number % 2 else peers[::-1]
        works = [w for w in (QUICK if options.quick else WORKS) if options.work in w.name]
        for result in measure_round(f"round {number} of {rounds}", workshop, order, works, seconds):
            data["results"].append(result | {"round": number})
        if not (options.quick or options.peer or options.work):
            (options.cache / "results.json").write_text(json.dumps(data, indent=1))
            write(options.cache)
    _say("")
    print(table(data))


class Contestant:
    """A peer's server, from its start, and what has been measured of it."""

    def __init__(self, peer: Peer, server: Server) -> None:
        self.peer = peer
        self.server = server
        self.result: dict[str, Any] = {
            "peer": peer.name,
            "loads": {},
            "wrong": [],
            "start": server.start_seconds,
            "memory_at_start": server.memory(),
        }
        self.visitor = Visitor(server.port)
        if peer.works != WORKS[:1]:
            self.visitor.log_in()
        measure(server.port, PUBLIC, 16, WARM_UP_SECONDS, self.visitor.cookie)

    def measure(self, work: Work, seconds: int) -> None:
        """Measure one piece of work, unless the peer has failed before."""
        if self.result["wrong"] or work not in self.peer.works:
            return
        before = self.server.processor_seconds()
        try:
            load = _measure_work(self.server.port, self.visitor, work, seconds)
        except (WrongAnswer, OSError) as error:
            self.result["wrong"].append(str(error))
            return
        busy = self.server.processor_seconds() - before
        load["processor_us"] = busy / (load["rate"] * seconds) * 1e6
        self.result["loads"][work.name] = load


def measure_round(
    name: str, workshop: Workshop, peers: list[Peer], works: list[Work], seconds: int
) -> list[dict[str, Any]]:
    """Start all peers, and give them each piece of work in turn.

    One after the other in seconds, they meet the machine in the same mood.
    """
    with ExitStack() as stack:
        contestants, results = [], []
        for peer in peers:
            _say(f"{name}: starting {peer.name}")
            try:
                server = stack.enter_context(Server(workshop, peer))
                contestants.append(Contestant(peer, server))
                results.append(contestants[-1].result)
            except (NotServing, WrongAnswer, OSError) as error:
                results.append({"peer": peer.name, "loads": {}, "wrong": [str(error)]})
        for work in works:
            for one in contestants:
                _say(f"{name}: {work.name}, {one.peer.name}")
                one.measure(work, seconds)
        for one in contestants:
            one.result["memory"] = one.server.memory()
    for result in results:
        for wrong in result["wrong"]:
            _say("")
            print(f"{result['peer']}: {wrong}", file=sys.stderr)
    return results


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
