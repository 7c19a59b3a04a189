"""How fast this machine is just now: virtual CPUs share cores with each other and with strangers."""
import multiprocessing
import os
import statistics
import time

SECONDS = 1


def pace():
    """Milliseconds of CPU that a million additions take, on one CPU alone and on all at once."""
    cpus = sorted(os.sched_getaffinity(0))
    with multiprocessing.Pool(len(cpus)) as pool:
        alone = pool.map(milliseconds, cpus[:1])
        together = pool.map(milliseconds, cpus, chunksize=1)
    return alone[0], statistics.mean(together)


def milliseconds(cpu):
    os.sched_setaffinity(0, {cpu})
    taken = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        begun = time.thread_time()
        total = 0
        for number in range(1_000_000):
            total += number
        taken.append(time.thread_time() - begun)
    return statistics.median(taken) * 1000
