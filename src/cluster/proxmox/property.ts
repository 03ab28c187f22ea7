/** A Proxmox property string by sub-key, in its order: `virtio=BC:..,bridge=vmbr0`, `fast:100/vm-100-disk-0.qcow2,size=2G`. */
export type Property = ReadonlyMap<string, string>;

/** A guest's configuration, or a part of it, as text by key. */
export type Values = Readonly<Record<string, string>>;

/** Splits a property string; a leading part without a name (`fast:100/..`) is stored under `defaultKey`. */
export function readProperty(text: string, defaultKey: string): Property {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return new Map(
    parts.map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [defaultKey, part] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

/** Joins sub-keys; the value of `defaultKey` is written without its name, which every PVE version accepts. */
export function writeProperty(property: Property, defaultKey: string): string {
  return [...property].map(([key, value]) => (key === defaultKey ? value : `${key}=${value}`)).join(',');
}

/** Does a stored property string hold what was sent? The server sorts sub-keys and adds its own (`size`, a MAC address). */
export function holds(stored: string, sent: string): boolean {
  const there = readProperty(stored, 'file');
  return [...readProperty(sent, 'file')].every(([key, value]) => there.get(key) === value);
}
