# Sourced by lib/inside: is /dev/kvm good for guests? Found by booting one, because a KVM that opens may still be one
# that emulates too little for a stock kernel.
# shellcheck shell=bash

# Sets AGENTVM_LAB_KVM (good, unusable, absent), AGENTVM_LAB_KVM_WHY and, unless good, AGENTVM_ACCELERATOR=tcg.
judge_kvm() {
  local verdict
  if [[ ${AGENTVM_LAB_HIDE_KVM:-0} == 1 ]]; then
    verdict="absent hidden by AGENTVM_LAB_HIDE_KVM"
  elif [[ ! -c /dev/kvm ]]; then
    verdict="absent there is no /dev/kvm"
  elif ! { : <>/dev/kvm; } 2>/dev/null; then
    verdict="unusable /dev/kvm cannot be opened"
  elif [[ ! -d /var/lib/agentvm/images/tiny ]]; then
    verdict="unusable not tried, because the tiny image is not built"
  else
    verdict=$(cached_kvm_verdict)
  fi
  export AGENTVM_LAB_KVM=${verdict%% *} AGENTVM_LAB_KVM_WHY=${verdict#* }
  [[ $AGENTVM_LAB_KVM == good ]] || export AGENTVM_ACCELERATOR=${AGENTVM_ACCELERATOR:-tcg}
}

cached_kvm_verdict() {
  local file
  file=$LAB_CACHE/kvm-$(
    { uname -srv; grep -m 1 -E '^model name' /proc/cpuinfo; basename "$(image_directory tiny)"; } | sha256sum | head -c 16
  )
  if [[ ! -e $file ]]; then
    try_kvm >"$file.$$.$SRANDOM"
    mv "$file.$$".* "$file"
  fi
  cat "$file"
}

try_kvm() {
  local tiny=/var/lib/agentvm/images/tiny serial=$LAB_RUN/kvm-serial seconds=6
  # As libvirt's host-model has it, without nested virtualization.
  timeout "$seconds" qemu-system-x86_64 -machine q35,accel=kvm -cpu host,arch-capabilities=off,vmx=off,svm=off -m 128 -nodefaults -display none -no-reboot \
    -serial "file:$serial" -kernel "$tiny/vmlinuz" -initrd "$tiny/initrd" \
    -append "$(sed -n 's/^cmdline=//p' "$tiny/image.properties")" </dev/null >"$LAB_RUN/kvm.out" 2>&1 &
  local qemu=$!
  while kill -0 "$qemu" 2>/dev/null; do
    if grep -qs 'agentvm tiny guest: up' "$serial"; then
      kill "$qemu"
      echo "good the tiny guest's kernel boots on /dev/kvm"
      return
    fi
    sleep 0.1
  done
  local said
  said=$({ tr -d '\r' <"$LAB_RUN/kvm.out" | grep -v 'terminating on signal' | head -n 1; } || true)
  echo "unusable the tiny guest's kernel does not come up on /dev/kvm within $seconds s${said:+ ($said)}"
}
