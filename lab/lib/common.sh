# Sourced by the lab's scripts: where things are.
# shellcheck shell=bash disable=SC2034

LAB_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
LAB_CACHE=${AGENTVM_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/agentvm-lab}

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# The directory of an image as its recipe stands now, built or not.
image_directory() {
  local name=$1 hash recipes
  recipes=("$name")
  # Its disk holds the tiny guest.
  [[ $name != disk ]] || recipes+=(tiny)
  hash=$(
    cd "$LAB_HOME/guest" || exit
    {
      sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
      [[ $name != debian || ! -e $LAB_CACHE/keys/ca.crt ]] || sha256sum <"$LAB_CACHE/keys/ca.crt"
      find build lib.sh probe.c udhcpc-event "${recipes[@]}" -type f -print0 | sort -z | xargs -0 sha256sum
    } | sha256sum
  )
  echo "$LAB_CACHE/images/$name-${hash:0:16}"
}
