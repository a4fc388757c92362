#!/usr/bin/env bash
# A real Slurm on this machine alone: munged, slurmctld and one slurmd, without systemd, on loopback.
#
#   slurm_local.sh install [PACKAGE...] | start | stop | status | purge | kill DAEMON | env
#
# `start` and `stop` may be repeated. `kill` ends one daemon as a crash would; `start` brings it back. Only processes
# that this script started are ever signalled: their ids are in $SLURM_LOCAL_DIR/run, and the name of each is checked.
#
#   SLURM_LOCAL_DIR         configuration, state and logs             /tmp/slurm-local
#   SLURM_LOCAL_CPUS        CPUs that the node offers; may exceed what there is          8
#   SLURM_LOCAL_MEMORY      its memory, MB                            all but 512 MB
#   SLURM_LOCAL_GPUS        GPUs, which stand-ins play where there are too few real ones, at most 5;  1
#   SLURM_LOCAL_ACCOUNTING  1: slurmdbd too, on mariadb, so that sacct has something to say     0
#   SLURM_LOCAL_PORT        slurmctld's; slurmd and slurmdbd take the next two     16817
set -euo pipefail

DIR=${SLURM_LOCAL_DIR:-/tmp/slurm-local}
CPUS=${SLURM_LOCAL_CPUS:-8}
MEMORY=${SLURM_LOCAL_MEMORY:-$(awk '/^MemTotal:/ {print int($2 / 1024) - 512}' /proc/meminfo)}
GPUS=${SLURM_LOCAL_GPUS:-1}
ACCOUNTING=${SLURM_LOCAL_ACCOUNTING:-0}
PORT=${SLURM_LOCAL_PORT:-16817}
HOST=$(hostname -s)
USER_NAME=$(id -un)
ETC=$DIR/etc RUN=$DIR/run LOG=$DIR/log STATE=$DIR/state
MUNGE=$DIR/munge/socket DATABASE=$RUN/mariadb.socket
# A job of Snakemake starts its step without SLURM_CONF, so the cluster's file must be where Slurm looks by itself.
LINK=/etc/slurm/slurm.conf
export SLURM_CONF=$ETC/slurm.conf PATH=$PATH:/usr/sbin:/sbin

