import type { FleetConfig } from '../../config/config.ts';
import { type Finding, failureOf, findingsOf } from '../../core/finding.ts';
import { forges } from '../../forges.ts';

const area = 'forge';

/** What the token of a fleet's forge may do, as far as reading shows; nothing where no token is configured. */
export async function forgeFindings({ name, forge }: FleetConfig, timeoutMs: number): Promise<readonly Finding[]> {
  const kind = forges.find((one) => one.name === forge?.name);
  if (forge?.token === undefined || kind === undefined) return [];
  const { apiUrl, project, token } = forge;
  const { ok, warn } = findingsOf(area);
  try {
    const { lacks, unchecked } = await kind.client({ apiUrl, project, token: token.reveal(), timeoutMs }).check();
    if (lacks.length > 0) {
      const text = `fleet ${name}: FORGE_TOKEN lacks what statuses and comments need: ${lacks.join('; ')}`;
      return [warn(text, kind.tokenSteps)];
    }
    const rest = unchecked === undefined ? 'may send statuses and comments' : `reads it; ${unchecked}`;
    return [ok(`fleet ${name}: ${kind.title} has ${project}, and FORGE_TOKEN ${rest}`)];
  } catch (error) {
    const finding = failureOf(area, error);
    return [{ ...finding, text: `fleet ${name}: ${finding.text}` }];
  }
}
