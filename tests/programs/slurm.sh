#!/bin/sh
# A Slurm of one's own on this machine, for the time of a test: munged, slurmctld and three nodes as the user who
# calls, with all files in a folder and nothing outside of it.
#
#   slurm.sh FOLDER PORT     FOLDER is there and empty; PORT and the three behind it are free
#
# Partition `batch` has the nodes n1 and n2, `late` has n3, and so has `yields`, whose jobs make way for those of `late`. It prints `ready`, then obeys lines of its standard input, each answered by `done`:
#
#   kill NAME     NAME is slurmctld or a node: by SIGKILL, a node with its jobs, as when a machine loses its power
#   start NAME
#
# At the end of its input it ends everything. With SLURM_CONF=FOLDER/slurm.conf the commands of Slurm speak to it.
set -eu
folder=$(cd "$1" && pwd)
port=$2
user=$(id -un)
PATH=$PATH:/usr/sbin:/sbin
export SLURM_CONF="$folder/slurm.conf"

mkdir -p "$folder/state" "$folder/n1" "$folder/n2" "$folder/n3"
dd if=/dev/urandom of="$folder/munge.key" bs=1024 count=1 2>/dev/null
chmod 0400 "$folder/munge.key"
cat >"$SLURM_CONF" <<END
ClusterName=hexperiment
SlurmctldHost=$(uname -n)(127.0.0.1)
SlurmctldPort=$port
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
SlurmUser=$user
SlurmdUser=$user
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
MaxArraySize=25
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MessageTimeout=5
SlurmdTimeout=300
KillWait=2
ReturnToService=2
NodeName=n1 NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=4 RealMemory=16000 State=UNKNOWN
NodeName=n2 NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=4 RealMemory=16000 State=UNKNOWN
NodeName=n3 NodeAddr=127.0.0.1 Port=$((port + 3)) CPUs=4 RealMemory=16000 State=UNKNOWN
PartitionName=batch Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
PartitionName=late Nodes=n3 PriorityTier=2 MaxTime=INFINITE State=UP
PartitionName=yields Nodes=n3 PriorityTier=1 MaxTime=INFINITE State=UP
END

# The processes that have a line in their environment.
processes() {
    grep -lzxF -e "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3
}

start() {
    case $1 in
    munged)
        munged --foreground --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
            --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" \
            --num-threads=2 >"$folder/munged.out" 2>&1 &
        munged=$!
        ;;
    slurmctld)
        slurmctld -D >"$folder/slurmctld.out" 2>&1 &
        slurmctld=$!
        ;;
    n?)
        NODE_OF_TEST="$folder/$1" slurmd -D -N "$1" >"$folder/$1.out" 2>&1 &
        ;;
    esac
}

# Slurm's own processes of a node have the first line, its jobs the other two.
kill_node() {
    # Twice: what was about to start another process is gone then.
    for _ in 1 2; do
        processes "SLURMD_NODENAME=$1" >"$folder/jobs"
        {
            processes "NODE_OF_TEST=$folder/$1"
            processes "SLURM_CONF=$SLURM_CONF" | grep -xF -f "$folder/jobs" || true
        } | xargs -r kill -KILL 2>/dev/null || true
    done
}

end() {
    for node in n1 n2 n3; do
        kill_node "$node"
    done
    kill -KILL "$slurmctld" "$munged" 2>/dev/null || true
}
slurmctld='' munged=''
trap end EXIT

start munged
while [ ! -S "$folder/munge.socket" ]; do
    kill -0 "$munged" 2>/dev/null || { cat "$folder/munged.out" >&2; exit 1; }
    sleep 0.05
done
start slurmctld
start n1
start n2
start n3
tries=0
until [ "$(sinfo --noheader --states=idle --format=%D 2>/dev/null)" = 3 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { tail -n 20 "$folder"/*.log "$folder"/*.out >&2; exit 1; }
    sleep 0.1
done
echo ready

while read -r what name; do
    case "$what $name" in
    "kill slurmctld") kill -KILL "$slurmctld" ;;
    "kill n"?) kill_node "$name" ;;
    "start slurmctld" | "start n"?) start "$name" ;;
    *) echo "no such order: $what $name" >&2 ;;
    esac
    echo "done"
done
