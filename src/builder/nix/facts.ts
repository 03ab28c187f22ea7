import { factNames, factSchemas, type ImageFacts, imageFacts } from '../../core/image-facts.ts';

/** Derivations behind a service that are no package: what NixOS writes for the unit itself. */
const unitFiles = /^unit-|^security-wrapper-|-(?:start|stop|reload)$|\.(?:conf|json|sh|service|toml|yaml|yml|ini|pl)$/;

/**
 * The facts that an evaluation told of an image. One that has another shape or more than a fact may have is left out, like
 * one that Nix could not tell.
 */
export function readFacts(json: unknown): ImageFacts {
  const told: Readonly<Record<string, unknown>> = typeof json === 'object' && json !== null ? { ...json } : {};
  const known = factNames.flatMap((name) => {
    const read = factSchemas[name].safeParse(told[name]);
    return read.success ? [[name, read.data] as const] : [];
  });
  const facts = imageFacts.parse(Object.fromEntries(known));
  const { servicePackages } = facts;
  if (servicePackages === undefined) return facts;
  return { ...facts, servicePackages: servicePackages.filter((name) => !unitFiles.test(name)) };
}
