"""JupyterHub for a class, on one machine: what to put beside the defaults, and why.

On The Littlest JupyterHub (https://tljh.jupyter.org), save it as
/opt/tljh/config/jupyterhub_config.d/post_training_quantization.py and run `sudo tljh-config reload`.  On a hub of your
own, start it with `jupyterhub -f jupyterhub_config.py`.  The paths are those of docs/server.md.
"""

c = get_config()  # noqa: F821

COURSE = "/srv/ptq/course"  # the repository, with its environment in .venv/
SHARED = "/srv/ptq/shared"  # what was made once, read by all

# Each student's server is JupyterLab out of the course's environment; the link of docs/server.md brings the notebooks.
c.Spawner.cmd = [f"{COURSE}/.venv/bin/jupyterhub-singleuser"]
c.Spawner.default_url = "/lab"

# Pictures, the trained network and its files lie in a folder that all read and none can write; what a student makes
# anew lies over it, in their own home folder, which nobody else reads.
c.Spawner.environment = {
    "PTQ_SHARED": SHARED,
    "PTQ_ARTIFACTS": "~/artifacts",
    "OPENBLAS_NUM_THREADS": "1",  # threads of thirty students would wait for each other
}

# A notebook takes up to 1.8 GB at its peak. A kernel above the limit is ended, and nobody else's: a limit needs a
# spawner that can set it, as TLJH's can.
c.Spawner.mem_limit = "2500M"
c.Spawner.cpu_limit = 2
