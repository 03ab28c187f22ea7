import { type Finding, findingsOf } from './finding.ts';

/** What the Date header of one answer said. It counts whole seconds. */
export interface ClockSample {
  /** Whose clock it is: `Proxmox`, `Slack`. */
  readonly from: string;
  /** Milliseconds by which that clock is ahead of this machine's. */
  readonly aheadMs: number;
}

const worthAWord = 30_000;
/** Slack and GitLab refuse signatures, and we theirs, that are five minutes old or from five minutes ahead. */
const tooFar = 300_000;

/** Compares this machine's clock with the others'. A chat's clock is right; Proxmox's may be the wrong one itself. */
export function clockFindings(samples: readonly ClockSample[]): readonly Finding[] {
  const { ok, warn, fail, skip } = findingsOf('clock');
  if (samples.length === 0) return [skip('nothing answered that tells the time')];
  const off = samples.filter(({ aheadMs }) => Math.abs(aheadMs) > worthAWord);
  if (off.length === 0) return [ok(`agrees with ${samples.map(({ from }) => from).join(', ')}`)];
  return off.map(({ from, aheadMs }) => {
    const seconds = Math.round(Math.abs(aheadMs) / 1000);
    const text = `this machine is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} ${from}`;
    if (Math.abs(aheadMs) <= tooFar || from.startsWith('Proxmox')) return warn(text, synchronise(from));
    return fail(`${text}; signatures fail from 300 s on`, synchronise(from));
  });
}

/** When an answer came, by its Date header; `undefined` without a readable one. */
export function aheadOf(date: string | null, now: number): number | undefined {
  const time = Date.parse(date ?? '');
  // The header leaves out the part below a second: half of one is the better guess.
  return Number.isNaN(time) ? undefined : time + 500 - now;
}

function synchronise(from: string): string {
  const where = from.startsWith('Proxmox') ? ' here, and look at `timedatectl` on the node too' : '';
  return `timedatectl set-ntp true${where}`;
}
