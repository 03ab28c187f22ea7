import { type Call, may } from './call.ts';
import { forbidden } from './errors.ts';
import { splitTags } from './guest.ts';

/**
 * The tag policy of the datacenter, from the options `user-tag-access` and `registered-tags` (PVE::GuestHelpers of 9.2:
 * get_allowed_tags, assert_tag_permissions).
 */
interface TagPolicy {
  readonly allow: string;
  readonly list: readonly string[];
  readonly registered: readonly string[];
}

/** The tags that the caller may set as `allowed-tags` tells them: of the guests it sees, without registered ones. */
export function allowedTags(call: Call): string[] {
  const { allow, list, registered } = policyOf(call);
  const isPrivileged = mayModify(call);
  const tags = new Set(allow === 'none' && !isPrivileged ? [] : list);
  if (allow === 'free' || allow === 'existing' || isPrivileged) {
    const seen = call.world.guests().filter(({ vmid }) => may(call, `/vms/${vmid}`, { all: ['VM.Audit'] }));
    for (const tag of seen.flatMap(({ config }) => splitTags(String(config['tags'] ?? '')))) tags.add(tag);
  }
  for (const tag of registered) {
    if (isPrivileged) tags.add(tag);
    else tags.delete(tag);
  }
  return [...tags].toSorted();
}

/** Throws the 403 of the first tag that differs and that the caller may neither set nor take away. */
export function demandTags(call: Call, old: string, wanted: string): void {
  if (mayModify(call)) return;
  const { allow, registered } = policyOf(call);
  const [before, after] = [new Set(splitTags(old)), new Set(splitTags(wanted))];
  const differing = [...new Set([...before, ...after])].filter((tag) => before.has(tag) !== after.has(tag));
  const allowed = new Set(allowedTags(call));
  const refused = differing.find((tag) => registered.includes(tag) || (allow !== 'free' && !allowed.has(tag)));
  if (refused !== undefined) throw forbidden(`/, Sys.Modify for modifying tag '${refused}'`);
}

/**
 * Throws what a create with tags ends with under a policy. 9.2.11 asks about something that is no tag, so that no tag
 * passes where tags are not free, nor a registered one where they are.
 */
export function demandTagsAtCreate(call: Call, tags: string): void {
  if (mayModify(call)) return;
  const { allow, registered } = policyOf(call);
  if (allow === 'free' && !splitTags(tags).some((tag) => registered.includes(tag))) return;
  throw new Error("403 Permission check failed (/, Sys.Modify for modifying tag 'HASH(0x5581c0ffee00)')");
}

function mayModify(call: Call): boolean {
  return may(call, '/', { all: ['Sys.Modify'] });
}

/** As `GET /cluster/options` holds them: an object with a list of words, and a list of words. */
function policyOf({ world }: Call): TagPolicy {
  const { 'user-tag-access': access, 'registered-tags': registered } = world.datacenter.options;
  const given = typeof access === 'object' && access !== null ? access : {};
  const allow = 'user-allow' in given ? String(given['user-allow']) : 'free';
  return {
    allow,
    list: words('user-allow-list' in given ? given['user-allow-list'] : []),
    registered: words(registered),
  };
}

function words(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
