import type { AccessChange, FactChange, FactsDifference, PackageChange } from '../core/facts-difference.ts';
import type { FactName } from '../core/image-facts.ts';
import { type Plan, runnable } from '../core/plan.ts';
import { type ImageReview, imagePairOf, type NewImage, newImageOf, type Review } from '../core/review.ts';
import { oneLine } from '../lib/text.ts';
import type { Block, Line } from './card.ts';
import { foldedLine } from './guest-lines.ts';
import { count, guestName } from './parts.ts';

/** Packages that a card names of an image. */
const mostPackages = 8;
/** Users, and open ports, that a card names of a new image. */
const mostOpen = 8;
/** Guests that a card names where many change alike. */
const mostNames = 6;

/** Guests whose images change alike, and how. */
interface Alike {
  readonly guests: readonly string[];
  readonly review: Omit<ImageReview, 'from' | 'to'>;
}

/** Who gets in, and where, that could not before or no longer can, and who gets into new guests: a warning for all guests that it is the same for. */
export function accessWarnings(plan: Plan, review: Review | undefined): readonly Block[] {
  const groups = new Map<string, string[]>();
  for (const { guests, review: images } of alike(plan, review)) {
    const said = accessTexts(images).join('; ');
    if (said !== '') groups.set(said, [...(groups.get(said) ?? []), ...guests]);
  }
  for (const { guests, facts } of anew(plan, review)) {
    const said = openTexts(facts, mostOpen).join('; ');
    groups.set(said, [...(groups.get(said) ?? []), ...guests]);
  }
  return [...groups].map(([said, guests]) => ({
    kind: 'warning',
    rich: [{ bold: `Access to ${namesOf(guests)}: ` }, `${said}.`],
  }));
}

/** What else changes inside of images, with the first packages. */
export function insideBlocks(plan: Plan, review: Review | undefined): readonly Block[] {
  const lines = alike(plan, review).flatMap(({ guests, review: images }) =>
    insideLines(namesOf(guests), otherTexts(images, mostPackages)),
  );
  return lines.length === 0 ? [] : [{ kind: 'lines', lines }];
}

/** All of it, as lines of the full plan. */
export function insideText(plan: Plan, review: Review | undefined): readonly string[] {
  const changed = alike(plan, review).flatMap(({ guests, review: images }) =>
    insideLines(guests.join(', '), [...accessTexts(images), ...otherTexts(images)]),
  );
  const created = anew(plan, review).flatMap(({ guests, facts }) =>
    insideLines(guests.join(', '), [...openTexts(facts), ...restTexts(facts)]),
  );
  return [...changed, ...created].map(({ text }) => text);
}

/** The guests of a plan that are new, those of an image together. */
function anew(
  plan: Plan,
  { newImages = [] }: Review = {},
): readonly {
  readonly guests: readonly string[];
  readonly facts: NewImage['facts'];
}[] {
  return newImages.flatMap(({ image, facts }) => {
    const guests = runnable(plan).filter((change) => newImageOf(change) === image);
    return guests.length === 0 ? [] : [{ guests: guests.map(guestName), facts }];
  });
}

type NewFacts = NonNullable<NewImage['facts']>;

/** Who may log in, and which ports are open. @param most how many of each are named; default: all */
function openTexts(facts: NewImage['facts'], most = Number.POSITIVE_INFINITY): readonly string[] {
  if (facts === undefined) return [accessUntold];
  return [loginText(facts.users, most), portsText(facts.firewall, most)].map(oneLine);
}

function loginText(users: NewFacts['users'], most: number): string {
  if (users === undefined) return 'who may log in is not known';
  const said = users.flatMap(({ name, wheel, password, keys, keyFiles }) => {
    const by = [
      ...(keys.length === 0 ? [] : [count(keys.length, 'key')]),
      ...(keyFiles.length === 0 ? [] : [count(keyFiles.length, 'key file')]),
      ...(password ? ['a password'] : []),
    ];
    return by.length === 0 ? [] : [`${name} (${[...by, ...(wheel ? ['wheel'] : [])].join(', ')})`];
  });
  if (said.length === 0) return 'no user has a key or a password';
  return `${said.slice(0, most).join(', ')}${moreOf(said, most, 'user')} may log in`;
}

