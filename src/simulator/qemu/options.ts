/** What a key of a VM's configuration is: whose right is asked, and what a change of it does to a running VM. */

const CPU = /^(cores|sockets|cpu|cpulimit|cpuunits|numa\d*|vcpus|smp|affinity)$/;
const MEMORY = /^(memory|balloon|shares|hugepages|keephugepages|allow-ksm)$/;
const HARDWARE =
  /^(acpi|hotplug|kvm|machine|scsihw|smbios1|tablet|vga|watchdog|audio0|rng0|serial\d+|amd-sev|intel-tdx|vmgenid|arch)$/;
const DISK = /^(boot|bootdisk|vmstatestorage|(ide|scsi|sata|virtio|unused)\d+|efidisk0|tpmstate0)$/;
const CLOUDINIT = /^(cicustom|cipassword|citype|ciuser|ciupgrade|nameserver|searchdomain|sshkeys)$/;
const NETWORK = /^(net|ipconfig)\d+$/;
const GENERAL =
  /^(agent|autostart|bios|description|keyboard|localtime|migrate_downtime|migrate_speed|name|onboot|ostype|protection|reboot|startdate|startup|tdf|tags|template|freeze|spice_enhancements)$/;

/** The privileges of which one is needed to change a key; undefined means root@pam only. Table of 9.2.11 and 8.4.1. */
export function privilegeOf(key: string): readonly string[] | undefined {
  if (CPU.test(key)) return ['VM.Config.CPU'];
  if (MEMORY.test(key)) return ['VM.Config.Memory'];
  if (HARDWARE.test(key)) return ['VM.Config.HWType'];
  if (DISK.test(key)) return ['VM.Config.Disk'];
  if (NETWORK.test(key)) return ['VM.Config.Network'];
  if (GENERAL.test(key)) return ['VM.Config.Options'];
  if (CLOUDINIT.test(key)) return ['VM.Config.Cloudinit', 'VM.Config.Network'];
  return undefined;
}

const AT_ONCE =
  /^(name|description|onboot|tags|protection|startup|shares|balloon|cpulimit|cpuunits|hookscript|vmstatestorage|autostart|reboot|template|bootdisk|boot|ipconfig\d+|ciuser|cipassword|citype|cicustom|ciupgrade|nameserver|searchdomain|sshkeys)$/;

/** Whether a running VM takes a change of that key at once; all others but cards and disks wait for a stop. */
export function appliesAtOnce(key: string): boolean {
  return AT_ONCE.test(key);
}

/** Parameters of create and update that never become part of a configuration. */
export const NO_OPTIONS: ReadonlySet<string> = new Set([
  ...['node', 'vmid', 'pool', 'start', 'storage', 'unique', 'force', 'archive', 'bwlimit', 'live-restore'],
  ...['import-working-storage', 'ha-managed', 'delete', 'revert', 'digest', 'skiplock', 'background_delay'],
]);

/** `scsi0`, `efidisk0`: what holds a disk or a CD. */
export function isDriveKey(key: string): boolean {
  return /^(?:ide|scsi|sata|virtio)\d+$|^(?:efidisk|tpmstate)0$/.test(key);
}
