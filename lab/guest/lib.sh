# Sourced by the recipes.
# shellcheck shell=bash disable=SC2034

GUEST_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

# fetch_and_unpack DIRECTORY PACKAGE...: unpacks Debian packages of this machine's release without installing them.
fetch_and_unpack() {
  local into=$1 debs
  shift
  debs=$(mktemp -d)
  (
    cd "$debs" || exit
    download() { apt-get -q -o APT::Sandbox::User=root download "$@"; }
    download "$@" || { apt-get -q update && download "$@"; }
  )
  local deb
  for deb in "$debs"/*.deb; do
    dpkg-deb -x "$deb" "$into"
  done
  rm -rf "$debs"
  # Debian 13 ships modules below /usr; depmod and modprobe look below /lib.
  if [[ -d $into/usr/lib/modules && ! -e $into/lib/modules ]]; then
    mkdir -p "$into/lib"
    ln -s ../usr/lib/modules "$into/lib/modules"
  fi
}

# The package that holds the newest cloud kernel.
cloud_kernel_package() {
  local package
  package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  [[ -n $package ]] || {
    apt-get -q update >&2
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  }
  echo "${package:?no linux-image-cloud-amd64 in the package lists}"
}

# copy_modules KERNEL_TREE INITRD_TREE LIST MODULE...: copies modules and what they need, uncompressed, and
# writes the paths of those that were not there yet to LIST within the initrd, in the order of loading.
copy_modules() {
  local from=$1 to=$2 list=$3 version module path plain
  shift 3
  version=$(ls "$from/lib/modules")
  [[ -e $from/lib/modules/$version/modules.dep ]] || depmod -b "$from" "$version"
  mkdir -p "$to/lib/modules" "$(dirname "$to/$list")"
  for module in "$@"; do
    modprobe -d "$from" -S "$version" --show-depends "$module"
  done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r path; do
    plain=/lib/modules/$(basename "$path" .xz)
    [[ ! -e $to$plain ]] || continue
    case $path in
      *.xz) xz -dc "$path" >"$to$plain" ;;
      *) cp "$path" "$to$plain" ;;
    esac
    echo "$plain"
  done >"$to/$list"
}

# copy_libraries FILE TREE: copies a program's shared libraries to the same places under TREE.
copy_libraries() {
  local program=$1 to=$2 library
  ldd "$program" | awk '/not found/ { print "missing library: " $0 > "/dev/stderr"; exit 1 }
    $2 == "=>" { print $3 } $1 ~ /^\// { print $1 }' | while read -r library; do
    mkdir -p "$to$(dirname "$library")"
    cp -L "$library" "$to$library"
  done
}

build_probe() {
  gcc -static -Os -s -Wall -Wextra -Werror -o "$1" "$GUEST_HOME/probe.c"
}

# pack_initrd TREE FILE
pack_initrd() {
  (cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --null --create --format=newc --quiet --owner=0:0) | gzip -1 >"$2"
}
