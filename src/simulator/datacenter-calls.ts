import { createHash } from 'node:crypto';
import { type Call, demandRight, may, text } from './call.ts';
import type { Mapping } from './datacenter.ts';
import { failure, forbidden, parameterError } from './errors.ts';
import { parsePropertyString } from './parameters/check.ts';
import { rulesOf } from './parameters/table.ts';
import { allowedTags } from './tag-policy.ts';

/** `GET /cluster/options`: some keys for every token, the others for a token that may audit the datacenter. */
export function clusterOptions(call: Call): unknown {
  const { options } = call.world.datacenter;
  const { 'tag-style': style } = options;
  const open = { ...(style === undefined ? {} : { 'tag-style': style }), 'allowed-tags': allowedTags(call) };
  return may(call, '/', { all: ['Sys.Audit'] }) ? { description: '', ...options, ...open } : open;
}

/** `PUT /cluster/options`; what is to be deleted may be absent. */
export function updateOptions(call: Call): null {
  const { datacenter, version } = call.world;
  const { delete: removed = '', ...given } = Object.fromEntries(call.given);
  const rest = Object.entries(datacenter.options).filter(([key]) => !removed.split(/[,;\s]+/).includes(key));
  const changed = Object.entries(given).map(([key, value]) => [key, optionOf(key, value, version.table)] as const);
  datacenter.options = Object.fromEntries([...rest, ...changed]);
  return null;
}

/** An option as it is answered: property strings as objects, lists of tags as lists. */
function optionOf(key: string, value: string, table: '8' | '9'): unknown {
  const words = (list: string) => list.split(/[,;\s]+/).filter((word) => word !== '');
  if (key === 'registered-tags') return words(value);
  const rules = key === 'tag-style' || key === 'user-tag-access' ? rulesOf(key, table) : undefined;
  if (rules === undefined) return value;
  const parts = [...parsePropertyString(value, rules).values].map(([name, part]) => {
    if (name === 'user-allow-list') return [name, words(part)] as const;
    return [name, rules.get(name)?.type === 'boolean' ? Number(part) : part] as const;
  });
  return Object.fromEntries(parts);
}

const ANY_MAPPING = ['Mapping.Audit', 'Mapping.Use', 'Mapping.Modify'];

/** `GET /cluster/mapping/{kind}`: those the caller may use or look at; with `check-node` they are always in order. */
export function listMappings(call: Call): unknown {
  const kind = text(call, 'kind');
  const checks = call.given.has('check-node') ? { checks: [] } : {};
  return Object.values(call.world.datacenter.mappings)
    .filter(({ type, id }) => type === kind && may(call, `/mapping/${kind}/${id}`, { any: ANY_MAPPING }))
    .map((one) => ({ ...one, ...checks, digest: digestOf(one) }));
}

/** `GET /cluster/mapping/{kind}/{id}` */
export function readMapping(call: Call): unknown {
  const [kind, id] = [text(call, 'kind'), text(call, 'id')];
  if (!may(call, `/mapping/${kind}/${id}`, { any: ANY_MAPPING })) throw forbidden();
  const found = call.world.datacenter.mappings[`${kind}/${id}`];
  if (found === undefined) throw failure(`${kind.toUpperCase()} mapping '${id}' not found`);
  return { type: found.type, map: found.map, digest: digestOf(found) };
}

/** `POST /cluster/mapping/{kind}` */
export function addMapping(call: Call): null {
  const [type, id] = [text(call, 'kind'), text(call, 'id')];
  demandRight(call, `/mapping/${type}`, { all: ['Mapping.Modify'] });
  const { mappings } = call.world.datacenter;
  if (mappings[`${type}/${id}`] !== undefined) throw parameterError({ id: `mapping '${id}' already exists` });
  mappings[`${type}/${id}`] = { type, id, map: text(call, 'map').split('\0') };
  return null;
}

/** `DELETE /cluster/mapping/{kind}/{id}`: guests that name it keep it and start no more. */
export function deleteMapping(call: Call): null {
  const kind = text(call, 'kind');
  demandRight(call, `/mapping/${kind}`, { all: ['Mapping.Modify'] });
  delete call.world.datacenter.mappings[`${kind}/${text(call, 'id')}`];
  return null;
}

function digestOf(mapping: Mapping): string {
  return createHash('sha1').update(JSON.stringify(mapping)).digest('hex');
}
