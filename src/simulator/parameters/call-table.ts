/**
 * Facts of the API's parameter tables (names, types, limits, patterns) of 8.4.1 and 9.2.11. A line without a mark holds for both;
 * "8:" and "9:" mark one of them. "!" is mandatory, "*" the key that may come without its name, "=x" another name of x.
 */
export const CALL_TABLE = String.raw`
[GET /version]

[GET /cluster/resources]
type string in:vm|storage|node|sdn

[GET /cluster/status]

[GET /cluster/nextid]
vmid integer fmt:pve-vmid min:100 max:999999999

[GET /cluster/options]

[GET /cluster/tasks]

[GET /nodes]

[GET /nodes/{node}/status]

[GET /nodes/{node}/network]
8: type string in:bridge|bond|eth|alias|vlan|OVSBridge|OVSBond|OVSPort|OVSIntPort|vnet|any_bridge|any_local_bridge
9: type string in:bridge|bond|eth|alias|vlan|fabric|OVSBridge|OVSBond|OVSPort|OVSIntPort|vnet|any_bridge|any_local_bridge|include_sdn

[GET /access/permissions]
path string
userid string re:^(?:(?:^(?:[^\s:/]+)\@(?:[A-Za-z][A-Za-z0-9\.\-_]+)(?:!(?:[A-Za-z][A-Za-z0-9\.\-_]+))?$))$

[GET /nodes/{node}/storage]
content string fmt:pve-storage-content-list
enabled boolean
format boolean
storage string fmt:pve-storage-id
target string

[GET /nodes/{node}/storage/{storage}/status]
storage string! fmt:pve-storage-id

[GET /nodes/{node}/storage/{storage}/content]
content string fmt:pve-storage-content
storage string! fmt:pve-storage-id
vmid integer fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/storage/{storage}/content/{volume}]
storage string fmt:pve-storage-id
volume string!

[DELETE /nodes/{node}/storage/{storage}/content/{volume}]
delay integer min:1 max:30
storage string fmt:pve-storage-id
volume string!

[POST /nodes/{node}/storage/{storage}/upload]
checksum string needs:checksum-algorithm
checksum-algorithm string in:md5|sha1|sha224|sha256|sha384|sha512 needs:checksum
content string! fmt:pve-storage-content in:iso|vztmpl|import
filename string! len:255
storage string! fmt:pve-storage-id
tmpfilename string re:^(?:/var/tmp/pveupload-[0-9a-f]+)$

[POST /nodes/{node}/storage/{storage}/download-url]
checksum string needs:checksum-algorithm
checksum-algorithm string in:md5|sha1|sha224|sha256|sha384|sha512 needs:checksum
compression string
content string! fmt:pve-storage-content in:iso|vztmpl|import
filename string! len:255
storage string! fmt:pve-storage-id
url string! re:^(?:https?://.*)$
verify-certificates boolean

[GET /nodes/{node}/qemu]
full boolean

[POST /nodes/{node}/qemu]
@vm
archive string len:255
bwlimit integer min:0
force boolean needs:archive
9: ha-managed boolean
import-working-storage string fmt:pve-storage-id
live-restore boolean
pool string fmt:pve-poolid
start boolean
storage string fmt:pve-storage-id
unique boolean needs:archive
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/qemu/{vmid}/config]
current boolean
snapshot string fmt:pve-configid len:40
vmid integer! fmt:pve-vmid min:100 max:999999999

[PUT /nodes/{node}/qemu/{vmid}/config]
@vm
delete string fmt:pve-configid-list
digest string len:40
force boolean needs:delete
revert string fmt:pve-configid-list
skiplock boolean
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/config]
@vm
background_delay integer min:1 max:30
delete string fmt:pve-configid-list
digest string len:40
force boolean needs:delete
import-working-storage string fmt:pve-storage-id
revert string fmt:pve-configid-list
skiplock boolean
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/qemu/{vmid}/pending]
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/qemu/{vmid}/status/current]
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/status/start]
force-cpu string
machine string prop:machine
migratedfrom string
migration_network string fmt:CIDR
migration_type string in:secure|insecure
9: nets-host-mtu string re:^(?:net\d+=\d+(,net\d+=\d+)*)$
skiplock boolean
stateuri string len:128
targetstorage string fmt:storage-pair-list
timeout integer min:0
vmid integer! fmt:pve-vmid min:100 max:999999999
9: with-conntrack-state boolean

[POST /nodes/{node}/qemu/{vmid}/status/stop]
keepActive boolean
migratedfrom string
overrule-shutdown boolean
skiplock boolean
timeout integer min:0
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/status/shutdown]
forceStop boolean
keepActive boolean
skiplock boolean
timeout integer min:0
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/status/reboot]
timeout integer min:0
vmid integer! fmt:pve-vmid min:100 max:999999999

[PUT /nodes/{node}/qemu/{vmid}/resize]
digest string len:40
disk string! in:ide0..3|scsi0..30|virtio0..15|sata0..5|efidisk0|tpmstate0
size string! re:^(?:\+?\d+(\.\d+)?[KMGT]?)$
skiplock boolean
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/move_disk]
bwlimit integer min:0
delete boolean
digest string len:40
disk string! in:ide0..3|scsi0..30|virtio0..15|sata0..5|efidisk0|tpmstate0|unused0..255
format string in:raw|qcow2|vmdk
storage string fmt:pve-storage-id
target-digest string len:40
target-disk string in:ide0..3|scsi0..30|virtio0..15|sata0..5|efidisk0|tpmstate0|unused0..255
target-vmid integer fmt:pve-vmid min:100 max:999999999
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/clone]
bwlimit integer min:0
description string
format string in:raw|qcow2|vmdk
full boolean
name string fmt:dns-name
newid integer! fmt:pve-vmid min:100 max:999999999
pool string fmt:pve-poolid
snapname string fmt:pve-configid len:40
storage string fmt:pve-storage-id
target string
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/template]
disk string in:ide0..3|scsi0..30|virtio0..15|sata0..5|efidisk0|tpmstate0
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/qemu/{vmid}/snapshot]
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/snapshot]
description string
snapname string! fmt:pve-configid len:40
vmid integer! fmt:pve-vmid min:100 max:999999999
vmstate boolean

[DELETE /nodes/{node}/qemu/{vmid}/snapshot/{snapname}]
force boolean
snapname string! fmt:pve-configid len:40
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback]
snapname string! fmt:pve-configid len:40
start boolean
vmid integer! fmt:pve-vmid min:100 max:999999999

[DELETE /nodes/{node}/qemu/{vmid}]
destroy-unreferenced-disks boolean
purge boolean
skiplock boolean
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/qemu/{vmid}/agent/ping]
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/qemu/{vmid}/agent/network-get-interfaces]
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/lxc]

[POST /nodes/{node}/lxc]
@ct
bwlimit number min:0
force boolean
9: ha-managed boolean
ignore-unpack-errors boolean
ostemplate string! len:255
password string minlen:5
pool string fmt:pve-poolid
restore boolean
ssh-public-keys string
start boolean
storage string fmt:pve-storage-id
unique boolean needs:restore
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/lxc/{vmid}/config]
current boolean
snapshot string fmt:pve-configid len:40
vmid integer! fmt:pve-vmid min:100 max:999999999

[PUT /nodes/{node}/lxc/{vmid}/config]
@ct
delete string fmt:pve-configid-list
digest string len:40
revert string fmt:pve-configid-list
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/lxc/{vmid}/pending]
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/lxc/{vmid}/status/current]
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/lxc/{vmid}/status/start]
debug boolean
skiplock boolean
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/lxc/{vmid}/status/stop]
overrule-shutdown boolean
skiplock boolean
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/lxc/{vmid}/status/shutdown]
forceStop boolean
timeout integer min:0
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/lxc/{vmid}/status/reboot]
timeout integer min:0
vmid integer! fmt:pve-vmid min:100 max:999999999

[PUT /nodes/{node}/lxc/{vmid}/resize]
digest string len:40
disk string! in:rootfs|mp0..255
size string! re:^(?:\+?\d+(\.\d+)?[KMGT]?)$
vmid integer! fmt:pve-vmid min:100 max:999999999

[POST /nodes/{node}/lxc/{vmid}/move_volume]
bwlimit number min:0
delete boolean
digest string len:40
storage string fmt:pve-storage-id
target-digest string len:40
target-vmid integer fmt:pve-vmid min:100 max:999999999
target-volume string in:rootfs|mp0..255|unused0..255
vmid integer! fmt:pve-vmid min:100 max:999999999
volume string! in:rootfs|mp0..255|unused0..255

[DELETE /nodes/{node}/lxc/{vmid}]
destroy-unreferenced-disks boolean
force boolean
purge boolean
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/lxc/{vmid}/interfaces]
vmid integer! fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/tasks]
errors boolean
limit integer min:0
since integer
source string in:archive|active|all
start integer min:0
statusfilter string fmt:pve-task-status-type-list
typefilter string
until integer
userfilter string
vmid integer fmt:pve-vmid min:100 max:999999999

[GET /nodes/{node}/tasks/{upid}/status]
upid string!

[GET /nodes/{node}/tasks/{upid}/log]
download boolean
limit integer min:0
start integer min:0
upid string!

[DELETE /nodes/{node}/tasks/{upid}]
upid string!

[GET /nodes/{node}/qemu/{vmid}/agent/info]
vmid integer! fmt:pve-vmid

[POST /nodes/{node}/qemu/{vmid}/agent/exec]
command array!
input-data string len:65536
vmid integer! fmt:pve-vmid

[GET /nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config]
vmid integer! fmt:pve-vmid
snapname string! fmt:pve-configid

[GET /pools/{poolid}]
poolid string! fmt:pve-poolid
type string in:qemu|lxc|storage

[GET /storage]
type string
`;
