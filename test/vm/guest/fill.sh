#!/bin/bash
# Puts images into the data roots of the machine's engine and of the two that its lab will have, before it is ever started: emulated it
# would take ten times as long. Runs in namespaces of its own, with which mounts and daemons go.
# fill.sh ROOT DATA FILES: the machine's root, the outer engine's data root, and where outer.tar and inner.tar are.
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount -t sysfs sysfs "$1/sys"
mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
mount --rbind /dev "$1/dev"
for directory in run tmp etc/docker; do
  mkdir -p "$1/$directory"
  mount -t tmpfs tmpfs "$1/$directory"
done
mkdir -p "$1/var/lib/docker" "$1/mnt"
mount --bind "$2" "$1/var/lib/docker"
mount --bind "$3" "$1/mnt"
cd "$1"
exec chroot . /bin/bash -ec '
# fill DATA ARCHIVE [VOLUME…]
fill() {
  data=$1 archive=$2
  shift 2
  dockerd --data-root "$data" --bridge=none --iptables=false --ip-forward=false > /tmp/dockerd.log 2>&1 &
  for _ in $(seq 150); do docker version > /dev/null 2>&1 && break; sleep 0.2; done
  docker load --quiet < "$archive" > /dev/null || { tail /tmp/dockerd.log; exit 1; }
  for name in "$@"; do docker volume create --label "wherry.lab=$name" "wherry-lab-$name" > /dev/null; done
  kill $! && wait $!
}
fill /var/lib/docker /mnt/outer.tar alpha beta
for name in alpha beta; do fill /var/lib/docker/volumes/wherry-lab-$name/_data /mnt/inner.tar; done
'