function portsText(firewall: NewFacts['firewall'], most: number): string {
  if (firewall === undefined) return 'which ports are open is not known';
  if (!firewall.on) return 'the firewall is off, every port is open';
  const ports = firewall.ports.map(
    ({ protocol, from, to, on }) =>
      `${protocol.toUpperCase()} ${from === to ? from : `${from}-${to}`}${on === undefined ? '' : ` on ${on}`}`,
  );
  const open = [...ports, ...firewall.trusted.map((on) => `every port on ${on}`)];
  if (open.length === 0) return 'no port is open';
  return `open: ${open.slice(0, most).join(', ')}${moreOf(open, most, 'port')}`;
}

function moreOf(all: readonly string[], most: number, what: string): string {
  return all.length > most ? `, ${count(all.length - most, `more ${what}`)}` : '';
}

/** What the full plan tells of a new image beside. */
function restTexts({ services, release, kernel }: NewFacts = {}): readonly string[] {
  const run = services?.map(({ name, user }) => `${name} as ${user}`) ?? [];
  return [
    ...(release === undefined ? [] : [`NixOS ${release}`]),
    ...(kernel === undefined || kernel === '' ? [] : [`kernel ${kernel}`]),
    ...(run.length === 0 ? [] : [`services: ${run.join(', ')}`]),
  ].map(oneLine);
}

/** The guests of a plan that get another image, those together whose images change alike. */
function alike(plan: Plan, review: Review | undefined): readonly Alike[] {
  if (review === undefined) return [];
  const { images = [] } = review;
  const groups = new Map<string, Alike>();
  for (const change of runnable(plan)) {
    const pair = imagePairOf(change);
    if (pair === undefined) continue;
    // A plan that was made again may hold a pair that the first one did not have.
    const { from: _, to: __, ...found } = images.find(({ from, to }) => from === pair.from && to === pair.to) ?? pair;
    const key = JSON.stringify(found);
    groups.set(key, { guests: [...(groups.get(key)?.guests ?? []), guestName(change)], review: found });
  }
  return [...groups.values()];
}

function namesOf(guests: readonly string[]): string {
  const rest = guests.length - mostNames;
  return [...guests.slice(0, mostNames), ...(rest > 0 ? [`${count(rest, 'more guest')}`] : [])].join(', ');
}

function insideLines(names: string, texts: readonly string[]): readonly Line[] {
  return [...foldedLine(`Inside ${names}`), ...texts.flatMap((text) => foldedLine(`  ${text}`))].map((text) => ({
    text,
  }));
}

/** Everything but access, one fact each. */
function otherTexts({ difference, notKnown }: Alike['review'], most?: number): readonly string[] {
  if (difference === undefined) return [unknownText(notKnown)];
  const { access, changes, packages, unknown } = difference;
  const upgraded = changes.some(({ what }) => what === 'release');
  const said = [
    ...changes.map((change) => changeText(change, packages.all)),
    ...(upgraded ? [] : packageTexts(packages, most)),
    ...(unknown.length === 0 ? [] : [`not known of both images: ${unknown.map((name) => factWords[name]).join(', ')}`]),
  ];
  if (said.length > 0) return said.map(oneLine);
  return [access.length === 0 ? 'no user, port, service or package changes' : 'nothing else changes that is told'];
}

function unknownText(notKnown: ImageReview['notKnown']): string {
  switch (notKnown) {
    case 'from':
      return 'nothing is known of the running image, so what changes is not told';
    case 'to':
      return 'nothing is known of the new image, so what changes is not told';
    case undefined:
      return 'these images were not compared: press Plan again';
  }
}

