import { createHash } from 'node:crypto';
import { amount, type Call, may, text } from '../call.ts';
import { type Config, mergedConfig } from '../guest.ts';
import { guestName } from '../guest-status.ts';
import { STARS } from './cloudinit.ts';

/** `GET cloudinit/dump`: one file of a drive that is written now. Who may set the password sees it (9.2.11). */
export function dumpCloudinit(call: Call): string {
  const guest = call.world.guest('qemu', text(call, 'node'), amount(call, 'vmid'));
  const config = mergedConfig(guest);
  const name = guestName({ ...guest, config });
  const files = { user: userOf(config, name), network: networkOf(config) };
  const type = text(call, 'type');
  if (type === 'network') return files.network;
  // The identity of an instance changes with everything else that is in its drive.
  const hash = createHash('sha1').update(`${files.user}${files.network}`).digest('hex');
  if (type === 'meta') return `instance-id: ${hash}\n`;
  const seesPassword = may(call, `/vms/${guest.vmid}`, { any: ['VM.Config.Cloudinit', 'VM.Config.Network'] });
  const shown: Config = config['cipassword'] === undefined ? config : { ...config, cipassword: STARS };
  return seesPassword ? files.user : userOf(shown, name);
}

function userOf(config: Config, name: string): string {
  const value = (key: string) => String(config[key] ?? '').trim();
  const keys = decodeURIComponent(value('sshkeys'))
    .split('\n')
    .filter((key) => key !== '');
  return [
    ...['#cloud-config', `hostname: ${name}`, 'manage_etc_hosts: true'],
    ...(value('searchdomain') === '' ? [] : [`fqdn: ${name}.${value('searchdomain')}`]),
    ...(value('ciuser') === '' ? [] : [`user: ${value('ciuser')}`]),
    ...(value('cipassword') === '' ? [] : [`password: ${value('cipassword')}`]),
    ...(keys.length === 0 ? [] : ['ssh_authorized_keys:', ...keys.map((key) => `  - ${key}`)]),
    ...['chpasswd:', '  expire: False', 'users:', '  - default'],
    ...[`package_upgrade: ${config['ciupgrade'] === 0 ? 'false' : 'true'}`, ''],
  ].join('\n');
}

function networkOf(config: Config): string {
  const cards = Object.keys(config).filter((key) => /^net\d+$/.test(key));
  const list = (key: string) =>
    String(config[key] ?? '')
      .split(/[,;\s]+/)
      .filter((one) => one !== '');
  const [servers, domains] = [list('nameserver'), list('searchdomain')];
  const items = (values: readonly string[]) => values.map((one) => `      - '${one}'`);
  return [
    ...['version: 1', 'config:', ...cards.toSorted().flatMap((key) => cardOf(config, key))],
    ...(servers.length + domains.length === 0 ? [] : ['    - type: nameserver']),
    ...(servers.length === 0 ? [] : ['      address:', ...items(servers)]),
    ...(domains.length === 0 ? [] : ['      search:', ...items(domains)]),
    '',
  ].join('\n');
}

function cardOf(config: Config, key: string): string[] {
  const mac = /=([0-9a-f:]{17})/i.exec(String(config[key]))?.[1]?.toLowerCase() ?? '';
  const wish = String(config[key.replace('net', 'ipconfig')] ?? '');
  const part = (name: string) => new RegExp(`(?:^|,)${name}=([^,]+)`).exec(wish)?.[1];
  const gateway = (name: string) => (part(name) === undefined ? [] : [`        gateway: '${part(name)}'`]);
  return [
    ...['    - type: physical', `      name: eth${key.slice(3)}`, `      mac_address: '${mac}'`, '      subnets:'],
    ...subnetOf(part('ip'), gateway('gw')),
    ...subnet6Of(part('ip6'), gateway('gw6')),
  ];
}

function subnetOf(ip: string | undefined, gateway: readonly string[]): readonly string[] {
  if (ip === undefined) return [];
  if (ip === 'dhcp') return ['      - type: dhcp4'];
  const [address = '', bits = ''] = ip.split('/');
  const ones = (0xffffffff << (32 - Number(bits))) >>> 0;
  const mask = [24, 16, 8, 0].map((shift) => (ones >>> shift) & 255).join('.');
  return ['      - type: static', `        address: '${address}'`, `        netmask: '${mask}'`, ...gateway];
}

function subnet6Of(ip: string | undefined, gateway: readonly string[]): readonly string[] {
  if (ip === undefined) return [];
  if (ip === 'dhcp') return ['      - type: dhcp6'];
  if (ip === 'auto') return ['      - type: ipv6_slaac'];
  return ['      - type: static6', `        address: '${ip}'`, ...gateway];
}
