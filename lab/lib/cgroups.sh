# Sourced by lab/run: a cgroup subtree per lab, in every hierarchy that the machine has.
# A record in LAB_RECORDS names a lab's directories, and is locked while the lab lives.
# shellcheck shell=bash

LAB_RECORDS=/run/agentvm-lab

# Prints "CONTROLLERS DIRECTORY" for each mounted hierarchy; the directory is this process's own cgroup in v1, and
# in v2 the top, because below a cgroup that holds processes no controller can be had.
own_cgroups() {
  local line controllers path first root mount options
  local -A mount_of root_of
  while read -r line; do
    [[ $line =~ ^[0-9]+\ [0-9]+\ [^\ ]+\ ([^\ ]+)\ ([^\ ]+)\ .*\ -\ (cgroup2?)\ [^\ ]+\ (.*)$ ]] || continue
    root=${BASH_REMATCH[1]} mount=${BASH_REMATCH[2]} options=${BASH_REMATCH[4]}
    if [[ ${BASH_REMATCH[3]} == cgroup2 ]]; then
      options=v2
    fi
    local option
    for option in ${options//,/ }; do
      [[ -n ${mount_of[$option]:-} ]] || mount_of[$option]=$mount root_of[$option]=$root
    done
  done </proc/self/mountinfo
  while IFS=: read -r _ controllers path; do
    first=${controllers%%,*}
    first=${first:-v2}
    [[ -n ${mount_of[$first]:-} ]] || continue
    path=${path#"${root_of[$first]%/}"}
    [[ $first != v2 ]] || path=
    echo "${controllers:-v2} ${mount_of[$first]}${path%/}"
  done </proc/self/cgroup
}

# Makes and records the directories; sets LAB_RECORD, LAB_LOCK, and LAB_CGROUPS for the lab's inner half.
make_cgroups() {
  local controllers parent directory file tries
  LAB_RECORD=$LAB_RECORDS/lab-$$-$SRANDOM
  # A lab that ends at this moment takes the empty directory along.
  for ((tries = 0; tries < 20; tries++)); do
    mkdir -p "$LAB_RECORDS"
    ! exec {LAB_LOCK}>"$LAB_RECORD.new" || break
  done
  flock "$LAB_LOCK"
  LAB_CGROUPS=
  while read -r controllers parent; do
    directory=$parent/agentvm-${LAB_RECORD##*/}
    echo "$directory" >&"$LAB_LOCK"
    LAB_CGROUPS+="$controllers $directory"$'\n'
  done < <(own_cgroups)
  # Locked before it has its name, so that no sweep takes it for a dead lab's.
  mv "$LAB_RECORD.new" "$LAB_RECORD"
  while read -r controllers directory; do
    mkdir "$directory" 2>/dev/null || {
      echo "lab/run: no cgroup in ${directory%/*}: guests' limits will be missing" >&2
      LAB_CGROUPS=${LAB_CGROUPS/"$controllers $directory"$'\n'/}
      continue
    }
    case $controllers in
      v2) mkdir "$directory/lab" ;;
      *cpuset*) for file in cpuset.cpus cpuset.mems; do cat "${directory%/*}/$file" >"$directory/$file"; done ;;
    esac
  done <<<"${LAB_CGROUPS%$'\n'}"
  export LAB_CGROUPS
}

# remove_cgroups RECORD: ends what still lives in the directories and removes them and the record.
remove_cgroups() {
  local directory tries left pids
  for ((tries = 0; tries < 40; tries++)); do
    left=
    while read -r directory; do
      [[ -d $directory && ${directory##*/} == agentvm-lab-* ]] || continue
      pids=$(find "$directory" -name cgroup.procs -exec cat {} + 2>/dev/null | grep -vx 0) || true
      # shellcheck disable=SC2086
      [[ -z $pids ]] || kill -KILL $pids 2>/dev/null || true
      find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
    done <"$1"
    if [[ -z $left ]]; then
      rm -f "$1"
      rmdir "$LAB_RECORDS" 2>/dev/null || true
      return 0
    fi
    sleep 0.05
  done
}

# Removes what killed labs left; a lab that lives holds the lock of its record.
sweep_cgroups() {
  local record lock
  for record in "$LAB_RECORDS"/lab-*; do
    [[ -e $record ]] || continue
    # Another lab is about to lock it.
    [[ $record != *.new || -z $(find "$record" -mmin -1 2>/dev/null) ]] || continue
    exec {lock}<"$record" || continue
    ! flock -n "$lock" || remove_cgroups "$record"
    exec {lock}<&-
  done
}
