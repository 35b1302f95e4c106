"""Tells what more workers are worth: one folder checked by clusters of several sizes here.

The wall clock of a machine with fewer cores than workers, or with other work to do, tells little.
What does is the CPU time of the busiest worker: with a core to each, no check takes less.

python benchmarks/workers.py 1000000 --workers 1 2 4
"""

import argparse
import tempfile
import time
from pathlib import Path

import by_parts
from distributed import Client, LocalCluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--partition-size", default="4MiB")
    parser.add_argument("--reuse", type=Path, default=None, help="exports that are kept")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        exports = asked.reuse or Path(folder) / "exports"
        if not exports.exists():
            by_parts.write_folder(asked.rows, 8, exports)
        for count in asked.workers:
            with LocalCluster(
                n_workers=count, threads_per_worker=1, dashboard_address="127.0.0.1:0"
            ) as cluster:
                asked.scheduler, asked.most_mib = cluster.scheduler_address, float("inf")
                with Client(cluster) as client:
                    before = client.run(time.process_time)
                    by_parts.tell(asked, exports, Path(folder), asked.partition_size)
                    after = client.run(time.process_time)
                spent = [after[worker] - before[worker] for worker in before]
                print(
                    f"  {count} workers: {sum(spent):.1f} s of CPU, the busiest {max(spent):.1f} s"
                )


if __name__ == "__main__":
    main()
