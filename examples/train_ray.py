"""Fine-tuning on a Ray cluster: one task a node, each of which starts torchrun there.

    RAY_ADDRESS=auto python examples/train_ray.py NODES GPUS_A_NODE RECIPE [key=value ...]

Every node needs radvlm and the same files. Run it again and it goes on where it was stopped.
"""

from __future__ import annotations

import subprocess
import sys

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy


def start(rank: int, nodes: int, gpus: int, master: str, arguments: list[str]) -> int:
    """Run this node's share to its end; returns its exit status."""
    layout = [f"--nnodes={nodes}", f"--node-rank={rank}", f"--nproc-per-node={gpus}"]
    meet = [f"--master-addr={master}", "--master-port=29500"]
    return subprocess.call(
        ["torchrun", *layout, *meet, "--no-python", "radvlm", "train", *arguments]
    )


def main() -> None:
    """Place one task a node and wait for all."""
    nodes, gpus, arguments = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    ray.init()
    group = placement_group([{"CPU": 1, "GPU": gpus}] * nodes, strategy="STRICT_SPREAD")
    ray.get(group.ready())

    def placed(function, rank):
        where = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank)
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(function)
        return task.options(scheduling_strategy=where)

    master = ray.get(placed(ray.util.get_node_ip_address, 0).remote())
    running = [placed(start, k).remote(k, nodes, gpus, master, arguments) for k in range(nodes)]
    sys.exit(max(ray.get(running)))


if __name__ == "__main__":
    main()
