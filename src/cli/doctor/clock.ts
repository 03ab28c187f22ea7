import { type ClockSample, type Finding, findingsOf } from '../../core/finding.ts';

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

function synchronise(from: string): string {
  const where = from.startsWith('Proxmox') ? ' here, and look at `timedatectl` on the node too' : '';
  return `timedatectl set-ntp true${where}`;
}