say() { printf 'slurm_local: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# packages [MORE...]: those that are not installed
packages() {
  local all="slurmctld slurmd slurm-client munge $*"
  [ "$ACCOUNTING" = 0 ] || all="$all slurmdbd mariadb-server-core mariadb-client-core"
  local each
  for each in $all; do
    dpkg-query -W -f '${Status}\n' "$each" 2>/dev/null | grep -q ' installed$' || printf '%s\n' "$each"
  done
}

install_packages() {
  [ "$(uname -s)" = Linux ] || die "Slurm needs Linux"
  command -v dpkg-query >/dev/null || die "this installs Debian's packages, and there is no dpkg here"
  local missing policy=/usr/sbin/policy-rc.d made=0
  mapfile -t missing < <(packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "not installed: ${missing[*]}; only root can install them"
  if [ ! -e "$policy" ]; then # the packages' own services must not start
    printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; made=1
  fi
  local done=0
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    >/dev/null || done=$?
  [ "$made" = 0 ] || rm -f "$policy"
  [ "$done" = 0 ] || die "apt-get can't install ${missing[*]}"
}

# alive DAEMON: the id of a daemon that this script started, if it still runs (a zombie does not)
alive() {
  local id
  id=$(cat "$RUN/$1.pid" 2>/dev/null) && [ -n "$id" ] || return 1
  [[ "$(cat "/proc/$id/comm" 2>/dev/null)" == "$1"* ]] || return 1
  ! grep -qs '^State:[[:space:]]*[ZX]' "/proc/$id/status" || return 1
  printf '%s\n' "$id"
}

dead() { ! alive "$1"; }

# within SECONDS COMMAND...: ask again until it succeeds
within() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# launch DAEMON COMMAND...: in the foreground as a session of its own, so that its id is known
launch() {
  local name=$1; shift
  ! alive "$name" >/dev/null || return 0
  setsid "$@" </dev/null >>"$LOG/$name.out" 2>&1 &
  printf '%s\n' $! >"$RUN/$name.pid"
  disown
}

end() {
  local id
  if id=$(alive "$1"); then
    kill -TERM "$id"
    within 15 dead "$1" || { say "$1 does not end by itself"; kill -KILL "$id" || true; }
  fi
  rm -f "$RUN/$1.pid"
}

crash() {
  local id
  id=$(alive "${1:-}") || die "no such daemon runs: ${1:-(none named)}"
  kill -KILL "$id"
  within 5 dead "$1" || die "$1 ($id) is still there"
}

# Graphics cards that there are, or devices that do no harm: Slurm wants device files that exist, and counts them.
devices() {
  local found=(/dev/nvidia[0-9]*) stand_ins=(/dev/null /dev/zero /dev/full /dev/random /dev/urandom)
  [ -c "${found[0]}" ] && [ "${#found[@]}" -ge "$GPUS" ] || found=("${stand_ins[@]}")
  [ "${#found[@]}" -ge "$GPUS" ] || die "SLURM_LOCAL_GPUS: at most ${#found[@]}"
  local IFS=,
  printf '%s' "${found[*]:0:$GPUS}"
}

configuration() {
  cat <<CONF
# written by tests/cluster/slurm_local.sh
ClusterName=local
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=$PORT
SlurmdPort=$((PORT + 1))
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=$USER_NAME
SlurmdUser=$USER_NAME
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$MUNGE
StateSaveLocation=$STATE/slurmctld
SlurmdSpoolDir=$STATE/slurmd
SlurmctldPidFile=$RUN/slurmctld.own
SlurmdPidFile=$RUN/slurmd.own
SlurmctldLogFile=$LOG/slurmctld.log
SlurmdLogFile=$LOG/slurmd.log
MpiDefault=none
SwitchType=switch/none
MailProg=/bin/true
# without cgroups: processes are found through /proc, and their memory is looked at every second
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# a test waits for nothing that it need not wait for
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
KillWait=10
CompleteWait=0
InactiveLimit=30
# squeue shows what has finished for so long; the default is 300
MinJobAge=600
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
JobRequeue=0
# CPUs and memory as written here, not as found
SlurmdParameters=config_overrides
$([ "$GPUS" = 0 ] || printf 'GresTypes=gpu')
$(if [ "$ACCOUNTING" = 0 ]; then
    printf 'AccountingStorageType=accounting_storage/none'
  else
    printf '%s\n' AccountingStorageType=accounting_storage/slurmdbd AccountingStorageHost=127.0.0.1 \
      AccountingStoragePort=$((PORT + 2)) AccountingStoragePass="$MUNGE" AccountingStoreFlags=job_comment
  fi)
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEMORY $([ "$GPUS" = 0 ] || printf 'Gres=gpu:standin:%s' "$GPUS") State=UNKNOWN
PartitionName=local Nodes=$HOST Default=YES MaxTime=24:00:00 DefaultTime=60 DefMemPerCPU=500 OverSubscribe=NO State=UP
CONF
}

accounting_configuration() {
  cat <<CONF
AuthType=auth/munge
AuthInfo=socket=$MUNGE
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((PORT + 2))
SlurmUser=$USER_NAME
PidFile=$RUN/slurmdbd.own
LogFile=$LOG/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageLoc=slurm_acct_db
StorageUser=$USER_NAME
CommunicationParameters=NoInAddrAny
CONF
}

write_configuration() {
  install -d -m 755 "$DIR" "$ETC" "$RUN" "$LOG" "$STATE" "$STATE/slurmctld" "$STATE/slurmd"
  install -d -m 711 "$DIR/munge"
  [ -s "$ETC/munge.key" ] || (umask 077; head -c 1024 /dev/urandom >"$ETC/munge.key")
  if [ "$GPUS" = 0 ]; then
    : >"$ETC/gres.conf"
  else
    printf 'AutoDetect=off\nNodeName=%s Name=gpu Type=standin File=%s\n' "$HOST" "$(devices)" >"$ETC/gres.conf"
  fi
  [ "$ACCOUNTING" = 0 ] || (umask 077; accounting_configuration >"$ETC/slurmdbd.conf")
  configuration >"$ETC/slurm.conf.new"
  cmp -s "$ETC/slurm.conf.new" "$SLURM_CONF" || { end slurmd; end slurmctld; end slurmdbd; } # they would keep the old one
  mv "$ETC/slurm.conf.new" "$SLURM_CONF"
  if [ "$(readlink "$LINK" 2>/dev/null)" != "$SLURM_CONF" ]; then
    [ ! -e "$LINK" ] || die "$LINK is another cluster's: $(readlink -f "$LINK")"
    mkdir -p "${LINK%/*}" && ln -sfn "$SLURM_CONF" "$LINK" || die "can't link $LINK, where jobs look for the cluster"
  fi
}

start_munge() {
  ! alive munged >/dev/null || return 0
  rm -f "$MUNGE" "$MUNGE.lock"
  launch munged munged --foreground --force --key-file="$ETC/munge.key" --socket="$MUNGE" --pid-file="$RUN/munged.own" \
    --log-file="$LOG/munged.log" --seed-file="$STATE/munged.seed" --num-threads=2
  within 10 sh -c "munge -n -S '$MUNGE' | unmunge -S '$MUNGE'" || die "munged does not answer: $LOG/munged.out"
}

database() { mariadb --no-defaults -S "$DATABASE" -e "$1"; }

start_accounting() {
  local data=$STATE/mariadb as=()
  [ "$(id -u)" != 0 ] || as=(--user=root)
  if ! alive mariadbd >/dev/null; then
    [ -d "$data/mysql" ] || mariadb-install-db --no-defaults --auth-root-authentication-method=socket --skip-test-db \
      --datadir="$data" "${as[@]}" >"$LOG/mariadb-install.log" 2>&1 || die "no database: $LOG/mariadb-install.log"
    launch mariadbd mariadbd --no-defaults "${as[@]}" --datadir="$data" --socket="$DATABASE" --skip-networking \
      --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=2
    within 60 database 'select 1' || die "mariadbd does not answer: $LOG/mariadbd.out"
    database 'create database if not exists slurm_acct_db'
  fi
  launch slurmdbd env MYSQL_UNIX_PORT="$DATABASE" slurmdbd -D
  within 30 timeout 10 sacctmgr -n list cluster || die "slurmdbd does not answer: $LOG/slurmdbd.log"
  sacctmgr -n list cluster format=cluster | grep -qw local || sacctmgr -i add cluster local >/dev/null
}

node() { timeout 5 sinfo -h -N -n "$HOST" -o "$1" 2>/dev/null | head -1; }
ready() { [[ "$(node %T)" =~ ^(idle|mixed|allocated|completing)$ ]]; }

start() {
  install_packages
  write_configuration
  start_munge
  [ "$ACCOUNTING" = 0 ] || start_accounting
  launch slurmctld slurmctld -D
  launch slurmd slurmd -D
  within 15 ready || { scontrol update nodename="$HOST" state=resume || true; within 15 ready; } ||
    { tail -n 5 "$LOG/slurmctld.log" "$LOG/slurmd.log" >&2; die "node $HOST is not ready"; }
  say "node $HOST: $(node '%T, %c CPUs, %m MB, %G')"
}

no_jobs() { [ -z "$(timeout 5 squeue -h)" ]; }

stop() {
  if alive slurmctld >/dev/null; then # jobs first: nothing of theirs stays behind
    timeout 10 scancel --full -u "$USER_NAME" 2>/dev/null || true
    within 20 no_jobs || say "jobs that do not end: $(timeout 5 squeue -h -o %i | tr '\n' ' ')"
  fi
  local each
  for each in slurmd slurmctld slurmdbd mariadbd munged; do end "$each"; done
  [ "$(readlink "$LINK" 2>/dev/null)" != "$SLURM_CONF" ] || rm -f "$LINK"
}

status() {
  local each wanted=(munged slurmctld slurmd) down=0
  [ "$ACCOUNTING" = 0 ] || wanted+=(mariadbd slurmdbd)
  for each in "${wanted[@]}"; do
    alive "$each" >/dev/null && say "$each: running" || { say "$each: not running"; down=1; }
  done
  [ "$down" = 0 ] && timeout 10 sinfo -N -o '%N %P %T %c %m %G'
}

case "${1:-}" in
  install) shift; install_packages "$@" ;;
  start) start ;;
  stop) stop ;;
  status) status ;;
  purge) stop; [ ! -e "$SLURM_CONF" ] || rm -rf -- "$DIR" ;;
  kill) crash "${2:-}" ;;
  env) printf 'export SLURM_CONF=%q\n' "$SLURM_CONF" ;;
  *) sed -n '2,/^set /{/^#/p}' "$0"; exit 2 ;;
esac