const accessUntold = 'who gets in, and which ports are open, is not told of the new image';

/** An image whose facts cannot be told may hold anything, so that is an access change as well. */
function accessTexts({ difference, notKnown }: Alike['review']): readonly string[] {
  if (notKnown === 'to') return [accessUntold];
  return (difference?.access ?? []).map((change) => oneLine(accessWords(change)));
}

function accessWords(change: AccessChange): string {
  switch (change.what) {
    case 'user':
      return `user ${change.user} is ${change.change === 'added' ? 'new' : 'gone'}`;
    case 'wheel':
      return `user ${change.user} ${change.change === 'added' ? 'joins' : 'leaves'} wheel`;
    case 'password':
      return `user ${change.user} ${change.change === 'added' ? 'gets a password' : 'has no password any more'}`;
    case 'key':
      if (change.change === 'changed') return `the key ${change.key} of user ${change.user} is another one`;
      return `user ${change.user} ${change.change === 'added' ? 'gets' : 'loses'} the key ${change.key}`;
    case 'key-files':
      return `the key files of user ${change.user} change (${change.from} -> ${change.to})`;
    case 'firewall':
      return change.change === 'on' ? 'the firewall is turned on' : 'the firewall is turned off, every port is open';
    case 'port':
      return portWords(change);
    case 'untold':
      return `${factWords[change.fact]} are not told any more`;
    case 'trusted':
      return change.change === 'added'
        ? `every port opens on ${change.on}`
        : `${change.on} is no longer open as a whole`;
  }
}

function portWords({ protocol, from, to, on, change }: Extract<AccessChange, { what: 'port' }>): string {
  const one = from === to;
  const ports = `${protocol.toUpperCase()} ${one ? `port ${from}` : `ports ${from}-${to}`}`;
  const verb = change === 'added' ? 'open' : 'close';
  return `${ports} ${one ? `${verb}s` : verb}${on === undefined ? '' : ` on ${on}`}`;
}

function changeText({ what, name, from, to }: FactChange, packages: number): string {
  switch (what) {
    case 'release':
      return `NixOS ${from} -> ${to}, ${count(packages, 'package')}`;
    case 'kernel':
      return `kernel ${from || 'none'} -> ${to || 'none'}`;
    case 'service':
      if (from !== undefined && to !== undefined) return `service ${name}: user ${from} -> ${to}`;
      return to === undefined ? `service ${name} is gone` : `service ${name} is new, as ${to}`;
    default:
      if (from !== undefined && to !== undefined) return `${what} ${name}: ${from} -> ${to}`;
      return to === undefined ? `${what} ${name} is gone` : `${what} ${name} is new${to === '' ? '' : `: ${to}`}`;
  }
}

/** @param most how many are named; default: all that are known by name */
function packageTexts({ changed, all }: FactsDifference['packages'], most = changed.length): readonly string[] {
  const named = changed.slice(0, most).map(packageText);
  const rest = all - named.length;
  if (rest <= 0) return named;
  return [...named, named.length === 0 ? `${count(rest, 'package')} change` : count(rest, 'more package')];
}

function packageText({ name, from, to }: PackageChange): string {
  const whole = (version = '') => (version === '' ? name : `${name} ${version}`);
  if (from === undefined) return `${whole(to)} is new`;
  return to === undefined
    ? `${whole(from)} is gone`
    : `${name} ${from || 'without version'} -> ${to || 'without version'}`;
}

const factWords: Readonly<Record<FactName, string>> = {
  users: 'users and their keys',
  firewall: 'open ports',
  mounts: 'mounts',
  hosts: 'virtual hosts',
  services: 'services',
  timers: 'timers',
  sockets: 'sockets',
  release: 'the NixOS release',
  kernel: 'the kernel',
  packages: 'packages of the system',
  servicePackages: 'packages of services',
};
