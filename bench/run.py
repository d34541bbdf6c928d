"""Measure the rendered app and its peers side by side, and print tables of what came out.

python3 bench/run.py            five rounds, some six minutes
python3 bench/run.py --quick    one short round: a rough table
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from lineup import GOALS, PEERS, PUBLIC, WORKS, Goal, Peer, Work
from load import measure
from servers import CACHE, CLIENT_CORE, Server, Workshop, machine, pin
from visitor import Visitor

Result = dict[str, Any]


class Contestant:
    """A peer's server, from its start, and what has been measured of it."""

    def __init__(self, peer: Peer, server: Server, number: int) -> None:
        self.server = server
        self.visitor = Visitor(server.port)
        self.visitor.log_in()
        measure(server.port, PUBLIC.path, 16, 1, self.visitor.cookie)
        self.result: Result = {"peer": peer, "round": number, "start": server.start_seconds}

    def measure(self, work: Work, seconds: int) -> None:
        """Measure one piece of work."""
        # The login that is measured with has to be good to the end.
        self.visitor.check(work.path)
        before, port = self.server.processor_seconds(), self.server.port
        load = measure(port, work.path, work.connections, seconds, self.visitor.cookie)
        busy = self.server.processor_seconds() - before
        self.visitor.check(work.path)
        self.result[work.name] = vars(load) | {"busy": busy / (load.rate * seconds) * 1e6}


def measure_round(
    number: int, workshop: Workshop, peers: Iterable[Peer], seconds: int
) -> Iterator[Result]:
    """Start all peers, and give them each piece of work in turn.

    One after the other in seconds, they meet the machine in the same mood.
    """
    with ExitStack() as stack:
        contestants = [
            Contestant(peer, stack.enter_context(Server(workshop, peer)), number) for peer in peers
        ]
        for work in WORKS:
            for one in contestants:
                one.measure(work, seconds)
        for one in contestants:
            yield one.result | {"memory": one.server.memory()}


def tables(results: list[Result]) -> Iterable[str]:
    """Yield the lines of all tables: the goals, each work, and the workers."""
    yield "| goal | at least | requests/s: median (min..max) | | by processor time |"
    yield "|---|---|---|---|---|"
    for goal in GOALS:
        if rates := ratios(goal, results, lambda load: load["rate"]):
            verdict = "met" if median(rates) >= goal.at_least else "missed"
            times = spread(ratios(goal, results, lambda load: 1 / load["busy"]))
            yield f"| {goal.text} | {goal.at_least} | {spread(rates)} | {verdict} | {times} |"
    for work in WORKS:
        yield f"\n| {work.name} | requests/s | processor µs | p50 ms | p99 ms | errors |"
        yield "|---|---|---|---|---|---|"
        for peer in ordered(results, work):
            loads = [result[work.name] for result in results if result["peer"] is peer]
            cells = [
                spread([load[key] for load in loads]) for key in ("rate", "busy", "p50", "p99")
            ]
            errors = sum(load["errors"] for load in loads)
            yield f"| {peer.name} | {' | '.join(cells)} | {errors} |"
    yield "\n| worker | MiB after the work | start s |\n|---|---|---|"
    for peer in dict.fromkeys(result["peer"] for result in results):
        own = [result for result in results if result["peer"] is peer]
        cells = [spread([result[key] for result in own]) for key in ("memory", "start")]
        yield f"| {peer.name} | {' | '.join(cells)} |"


def ratios(goal: Goal, results: list[Result], value: Callable[[Any], float]) -> list[float]:
    """Return the goal's ratio in each round, against the peer that is best in that round."""
    found = []
    for number in dict.fromkeys(result["round"] for result in results):
        rows = {r["peer"]: value(r[goal.work.name]) for r in results if r["round"] == number}
        theirs = [rows[peer] for peer in goal.others if peer in rows]
        if theirs and goal.ours in rows:
            found.append(rows[goal.ours] / max(theirs))
    return found


def ordered(results: list[Result], work: Work) -> list[Peer]:
    """Return the peers, the one with the most requests a second first."""
    rates: dict[Peer, list[float]] = {}
    for result in results:
        rates.setdefault(result["peer"], []).append(result[work.name]["rate"])
    return sorted(rates, key=lambda peer: -median(rates[peer]))


def spread(values: list[float]) -> str:
    """Write the median, and the least and the most of several."""
    short = [f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in (median(values), *sorted(values))]
    return short[0] if len(values) == 1 else f"{short[0]} ({short[1]}..{short[-1]})"


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of a second each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--peer", default="", help="only peers whose name holds this text")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for the environments")
    options = parser.parse_args()
    rounds, seconds = (1, 1) if options.quick else (options.rounds, options.seconds)
    workshop = Workshop(options.cache)
    peers = [peer for peer in PEERS if options.peer in peer.name]
    for peer in peers:
        workshop.prepare(peer)
    pin(CLIENT_CORE)
    results: list[Result] = []
    for number in range(1, rounds + 1):
        print(f"Round {number} of {rounds}", file=sys.stderr, flush=True)
        # Every other round in reverse, so that no peer always follows the same one.
        results += measure_round(number, workshop, peers if number % 2 else peers[::-1], seconds)
    print(f"{rounds} rounds of {seconds} s, {machine()}.\n")
    print("\n".join(tables(results)))


if __name__ == "__main__":
    main()
