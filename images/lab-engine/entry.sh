#!/bin/bash
# Keeps an engine's daemons running, as an init system does on an ordinary host: what dies is started again.
# /run/wherry-lab is shared with the host (the engine's socket); /etc/wherry-lab holds keys and certificates, read-only.
set -u

# What a killed run left behind: daemons refuse to start over a stale pid file.
rm -rf /run/docker /run/docker.pid /run/docker.sock /run/containerd /run/sshd.pid /run/wherry-lab/docker.sock
mkdir -p /run/sshd /run/wherry-lab /etc/ssh/wherry-lab
install -m 600 /etc/wherry-lab/ssh/host_key /etc/wherry-lab/ssh/authorized_keys /etc/ssh/wherry-lab/

# Processes must leave the root cgroup before its controllers can be given to children (cgroup v2 only).
if [ -f /sys/fs/cgroup/cgroup.controllers ] && [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mkdir -p /sys/fs/cgroup/init
  xargs -rn1 < /sys/fs/cgroup/cgroup.procs > /sys/fs/cgroup/init/cgroup.procs 2>/dev/null || true
  sed -e 's/ / +/g' -e 's/^/+/' < /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control || true
fi
# Mounts made here stay here, and those of inner containers propagate among themselves.
mount --make-rshared / 2>/dev/null || true
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 2>/dev/null || true

# The resolver of a container is at 127.0.0.11, where inner containers cannot reach it: pass their questions on.
address=$(hostname -i | tr ' ' '\n' | grep -m 1 '\.')

stopping=
keep() {
  while [ -z "$stopping" ]; do
    "$@"
    echo "wherry-lab: $1 ended with status $?; starting it again"
    sleep 0.3
  done
}

start_dockerd() {
  dockerd --containerd /run/containerd/containerd.sock \
    -H unix:///run/docker.sock -H unix:///run/wherry-lab/docker.sock -H tcp://0.0.0.0:2376 \
    --tlsverify --tlscacert /etc/wherry-lab/tls/ca.pem \
    --tlscert /etc/wherry-lab/tls/server-cert.pem --tlskey /etc/wherry-lab/tls/server-key.pem \
    --dns "$address" ${WHERRY_LAB_CGROUP_PARENT:+--cgroup-parent "$WHERRY_LAB_CGROUP_PARENT"}
}

# The directory around the host's socket belongs to one user; within it the socket may be open to all.
open_socket() {
  for _ in $(seq 300); do
    [ -S /run/wherry-lab/docker.sock ] && chmod 666 /run/wherry-lab/docker.sock && return
    sleep 0.1
  done
}
supervise_dockerd() {
  while [ -z "$stopping" ]; do
    # What a dockerd that was killed left: its socket would be opened to all in place of the new one.
    rm -f /run/docker.pid /run/docker.sock /run/wherry-lab/docker.sock
    open_socket &
    start_dockerd
    echo "wherry-lab: dockerd ended with status $?; starting it again"
    sleep 0.3
  done
}

trap 'stopping=yes; kill $(jobs -p) 2>/dev/null; pkill -TERM -x dockerd' TERM INT
keep containerd --log-level warn &
for _ in $(seq 100); do [ -S /run/containerd/containerd.sock ] && break; sleep 0.1; done
supervise_dockerd &
keep /usr/sbin/sshd -D -e &
keep dnsmasq -k --no-resolv --server 127.0.0.11 --listen-address "$address" --bind-interfaces --user=root &
wait
# A trapped signal ends `wait` early: give dockerd the time to stop its containers.
for _ in $(seq 80); do pgrep -x dockerd > /dev/null || break; sleep 0.1; done
