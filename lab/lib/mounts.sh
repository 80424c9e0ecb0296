# Sourced by lib/inside: private file systems over the machine's own. All of them are in memory and end with the lab.
# shellcheck shell=bash

mount_run() {
  mount -t tmpfs -o mode=755 run /run
  mkdir -p /run/libvirt /run/netns /run/lock /run/sshd "$LAB_RUN"
}

# A fresh sysfs shows the interfaces of this network namespace; below it, each cgroup hierarchy starts at the lab's own.
mount_cgroups() {
  local controllers directory
  umount -R -l /sys 2>"$LAB_RUN/null" || true
  mount -t sysfs sysfs /sys
  if [[ $LAB_CGROUPS == "v2 "* && $LAB_CGROUPS != *$'\n'*[a-z]* ]]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    hand_out_controllers /sys/fs/cgroup
    return
  fi
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  while read -r controllers directory; do
    case $controllers in
      '') ;;
      v2)
        mkdir /sys/fs/cgroup/unified
        mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
        hand_out_controllers /sys/fs/cgroup/unified
        ;;
      name=*)
        mkdir "/sys/fs/cgroup/${controllers#name=}"
        mount -t cgroup -o "none,$controllers" cgroup "/sys/fs/cgroup/${controllers#name=}"
        ;;
      *)
        mkdir "/sys/fs/cgroup/$controllers"
        mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers"
        ;;
    esac
  done <<<"$LAB_CGROUPS"
}

hand_out_controllers() {
  local controller
  for controller in $(<"$1/cgroup.controllers"); do
    echo "+$controller" >"$1/cgroup.subtree_control" || true
  done
}

# A /dev of our own: /dev/kvm is given to QEMU's user here, or hidden, without a change to the machine's node.
mount_dev() {
  local dev=$LAB_RUN/dev node
  mkdir "$dev"
  mount -t tmpfs -o mode=755 dev "$dev"
  mkdir "$dev"/{net,pts,shm}
  for node in null zero full random urandom tty console ptmx fuse loop-control net/tun vhost-net vhost-vsock; do
    [[ ! -e /dev/$node ]] || cp -aL "/dev/$node" "$dev/$node"
  done
  if [[ -c /dev/kvm && ${AGENTVM_LAB_HIDE_KVM:-0} != 1 ]]; then
    cp -aL /dev/kvm "$dev/kvm"
    chmod 666 "$dev/kvm"
  fi
  ln -s /proc/self/fd "$dev/fd"
  ln -s fd/0 "$dev/stdin"
  ln -s fd/1 "$dev/stdout"
  ln -s fd/2 "$dev/stderr"
  mount --bind /dev/pts "$dev/pts"
  mount -t tmpfs -o mode=1777 shm "$dev/shm"
  # libvirt moves every mount that it finds listed below /dev, so none may be hidden there.
  umount -R -l /dev 2>"$LAB_RUN/null" || true
  mount --move "$dev" /dev
}

mount_etc() {
  mkdir -p "$LAB_RUN/etc/upper" "$LAB_RUN/etc/work"
  mount -t overlay -o "lowerdir=/etc,upperdir=$LAB_RUN/etc/upper,workdir=$LAB_RUN/etc/work" overlay /etc
  rm -f /etc/resolv.conf
  : >/etc/resolv.conf
  echo "127.0.1.1 agentvm-lab" >>/etc/hosts
  # The machine's own guests and networks are none of the lab's business.
  mv /etc/libvirt "$LAB_RUN/etc/libvirt.machine"
  mkdir -p /etc/libvirt/qemu/networks
  cp -r "$LAB_RUN/etc/libvirt.machine/nwfilter" /etc/libvirt/nwfilter
  cat >/etc/libvirt/libvirtd.conf <<-'END'
	unix_sock_group = "libvirt"
	unix_sock_rw_perms = "0770"
	auth_unix_ro = "none"
	auth_unix_rw = "none"
	log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
	END
  : >/etc/libvirt/qemu.conf
  chmod 600 /etc/libvirt/qemu.conf
  # A profile would be loaded into the machine's kernel and outlive a lab that is killed.
  if [[ -e /sys/module/apparmor/parameters/enabled && $(</sys/module/apparmor/parameters/enabled) == Y ]]; then
    echo 'security_driver = "none"' >>/etc/libvirt/qemu.conf
  fi
}

mount_var() {
  local directory
  for directory in lib/libvirt cache/libvirt log/libvirt lib/agentvm; do
    mount -t tmpfs -o mode=755 lab "/var/$directory"
  done
  mkdir -p /var/lib/libvirt/{boot,images,qemu,dnsmasq} /var/log/libvirt/qemu /var/cache/libvirt/qemu
  chmod 711 /var/lib/libvirt/{boot,images}
  chown libvirt-qemu: /var/lib/libvirt/qemu
  chmod 750 /var/lib/libvirt/qemu
}

# The images that are built, read-only whoever owns them.
mount_images() {
  local name image
  mkdir /var/lib/agentvm/images
  for name in tiny disk debian; do
    [[ -d $LAB_HOME/guest/$name ]] || continue
    image=$(image_directory "$name")
    [[ -e $image/image.properties ]] || continue
    mkdir "/var/lib/agentvm/images/$name"
    mount --bind "$image" "/var/lib/agentvm/images/$name"
    mount -o remount,bind,ro,nosuid,nodev "/var/lib/agentvm/images/$name"
  done
  [[ ! -d /var/lib/agentvm/images/tiny ]] || ln -s tiny /var/lib/agentvm/images/default
}
