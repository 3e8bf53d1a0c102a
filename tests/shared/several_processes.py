"""Jobs of two processes, started as a user starts them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

# What a hang would last to: far more than the slowest machine needs, so that only a hang reaches it.
PATIENCE_S = 300


def torchrun(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `torchrun` on two processes with these arguments, to its end, whatever that is. Loopback only."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += map(str, arguments)
    with subprocess.Popen(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that all of a job that hangs can be killed
    ) as job:
        try:
            output, errors = job.communicate(timeout=PATIENCE_S)
        except BaseException:
            os.killpg(job.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, job.returncode, output, errors)
