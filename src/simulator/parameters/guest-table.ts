/**
 * Facts of the API's parameter tables (names, types, limits, patterns) of 8.4.1 and 9.2.11. A line without a mark holds for both;
 * "8:" and "9:" mark one of them. "!" is mandatory, "*" the key that may come without its name, "=x" another name of x.
 */
export const GUEST_TABLE = String.raw`
[@vm]
8: serial[n] string re:^(?:(/dev/.+|socket))$
9: allow-ksm boolean
9: intel-tdx string fmt:pve-qemu-tdx-fmt
9: serial[n] string re:^(?:(/dev/[^,]+|socket))$
acpi boolean
affinity string fmt:pve-cpuset
agent string prop:agent
amd-sev string fmt:pve-qemu-sev-fmt
arch string in:x86_64|aarch64
args string
audio0 string prop:audio0
autostart boolean
balloon integer min:0
bios string in:seabios|ovmf
boot string fmt:pve-qm-boot
bootdisk string fmt:pve-qm-bootdisk re:^(?:(ide|sata|scsi|virtio)\d+)$
cdrom string fmt:pve-qm-ide
cicustom string fmt:pve-qm-cicustom
cipassword string
citype string in:configdrive2|nocloud|opennebula
ciupgrade boolean
ciuser string
cores integer min:1
cpu string fmt:pve-vm-cpu-conf
cpulimit number min:0 max:128
cpuunits integer min:1 max:262144
description string len:8192
efidisk0 string prop:efidisk0
freeze boolean
hookscript string fmt:pve-volume-id
hostpci[n] string fmt:pve-qm-hostpci
hotplug string fmt:pve-hotplug-features
hugepages string in:any|2|1024
ide[n] string prop:ide
ipconfig[n] string fmt:pve-qm-ipconfig
ivshmem string prop:ivshmem
keephugepages boolean
keyboard string in:de|de-ch|da|en-gb|en-us|es|fi|fr|fr-be|fr-ca|fr-ch|hu|is|it|ja|lt|mk|nl|no|pl|pt|pt-br|sv|sl|tr
kvm boolean
localtime boolean
lock string in:backup|clone|create|migrate|rollback|snapshot|snapshot-delete|suspending|suspended
machine string prop:machine
memory string prop:memory
migrate_downtime number min:0
migrate_speed integer min:0
name string fmt:dns-name
nameserver string fmt:address-list
net[n] string prop:net
numa boolean
numa[n] string prop:numa
onboot boolean
ostype string in:other|wxp|w2k|w2k3|w2k8|wvista|win7..8|win10..11|l24|l26|solaris
parallel[n] string re:^(?:/dev/parport\d+|/dev/usb/lp\d+)$
protection boolean
reboot boolean
rng0 string fmt:pve-qm-rng
sata[n] string prop:sata
scsi[n] string prop:scsi
scsihw string in:lsi|lsi53c810|virtio-scsi-pci|virtio-scsi-single|megasas|pvscsi
searchdomain string
shares integer min:0 max:50000
smbios1 string fmt:pve-qm-smbios1 len:512
smp integer min:1
sockets integer min:1
spice_enhancements string prop:spice_enhancements
sshkeys string fmt:urlencoded
startdate string re:^(?:(now|\d{4}-\d{1,2}-\d{1,2}(T\d{1,2}:\d{1,2}:\d{1,2})?))$
startup string fmt:pve-startup-order
tablet boolean
tags string fmt:pve-tag-list
tdf boolean
template boolean
tpmstate0 string prop:tpmstate0
unused[n] string prop:unused
usb[n] string prop:usb
vcpus integer min:1
vga string prop:vga
virtio[n] string prop:virtio
virtiofs[n] string prop:virtiofs
vmgenid string re:^(?:(?:[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}|[01]))$
vmstatestorage string fmt:pve-storage-id
watchdog string fmt:pve-qm-watchdog

[@ct]
9: entrypoint string re:^(?:(?:[^\x00-\x08\x0a-\x1F\x7F]+))$
9: env string re:^(?:(?:(?:\w+=[^\x00-\x08\x0a-\x1F\x7F]*)(?:\0\w+=[^\x00-\x08\x0a-\x1F\x7F]*)*))$
arch string in:amd64|i386|arm64|armhf|riscv32|riscv64
cmode string in:shell|console|tty
console boolean
cores integer min:1 max:8192
cpulimit number min:0 max:8192
cpuunits integer min:0 max:500000
debug boolean
description string len:8192
dev[n] string prop:dev
features string prop:features
hookscript string fmt:pve-volume-id
hostname string fmt:dns-name len:255
lock string in:backup|create|destroyed|disk|fstrim|migrate|mounted|rollback|snapshot|snapshot-delete
memory integer min:16
mp[n] string prop:mp
nameserver string fmt:lxc-ip-with-ll-iface-list
net[n] string prop:net-ct
onboot boolean
ostype string in:debian|devuan|ubuntu|centos|fedora|opensuse|archlinux|alpine|gentoo|nixos|unmanaged
protection boolean
rootfs string prop:rootfs
searchdomain string fmt:dns-name-list
startup string fmt:pve-startup-order
swap integer min:0
tags string fmt:pve-tag-list
template boolean
timezone string fmt:pve-ct-timezone
tty integer min:0 max:6
unprivileged boolean
unused[n] string prop:unused-ct
`;
