import { amount, type Call, text } from '../call.ts';
import { failure } from '../errors.ts';
import { type Guest, mergedConfig } from '../guest.ts';
import { bootVolume, isAgentEnabled, isNamed } from '../guest-status.ts';
import type { World } from '../world.ts';
import { AGENT_AFTER_MS } from './start.ts';

/** Whether an agent runs in the guest and the VM has the port it needs. */
export function answersAgent(world: World, guest: Guest): boolean {
  if (guest.startedAt === undefined || guest.paused !== undefined || guest.rootless || !isAgentEnabled(guest.config))
    return false;
  if (isNamed(guest, 'no-agent') || isNamed(guest, 'deaf')) return false;
  return bootVolume(world, guest)?.agent === true && world.hasPassed(guest.startedAt, AGENT_AFTER_MS);
}

/** `POST agent/ping` */
export async function pingAgent(call: Call): Promise<unknown> {
  await guestWithAgent(call);
  return { result: {} };
}

/** `GET agent/info` */
export async function agentInfo(call: Call): Promise<unknown> {
  await guestWithAgent(call);
  return { result: { version: '10.1.0', supported_commands: [] } };
}

/** `POST agent/exec`: accepted, nothing is run. */
export async function agentExec(call: Call): Promise<unknown> {
  await guestWithAgent(call);
  return { pid: 4242 };
}

/** `GET agent/network-get-interfaces`: the loopback, and one card per `net<n>` with an address of its bridge's network. */
export async function agentInterfaces(call: Call): Promise<unknown> {
  const guest = await guestWithAgent(call);
  const loopback = {
    name: 'lo',
    'hardware-address': '00:00:00:00:00:00',
    'ip-addresses': [{ 'ip-address': '127.0.0.1', 'ip-address-type': 'ipv4', prefix: 8 }],
  };
  const cards = Object.keys(guest.config).filter((key) => /^net\d+$/.test(key));
  return { result: [loopback, ...cards.map((key) => cardOf(call.world, guest, key))] };
}

/** The address a guest gets on a bridge: the bridge's network with a host number made of the VMID. */
export function addressOf(world: World, guest: Guest, bridge: string | undefined): string | undefined {
  const cidr = world.seed.bridges.find((one) => one.iface === bridge && one.node === guest.node)?.cidr;
  const network = cidr?.split('.').slice(0, 3).join('.');
  return network === undefined ? undefined : `${network}.${10 + (guest.vmid % 240)}`;
}

async function guestWithAgent(call: Call): Promise<Guest> {
  const { world } = call;
  const guest = world.guest('qemu', text(call, 'node'), amount(call, 'vmid'));
  if (!isAgentEnabled(mergedConfig(guest))) throw failure('No QEMU guest agent configured');
  if (guest.startedAt === undefined) throw failure(`VM ${guest.vmid} is not running`);
  if (!answersAgent(world, guest)) {
    await world.clock.wait(3000);
    throw failure('QEMU guest agent is not running');
  }
  return guest;
}

function cardOf(world: World, guest: Guest, key: string): unknown {
  const value = String(guest.config[key]);
  const mac = /=([0-9A-F:]{17})/i.exec(value)?.[1]?.toLowerCase() ?? '';
  const fixed = /(?:^|,)ip=([0-9.]+)\//.exec(String(guest.config[key.replace('net', 'ipconfig')] ?? ''))?.[1];
  const address = fixed ?? addressOf(world, guest, /bridge=([^,]+)/.exec(value)?.[1]);
  const isSick = isNamed(guest, 'sick') || address === undefined;
  const addresses = isSick ? [] : [{ 'ip-address': address, 'ip-address-type': 'ipv4', prefix: 24 }];
  return { name: `eth${key.slice(3)}`, 'hardware-address': mac, 'ip-addresses': addresses };
}
