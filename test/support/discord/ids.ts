/** Discord's epoch: the first second of 2015. */
const epoch = 1_420_070_400_000;
let count = 0;

/** A snowflake: the time in its upper bits, a counter below. */
export function snowflake(at = Date.now()): string {
  count = (count + 1) % 4096;
  return ((BigInt(at - epoch) << 22n) + BigInt(count)).toString();
}

/** The world every test starts in. */
export const ids = {
  application: '900000000000000001',
  bot: '900000000000000002',
  guild: '700000000000000001',
  otherGuild: '700000000000000002',
  channel: '800000000000000042',
  secondChannel: '800000000000000043',
  foreignChannel: '800000000000000044',
  deployers: '600000000000000001',
  rowan: '500000000000000001',
} as const;

export const token = 'fake-token.for.tests';
