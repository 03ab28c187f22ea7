import type { Forge } from '../forge/forge.ts';
import { forges } from '../forges.ts';
import type { ForgeConfig } from './model.ts';
import type { Mistakes } from './read.ts';
import { remoteOf } from './setting.ts';
import type { Environment } from './settings.ts';

/**
 * The forge of a fleet's repository, from the address of the clone and the settings beside it; `undefined` where neither
 * tells it. With a token all of it is needed, and what is missing is noted as a mistake.
 * @param at the place of a variable's value for a mistake
 */
export function forgeOf(
  values: Environment,
  at: (variable: string) => string,
  mistakes: Mistakes,
): ForgeConfig | undefined {
  const { FORGE: named, FORGE_URL: given, FORGE_TOKEN: token, WEBHOOK_REPOSITORY: repository } = values;
  const remote = remoteOf(values.GIT_URL ?? '');
  const forge = forges.find((one) => (named === undefined ? isAt(one, remote?.host) : one.name === named));
  const place = forge === undefined ? undefined : placeOf(forge, remote, repository);
  const apiUrl = given ?? (place?.webUrl === undefined ? undefined : forge?.apiUrl(place.webUrl));
  if (token !== undefined) {
    const why = 'to send statuses and comments with FORGE_TOKEN';
    mistakes.need(at('FORGE'), forge, `${why}: ${forges.map(({ name }) => name).join(', ')}`);
    if (forge !== undefined) mistakes.need(at('FORGE_URL'), apiUrl, `${why}: GIT_URL names no forge`);
    if (forge !== undefined) mistakes.need(at('WEBHOOK_REPOSITORY'), place?.project, `${why}, as owner/name`);
  }
  if (forge === undefined || apiUrl === undefined || place?.project === undefined) return undefined;
  return { name: forge.name, apiUrl, project: place.project, ...(token === undefined ? {} : { token }) };
}

/** Is it one of its known hosts, or one that is called after it, such as `gitlab.example.org`? */
function isAt({ name, hosts }: Forge, host: string | undefined): boolean {
  return host !== undefined && (hosts.includes(host) || host.startsWith(`${name}.`));
}

/**
 * Where the forge is, and the project on it. A forge may lie under a path, which stands before `owner/name`; GitLab has
 * groups in groups, so only WEBHOOK_REPOSITORY tells the two apart there.
 */
function placeOf(
  { name }: Forge,
  remote: ReturnType<typeof remoteOf>,
  repository: string | undefined,
): { readonly webUrl?: string; readonly project?: string } {
  if (remote === undefined) return repository === undefined ? {} : { project: repository };
  const { path, origin } = remote;
  const ends = repository !== undefined && `/${path}`.toLowerCase().endsWith(`/${repository}`);
  if (repository !== undefined && !ends) return { webUrl: origin, project: repository };
  const parts = path.split('/');
  const length = repository?.split('/').length ?? (name === 'gitlab' ? parts.length : 2);
  const before = parts.slice(0, -length);
  return { webUrl: [origin, ...before].join('/'), project: parts.slice(-length).join('/') };
}
