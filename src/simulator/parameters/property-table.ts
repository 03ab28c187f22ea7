/**
 * Facts of the property strings (key=value lists in one parameter) (names, types, limits, patterns) of 8.4.1 and 9.2.11. A line without a mark holds for both;
 * "8:" and "9:" mark one of them. "!" is mandatory, "*" the key that may come without its name, "=x" another name of x.
 */
export const PROPERTY_TABLE = String.raw`
[agent]
enabled boolean!*
9: freeze-fs boolean
8: freeze-fs-on-backup boolean
9: freeze-fs-on-backup =freeze-fs
fstrim_cloned_disks boolean
9: guest-fsfreeze =freeze-fs
type string in:virtio|isa

[audio0]
device string! in:ich9-intel-hda|intel-hda|AC97
driver string in:spice|none

[dev]
deny-write boolean
gid integer min:0
mode string re:^(?:0[0-7]{3})$
path string* fmt:pve-lxc-dev-string
uid integer min:0

[efidisk0]
efitype string in:2m|4m
file string!* fmt:pve-volume-id-or-qm-path
format string in:raw|qcow|qed|qcow2|vmdk|cloop
import-from string fmt:pve-volume-id-or-absolute-path
9: ms-cert string in:2011|2023|2023w|2023k
pre-enrolled-keys boolean
size string fmt:disk-size
volume =file

[features]
force_rw_sys boolean
fuse boolean
keyctl boolean
mknod boolean
mount string re:^(?:(?:[a-zA-Z0-9_; ]+))$
nesting boolean

[ide]
aio string in:native|threads|io_uring
backup boolean
bps integer
bps_max_length integer min:1
bps_rd integer
bps_rd_length =bps_rd_max_length
bps_rd_max_length integer min:1
bps_wr integer
bps_wr_length =bps_wr_max_length
bps_wr_max_length integer min:1
cache string in:none|writethrough|writeback|unsafe|directsync
8: cyls integer
detect_zeroes boolean
discard string in:ignore|on
file string!* fmt:pve-volume-id-or-qm-path
format string in:raw|qcow|qed|qcow2|vmdk|cloop
8: heads integer
import-from string fmt:pve-volume-id-or-absolute-path
iops integer
iops_max integer
iops_max_length integer min:1
iops_rd integer
iops_rd_length =iops_rd_max_length
iops_rd_max integer
iops_rd_max_length integer min:1
iops_wr integer
iops_wr_length =iops_wr_max_length
iops_wr_max integer
iops_wr_max_length integer min:1
mbps number
mbps_max number
mbps_rd number
mbps_rd_max number
mbps_wr number
mbps_wr_max number
media string in:cdrom|disk
model string fmt:urlencoded len:120
replicate boolean
rerror string in:ignore|report|stop
8: secs integer
serial string fmt:urlencoded len:60
shared boolean
size string fmt:disk-size
snapshot boolean
ssd boolean
8: trans string in:none|lba|auto
volume =file
werror string in:enospc|ignore|report|stop
wwn string re:^(?:(?:^(0x)[0-9a-fA-F]{16}))$

[ivshmem]
name string re:^(?:[a-zA-Z0-9\-]+)$
size integer! min:1

[machine]
9: aw-bits number min:32 max:64
enable-s3 boolean
enable-s4 boolean
type string* len:40 re:^(?:(pc|pc(-i440fx)?-\d+(\.\d+)+(\+pve\d+)?(\.pxe)?|q35|pc-q35-\d+(\.\d+)+(\+pve\d+)?(\.pxe)?|virt(?:-\d+(\.\d+)+)?(\+pve\d+)?))$
viommu string in:intel|virtio

[memory]
current integer!* min:16

[mp]
acl boolean
backup boolean
9: idmap string re:^(?:(?:^(?:passthrough|[ug]:[0-9]+:[0-9]+:[1-9][0-9]*(?:;[ug]:[0-9]+:[0-9]+:[1-9][0-9]*)*)$))$
9: keepattrs boolean
mountoptions string re:^(?:(?:(?:(discard|lazytime|noatime|nodev|noexec|nosuid))(;(?:(discard|lazytime|noatime|nodev|noexec|nosuid)))*))$
mp string! fmt:pve-lxc-mp-string
quota boolean
replicate boolean
ro boolean
shared boolean
size string fmt:disk-size
volume string!* fmt:pve-lxc-mp-string

[net]
bridge string fmt:pve-bridge-id
e1000 =macaddr@model
e1000-82540em =macaddr@model
e1000-82544gc =macaddr@model
e1000-82545em =macaddr@model
e1000e =macaddr@model
firewall boolean
9: host-tunnel boolean
i82551 =macaddr@model
i82557b =macaddr@model
i82559er =macaddr@model
link_down boolean
macaddr string fmt:mac-addr
model string!* in:e1000|e1000-82540em|e1000-82544gc|e1000-82545em|e1000e|i82551|i82557b|i82559er|ne2k_isa|ne2k_pci|pcnet|rtl8139|virtio|vmxnet3
mtu integer min:1 max:65520
ne2k_isa =macaddr@model
ne2k_pci =macaddr@model
pcnet =macaddr@model
queues integer min:0 max:64
rate number min:0
rtl8139 =macaddr@model
tag integer min:1 max:4094
trunks string re:^(?:(?:\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*))$
virtio =macaddr@model
vmxnet3 =macaddr@model

[net-ct]
bridge string re:^(?:[-_.\w\d]+)$
firewall boolean
gw string fmt:ipv4
gw6 string fmt:ipv6
9: host-managed boolean
hwaddr string fmt:mac-addr
ip string fmt:pve-ipv4-config
ip6 string fmt:pve-ipv6-config
link_down boolean
mtu integer min:64 max:65535
name string! re:^(?:[-_.\w\d]+)$
rate number
tag integer min:1 max:4094
trunks string re:^(?:(?:\d+(?:;\d+)*))$
type string in:veth

[numa]
cpus string! re:^(?:(?:\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*))$
hostnodes string re:^(?:(?:\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*))$
memory number
policy string in:preferred|bind|interleave

[rootfs]
acl boolean
9: idmap string re:^(?:(?:^(?:passthrough|[ug]:[0-9]+:[0-9]+:[1-9][0-9]*(?:;[ug]:[0-9]+:[0-9]+:[1-9][0-9]*)*)$))$
mountoptions string re:^(?:(?:(?:(discard|lazytime|noatime|nodev|noexec|nosuid))(;(?:(discard|lazytime|noatime|nodev|noexec|nosuid)))*))$
quota boolean
replicate boolean
ro boolean
shared boolean
size string fmt:disk-size
volume string!* fmt:pve-lxc-mp-string

[sata]
aio string in:native|threads|io_uring
backup boolean
bps integer
bps_max_length integer min:1
bps_rd integer
bps_rd_length =bps_rd_max_length
bps_rd_max_length integer min:1
bps_wr integer
bps_wr_length =bps_wr_max_length
bps_wr_max_length integer min:1
cache string in:none|writethrough|writeback|unsafe|directsync
8: cyls integer
detect_zeroes boolean
discard string in:ignore|on
file string!* fmt:pve-volume-id-or-qm-path
format string in:raw|qcow|qed|qcow2|vmdk|cloop
8: heads integer
import-from string fmt:pve-volume-id-or-absolute-path
iops integer
iops_max integer
iops_max_length integer min:1
iops_rd integer
iops_rd_length =iops_rd_max_length
iops_rd_max integer
iops_rd_max_length integer min:1
iops_wr integer
iops_wr_length =iops_wr_max_length
iops_wr_max integer
iops_wr_max_length integer min:1
mbps number
mbps_max number
mbps_rd number
mbps_rd_max number
mbps_wr number
mbps_wr_max number
media string in:cdrom|disk
replicate boolean
rerror string in:ignore|report|stop
8: secs integer
serial string fmt:urlencoded len:60
shared boolean
size string fmt:disk-size
snapshot boolean
ssd boolean
8: trans string in:none|lba|auto
volume =file
werror string in:enospc|ignore|report|stop
wwn string re:^(?:(?:^(0x)[0-9a-fA-F]{16}))$

[scsi]
aio string in:native|threads|io_uring
backup boolean
bps integer
bps_max_length integer min:1
bps_rd integer
bps_rd_length =bps_rd_max_length
bps_rd_max_length integer min:1
bps_wr integer
bps_wr_length =bps_wr_max_length
bps_wr_max_length integer min:1
cache string in:none|writethrough|writeback|unsafe|directsync
8: cyls integer
detect_zeroes boolean
discard string in:ignore|on
file string!* fmt:pve-volume-id-or-qm-path
format string in:raw|qcow|qed|qcow2|vmdk|cloop
8: heads integer
import-from string fmt:pve-volume-id-or-absolute-path
iops integer
iops_max integer
iops_max_length integer min:1
iops_rd integer
iops_rd_length =iops_rd_max_length
iops_rd_max integer
iops_rd_max_length integer min:1
iops_wr integer
iops_wr_length =iops_wr_max_length
iops_wr_max integer
iops_wr_max_length integer min:1
iothread boolean
mbps number
mbps_max number
mbps_rd number
mbps_rd_max number
mbps_wr number
mbps_wr_max number
media string in:cdrom|disk
product string re:^(?:[A-Za-z0-9\-_\s]{,16})$
queues integer min:2
replicate boolean
rerror string in:ignore|report|stop
ro boolean
scsiblock boolean
8: secs integer
serial string fmt:urlencoded len:60
shared boolean
size string fmt:disk-size
snapshot boolean
ssd boolean
8: trans string in:none|lba|auto
vendor string re:^(?:[A-Za-z0-9\-_\s]{,8})$
volume =file
werror string in:enospc|ignore|report|stop
wwn string re:^(?:(?:^(0x)[0-9a-fA-F]{16}))$

[spice_enhancements]
foldersharing boolean
videostreaming string in:off|all|filter

[tpmstate0]
file string!* fmt:pve-volume-id-or-qm-path
9: format string in:raw|qcow2|vmdk
import-from string fmt:pve-volume-id-or-absolute-path
size string fmt:disk-size
version string in:v1.2|v2.0
volume =file

[unused]
file string!* fmt:pve-volume-id
volume =file

[unused-ct]
volume string!* fmt:pve-volume-id

[usb]
host string* re:^(?:(?:(?:(?:(?:(0x)?([0-9A-Fa-f]{4}):(0x)?([0-9A-Fa-f]{4})))|(?:(?:(\d+)\-(\d+(\.\d+)*)))|[Ss][Pp][Ii][Cc][Ee])))$
mapping string fmt:pve-configid
usb3 boolean

[vga]
clipboard string in:vnc
memory integer min:4 max:512
type string* in:cirrus|qxl|qxl2..4|none|serial0..3|std|virtio|virtio-gl|vmware

[virtio]
aio string in:native|threads|io_uring
backup boolean
bps integer
bps_max_length integer min:1
bps_rd integer
bps_rd_length =bps_rd_max_length
bps_rd_max_length integer min:1
bps_wr integer
bps_wr_length =bps_wr_max_length
bps_wr_max_length integer min:1
cache string in:none|writethrough|writeback|unsafe|directsync
8: cyls integer
detect_zeroes boolean
discard string in:ignore|on
file string!* fmt:pve-volume-id-or-qm-path
format string in:raw|qcow|qed|qcow2|vmdk|cloop
8: heads integer
import-from string fmt:pve-volume-id-or-absolute-path
iops integer
iops_max integer
iops_max_length integer min:1
iops_rd integer
iops_rd_length =iops_rd_max_length
iops_rd_max integer
iops_rd_max_length integer min:1
iops_wr integer
iops_wr_length =iops_wr_max_length
iops_wr_max integer
iops_wr_max_length integer min:1
iothread boolean
mbps number
mbps_max number
mbps_rd number
mbps_rd_max number
mbps_wr number
mbps_wr_max number
media string in:cdrom|disk
replicate boolean
rerror string in:ignore|report|stop
ro boolean
8: secs integer
serial string fmt:urlencoded len:60
shared boolean
size string fmt:disk-size
snapshot boolean
8: trans string in:none|lba|auto
volume =file
werror string in:enospc|ignore|report|stop

[virtiofs]
cache string in:auto|always|metadata|never
direct-io boolean
dirid string!* fmt:pve-configid
expose-acl boolean
expose-xattr boolean

[pve-qm-boot]
legacy string* re:^(?:[acdn]{1,4})$
order string fmt:pve-qm-bootdev-list

[pve-qm-cicustom]
meta string fmt:pve-volume-id
network string fmt:pve-volume-id
user string fmt:pve-volume-id
vendor string fmt:pve-volume-id

[pve-qm-ipconfig]
ip string fmt:pve-ipv4-config
gw string fmt:ipv4 needs:ip
ip6 string fmt:pve-ipv6-config
gw6 string fmt:ipv6 needs:ip6

[pve-qm-rng]
source string!* in:/dev/urandom|/dev/random|/dev/hwrng
max_bytes integer
period integer

[pve-qm-smbios1]
uuid string re:^(?:[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12})$
base64 boolean
version string re:^(?:[A-Za-z0-9+/]+={0,2})$
serial string re:^(?:[A-Za-z0-9+/]+={0,2})$
manufacturer string re:^(?:[A-Za-z0-9+/]+={0,2})$
product string re:^(?:[A-Za-z0-9+/]+={0,2})$
sku string re:^(?:[A-Za-z0-9+/]+={0,2})$
family string re:^(?:[A-Za-z0-9+/]+={0,2})$

[pve-qm-watchdog]
model string* in:i6300esb|ib700
action string in:reset|shutdown|poweroff|pause|debug|none

[pve-vm-cpu-conf]
cputype string*
hidden boolean
hv-vendor-id string re:^(?:[a-zA-Z0-9]{1,12})$
flags string re:^(?:[+-][a-zA-Z0-9_.-]+(?:;[+-][a-zA-Z0-9_.-]+)*)$
phys-bits string re:^(?:host|[89]|[1-5][0-9]|6[0-4])$
`;
