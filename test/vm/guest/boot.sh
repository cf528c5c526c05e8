#!/bin/bash
# The machine's init: mounts, network, a Docker engine, then the job that the host gave. What the job says goes to the port `output`, its
# status to the port `status`.
export PATH=/wherry/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /var/lib/docker
mount /dev/vdc /var/lib/docker
ln -s /var/lib/docker/docker-cli /usr/local/bin/docker
mount --make-rshared /
ln -sfn /proc/self/fd /dev/fd
hostname vm
printf '127.0.0.1 localhost vm\n::1 localhost\n' > /etc/hosts
echo nameserver 10.0.2.3 > /etc/resolv.conf
modprobe -a virtio_console virtio_net qemu_fw_cfg

port() {
  for name in /sys/class/virtio-ports/*/name; do
    [ "$(cat "$name")" = "$1" ] && echo "/dev/$(basename "$(dirname "$name")")"
  done
}
exec > "$(port output)" 2>&1

ip link set lo up
interface=$(ls -d /sys/class/net/e* | head -n 1)
ip address add 10.0.2.15/24 dev "${interface##*/}"
ip link set "${interface##*/}" up
ip route add default via 10.0.2.2

dockerd > /var/log/dockerd.log 2>&1 &
for _ in $(seq 600); do docker version > /dev/null 2>&1 && break; sleep 0.2; done
echo "vm: Linux $(uname -r), Docker $(docker version --format '{{.Server.Version}}'), up for $(cut -d ' ' -f 1 /proc/uptime) s"

cd /wherry || exit
bash /sys/firmware/qemu_fw_cfg/by_name/opt/wherry/job/raw < /dev/null
# What is on the disks goes with the machine: nothing has to be ended first.
echo $? > "$(port status)"
echo o > /proc/sysrq-trigger
sleep 60
