#!/usr/bin/env bash
# Ray over all nodes of a Slurm allocation, for the time of one command. The job scripts beside it source this file:
#
#   source deploy/slurm/ray.sh
#   with_ray python jobs/summarize.py jobs/summarize.yaml
#
# MMSUM_RUN   what starts a command on a node, such as `apptainer exec --nv --bind /scratch mmsum.sif`; empty: mmsum is
#             installed on the nodes.
# MMSUM_PORT  first of the ports used on the head node; two jobs that share a node need different ones. By default it
#             follows from the job's number.
# MMSUM_CACHE where each node keeps weights from a store and encoded examples. By default beside Ray's own files under /tmp, for
#             the time of the job: $HOME lies on all nodes at once, and mostly under a quota. Where /tmp is small or in memory,
#             name the node's scratch, by the same path on all nodes.
#
# Ray's own `ray symmetric-run` does nearly this, but ends with exit code 0 when Ray did not start, and stops other jobs' Ray
# on a shared node.

ray_private="" # folder of this job's token

# On one node of the allocation, beside what runs there already. For subshells: it takes their place.
on_node() {
  exec srun --nodes=1 --ntasks=1 --overlap --nodelist="$1" "${ray_run[@]}" "${@:2}"
}

stop_ray() {
  local steps
  steps=$(jobs -p)
  # shellcheck disable=SC2086 # one word per process
  [[ -z $steps ]] || kill $steps 2>/dev/null || true
  wait || true
  rm -rf "$ray_private" "ray-$SLURM_JOB_ID-metrics.json"
  # Sockets, logs, spilled objects and the cache, on every node.
  srun --ntasks-per-node=1 --overlap rm -rf "/tmp/ray-$SLURM_JOB_ID" 2>/dev/null || true
}

start_ray() {
  local port=${MMSUM_PORT:-$((20000 + SLURM_JOB_ID % 20000))} head=$1 node
  local cpus=${SLURM_CPUS_PER_TASK:-$SLURM_CPUS_ON_NODE} gpus=${SLURM_GPUS_ON_NODE:-0}
  local options=(--num-cpus="$cpus" --num-gpus="$gpus" --metrics-export-port="$((port + 2))"
    --temp-dir="/tmp/ray-$SLURM_JOB_ID" --disable-usage-stats --block)

  # Others share the network: nothing talks to this Ray without the token. It lies in a file that its owner alone reads,
  # where all nodes see it, and never on a command line.
  ray_private="$HOME/.mmsum/job-$SLURM_JOB_ID"
  mkdir -p "$ray_private" && chmod 700 "$ray_private"
  (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$ray_private/token")
  export MMSUM_CACHE=${MMSUM_CACHE:-/tmp/ray-$SLURM_JOB_ID/cache}
  export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$ray_private/token" RAY_ADDRESS="$head:$port"

  on_node "$head" ray start --head --node-ip-address="$head" --port="$port" --ray-client-server-port="$((port + 1))" \
    --include-dashboard=false "${options[@]}" >"ray-$SLURM_JOB_ID-$head.log" 2>&1 &
  for node in "${@:2}"; do
    on_node "$node" ray start --address="$RAY_ADDRESS" "${options[@]}" >"ray-$SLURM_JOB_ID-$node.log" 2>&1 &
  done

  local tries=${MMSUM_START_TRIES:-60}
  until (on_node "$head" python -c "import ray; ray.init(log_to_driver=False); exit(len(ray.nodes()) < $#)") &>/dev/null; do
    if ((--tries <= 0)); then
      echo "Ray did not come up on all of $# nodes; see ray-$SLURM_JOB_ID-*.log" >&2
      return 1
    fi
    sleep "${MMSUM_START_SECONDS:-5}"
  done
  # For Prometheus: without its dashboard Ray lists its nodes' metrics nowhere.
  local targets
  targets=$(printf "\"%s:$((port + 2))\"," "$@")
  echo "[{\"labels\": {\"job\": \"ray\"}, \"targets\": [${targets%,}]}]" >"ray-$SLURM_JOB_ID-metrics.json"
  echo "Ray runs on $# nodes with $cpus CPUs and $gpus GPUs each"
}

with_ray() {
  local nodes command="" signal="" status=0
  mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
  read -r -a ray_run <<<"${MMSUM_RUN:-}"
  trap stop_ray EXIT
  start_ray "${nodes[@]}"

  # Shortly before the time is over Slurm says so (--signal). The command then finishes what it has begun, and the job is
  # queued again to go on.
  trap 'signal=yes; [[ -z $command ]] || kill -TERM "$command"' USR1
  on_node "${nodes[0]}" "$@" &
  command=$!
  [[ -z $signal ]] || kill -TERM "$command"
  wait "$command" || status=$?
  while kill -0 "$command" 2>/dev/null; do # a signal ends `wait`, not the command
    status=0
    wait "$command" || status=$?
  done
  trap - USR1
  if [[ $signal && $status -ne 0 ]]; then
    echo "out of time; queued again, the same command goes on"
    scontrol requeue "$SLURM_JOB_ID"
  fi
  return "$status"
}
