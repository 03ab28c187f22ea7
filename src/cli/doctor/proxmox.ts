import { isIP } from 'node:net';
import tls from 'node:tls';
import { olderThan } from '../../builder/nix/installation.ts';
import { Client } from '../../cluster/proxmox/client.ts';
import { NoAnswer, ProxyAnswer, TlsError } from '../../cluster/proxmox/errors.ts';
import type { ClusterConfig } from '../../config/config.ts';
import { type Examined, type Finding, failureOf, findingsOf } from '../../core/finding.ts';
import type { GuestSpec } from '../../core/guest.ts';
import { readFacts, Version } from './cluster-facts.ts';
import { type ClusterNeeds, clusterFindings, pathsOf, storageNeeds } from './cluster-findings.ts';

/** The guests that the flakes on a cluster declare; `missing`: fleets whose flake could not be evaluated. */
export interface Guests {
  readonly guests: readonly GuestSpec[];
  readonly missing: readonly string[];
}

/** How a cluster is examined. */
export interface ExamineOptions {
  readonly area: string;
  /** Resolves after git and Nix have read the flakes. */
  readonly guests: Promise<Guests>;
  readonly timeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Examines Proxmox VE with the bot's own client, which checks certificate, token and answers as in operation. */
export async function examineCluster(cluster: ClusterConfig, options: ExamineOptions): Promise<Examined> {
  const { timeoutMs: requestMs, now } = options;
  const { url, tokenId, fingerprints, ca, pool } = cluster;
  try {
    const trust = { fingerprints, ...(ca === undefined ? {} : { ca }) };
    const secret = cluster.tokenSecret.reveal();
    const client = new Client({ url, tokenId, pool, secret, ...trust, requestMs, now, sleep: async () => {} });
    try {
      return await examine(client, cluster, options);
    } finally {
      client.close();
    }
  } catch (error) {
    return { findings: [await connectionFailure(error, cluster, options)], clock: [] };
  }
}

async function examine(client: Client, cluster: ClusterConfig, options: ExamineOptions): Promise<Examined> {
  const { area, now } = options;
  const { ok, fail, skip } = findingsOf(area);
  const { version } = await client.get('/version', Version);
  const clock = [{ from: area, aheadMs: client.serverTime() * 1000 + 500 - now() }];
  const reached = [ok(`${cluster.url} answers; ${trustText(cluster)}`), ok(`the token ${cluster.tokenId} is accepted`)];
  if (olderThan(version, [8, 4])) {
    const old = fail(
      `Proxmox VE ${version} is too old: images are uploaded to 8.4 or newer`,
      'pve8to9 --full, or apt full-upgrade within 8.x   (on each node)',
    );
    return { findings: [...reached, old], clock };
  }
  const { guests, missing } = await options.guests;
  const needs: ClusterNeeds = {
    area,
    tokenId: cluster.tokenId,
    major: Number(version.split('.')[0]),
    pool: cluster.pool,
    imageStorage: cluster.imageStorage,
    guests,
  };
  const facts = await readFacts(client, pathsOf(needs), [...storageNeeds(needs).keys()]);
  const unknown = missing.map((fleet) =>
    skip(`target storages and bridges of fleet ${fleet}: its flake was not evaluated`),
  );
  return { findings: [...reached, ok(`Proxmox VE ${version}`), ...clusterFindings(facts, needs), ...unknown], clock };
}

function trustText({ url, ca, fingerprints }: ClusterConfig): string {
  if (url.startsWith('http:')) return 'unencrypted, inside this machine';
  const by = [ca === undefined ? [] : 'the CA file', fingerprints.length === 0 ? [] : 'its fingerprint'].flat();
  return `its certificate is proved by ${by.length === 0 ? "the system's CAs" : by.join(' and ')}`;
}

/** The finding for a failed connection. For an untrusted certificate its fix names the fingerprint, which a person must compare. */
async function connectionFailure(
  error: unknown,
  { url, ca }: ClusterConfig,
  { area, timeoutMs }: ExamineOptions,
): Promise<Finding> {
  if (error instanceof NoAnswer && !(error instanceof ProxyAnswer)) {
    const fix = 'PROXMOX_URL=https://<a node>:8006, and no firewall between it and this machine';
    return findingsOf(area).fail(error.message.replace(/\.$/, ''), fix);
  }
  const failure = failureOf(area, error);
  // Where a CA is given, a fingerprint beside it does not mend a chain that fails.
  const mendable = error instanceof TlsError && (ca === undefined || error.isPin);
  const shown = mendable ? await shownFingerprint(url, timeoutMs) : undefined;
  if (shown === undefined) return failure;
  return {
    ...failure,
    fix: `PROXMOX_FINGERPRINTS=${shown}   (only if \`pvenode cert info\` on the node shows the same)`,
  };
}

/**
 * The SHA-256 fingerprint of a server's certificate, for comparison by a person; `undefined` when the server shows none.
 * Nothing is sent after the handshake, so the certificate need not be trusted.
 */
function shownFingerprint(url: string, timeoutMs: number): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const socket = tls.connect({
      host,
      port: Number(port === '' ? 443 : port),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      rejectUnauthorized: false,
    });
    const end = (fingerprint: string | undefined) => {
      socket.destroy();
      resolve(fingerprint);
    };
    socket.setTimeout(timeoutMs, () => end(undefined));
    socket.once('error', () => end(undefined));
    socket.once('secureConnect', () => end(socket.getPeerCertificate().fingerprint256));
  });
}
