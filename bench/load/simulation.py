"""How many machines a day's episodes need, and what an hour of them costs: measured stage costs in a queue simulation.

Episodes arrive at random (Poisson), more by day than by night, and each takes the first free worker, in the order of
arrival: a queue with `c` servers whose waiting times follow from the times at which servers become free (Kiefer and
Wolfowitz, 1955). The smallest `c` whose p99 wait is below the limit is what has to be bought; a GPU takes the share of
the work that runs on it, and costs what the input says.
"""

from __future__ import annotations

import argparse
import heapq
import math
from dataclasses import dataclass

import numpy as np

DAY_SECONDS = 86_400
SIMULATED = 200_000  # episodes; a share of the day about its peak is simulated, not all of a million
SEED = 5
PEAK = 2.0  # busiest hour against the mean of the day
HOURS_PER_YEAR = 8_766
# Processor seconds for a second of sound, as docs/benchmarks.md has them for the briefing of 168.6 s: 26.5 for the
# whole gate with MP3 and WAV, of which the synthesis by hibari-heart is 1.4.
MEASURED_SYNTHESIS = 1.4 / 168.6
MEASURED_GATE = 26.5 / 168.6 - MEASURED_SYNTHESIS


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is asked about; measured costs are processor seconds for a second of sound."""

    episodes_per_day: int
    minutes: float  # mean length of an episode; lengths are exponential about it
    processor_per_second: float  # whole gate but synthesis
    synthesis_per_second: float  # on a processor core
    gpu_speed: float  # synthesis on one GPU against one core; 0 leaves it on cores
    cores_per_machine: int
    wait_seconds: float  # limit for p99
    years: float  # machines are written off in
    machine_price: float
    gpu_price: float
    power_watts: float  # of one machine
    gpu_watts: float
    kwh_price: float
    staff_per_year: float
    cloud_core_hour: float
    cloud_gpu_hour: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the inputs; the costs of stages were measured, the prices are examples that you replace by yours."""
    group = parser.add_argument_group("simulation")
    group.add_argument("--episodes-per-day", type=int, default=1_000_000)
    group.add_argument("--minutes", type=float, default=5.0)
    group.add_argument("--processor-per-second", type=float, default=MEASURED_GATE)
    group.add_argument("--synthesis-per-second", type=float, default=MEASURED_SYNTHESIS)
    group.add_argument("--gpu-speed", type=float, default=0.0)
    group.add_argument("--cores-per-machine", type=int, default=64)
    group.add_argument("--wait-seconds", type=float, default=60.0)
    group.add_argument("--years", type=float, default=4.0)
    group.add_argument("--machine-price", type=float, default=12_000.0)
    group.add_argument("--gpu-price", type=float, default=9_000.0)
    group.add_argument("--power-watts", type=float, default=500.0)
    group.add_argument("--gpu-watts", type=float, default=300.0)
    group.add_argument("--kwh-price", type=float, default=0.20)
    group.add_argument("--staff-per-year", type=float, default=120_000.0)
    group.add_argument("--cloud-core-hour", type=float, default=0.04)
    group.add_argument("--cloud-gpu-hour", type=float, default=0.80)


def inputs_from(options: argparse.Namespace) -> Inputs:
    """Return the inputs that the options say."""
    return Inputs(**{name: getattr(options, name) for name in Inputs.__dataclass_fields__})


def servers_needed(*, per_second: float, service: np.ndarray, limit: float) -> tuple[int, float]:
    """Return the fewest servers whose p99 wait is within `limit` seconds, and that wait.

    `per_second` arrivals; `service` holds the seconds of each, one by one. Fewer servers than the load never catch up.
    """
    generator = np.random.default_rng(SEED)
    arrivals = np.cumsum(generator.exponential(1 / per_second, len(service)))
    low = max(1, math.floor(per_second * float(service.mean())))
    high = 2 * low + 16
    while low < high:
        middle = (low + high) // 2
        if p99_wait(arrivals, service, middle) <= limit:
            high = middle
        else:
            low = middle + 1
    return low, p99_wait(arrivals, service, low)


def p99_wait(arrivals: np.ndarray, service: np.ndarray, servers: int) -> float:
    """Return the wait in seconds that 99 of 100 episodes do not exceed, first come, first served."""
    free = [0.0] * servers
    waits = np.empty(len(service))
    for place, (arrival, seconds) in enumerate(zip(arrivals.tolist(), service.tolist(), strict=True)):
        start = max(arrival, free[0])
        waits[place] = start - arrival
        heapq.heapreplace(free, start + seconds)
    return float(np.percentile(waits, 99))


def report(inputs: Inputs) -> None:
    """Simulate and print what has to be bought, and what an hour of episodes costs."""
    generator = np.random.default_rng(SEED)
    sound = generator.exponential(inputs.minutes * 60, SIMULATED)
    peak = inputs.episodes_per_day / DAY_SECONDS * PEAK
    on_cores = inputs.processor_per_second + (0.0 if inputs.gpu_speed else inputs.synthesis_per_second)
    cores, wait = servers_needed(per_second=peak, service=sound * on_cores, limit=inputs.wait_seconds)
    gpus = 0
    if inputs.gpu_speed:
        spoken = sound * inputs.synthesis_per_second / inputs.gpu_speed
        gpus, _ = servers_needed(per_second=peak, service=spoken, limit=inputs.wait_seconds)
    machines = math.ceil(cores / inputs.cores_per_machine)
    hours = inputs.episodes_per_day * inputs.minutes / 60 * 365.25
    bought = (machines * inputs.machine_price + gpus * inputs.gpu_price) / inputs.years
    watts = machines * inputs.power_watts + gpus * inputs.gpu_watts
    power = watts / 1_000 * HOURS_PER_YEAR * inputs.kwh_price
    own = bought + power + inputs.staff_per_year
    # Rented by the hour, a fleet follows the day: the mean is paid for, not the peak.
    rented = (cores * inputs.cloud_core_hour + gpus * inputs.cloud_gpu_hour) / PEAK * HOURS_PER_YEAR
    print(f"Simulation: {inputs.episodes_per_day:,} episodes a day of {inputs.minutes:g} min, peak {PEAK:g} times the")
    print(f"mean, p99 wait within {inputs.wait_seconds:g} s; {SIMULATED:,} arrivals about the peak. Inputs: {inputs}\n")
    print(
        "| cores | machines | GPUs | p99 wait, s | own, per year | own, per hour of sound | rented, per hour of sound |"
    )
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {cores:,} | {machines} | {gpus} | {wait:.1f} | {own:,.0f} | {own / hours:.4f} "
        f"| {(rented + inputs.staff_per_year) / hours:.4f} |\n"
    )
