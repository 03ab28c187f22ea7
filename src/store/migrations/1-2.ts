/** What version 1 called the fields of a change, and the facts of a fleet. */
const fieldNames: Readonly<Record<string, string>> = { halfMade: 'incomplete', leftovers: 'orphanVolumes' };
const recordNames: Readonly<Record<string, string>> = { kept: 'retainedDisks', drifts: 'acknowledgedDrifts' };
/** What it called kinds of steps, actions, triggers and reasons of a block. */
const words: Readonly<Record<string, string>> = {
  'roll-back': 'rollback',
  'swap-back': 'rollback',
  stage: 'prepare',
  'hand-over': 'attach',
  'nothing-kept': 'nothing-retained',
};

/** The settings that Proxmox's keys stand for, as far as they can wait for a restart. */
const settingKeys: Readonly<Record<string, string>> = {
  cores: 'cores',
  sockets: 'sockets',
  memory: 'memoryMb',
  swap: 'swapMb',
  scsihw: 'scsiHw',
  ide: 'cloudInit',
  features: 'features',
};

/**
 * Renames the words of version 1 in a run to those of version 2. Damaged parts stay as they are: the schema reports
 * them.
 */
export function migrateRun(run: unknown): unknown {
  if (!isObject(run)) return run;
  const { moved, ...others } = run;
  return renamed(moved === undefined ? others : { ...others, clusterChanges: moved });
}

/** What version 1 remembered of a fleet, in the words of version 2. */
export function migrateFleet(record: unknown): unknown {
  if (!isObject(record)) return record;
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [recordNames[key] ?? key, value]));
}

function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      if (key === 'action' || key === 'kind' || (key === 'reason' && 'advice' in value)) return [key, word(one)];
      if (key === 'rollBack' && isObject(one)) return ['rollback', withRetained(one)];
      if (key === 'config' && isObject(one)) return [key, liveConfig(one, value['kind'] === 'container')];
      return [fieldNames[key] ?? key, renamed(one)];
    }),
  );
}

function withRetained({ kept, ...others }: Readonly<Record<string, unknown>>): unknown {
  return { ...others, retained: kept };
}

/** A live configuration: its settings are those of the core's table, and what waits are settings, not keys of Proxmox. */
function liveConfig(config: Readonly<Record<string, unknown>>, isContainer: boolean): unknown {
  const { cloudInit, pending, ...others } = config;
  const card = isContainer ? 'ip' : 'bridge';
  return {
    ...others,
    bridge: config['bridge'] ?? '',
    ...(isObject(cloudInit) ? { cloudInit: { storage: cloudInit['storage'] } } : {}),
    pending: Array.isArray(pending)
      ? [
          ...new Set(
            pending
              .map(String)
              .flatMap((key) => (key === 'net0' ? card : (settingKeys[key.replace(/^ide\d$/, 'ide')] ?? []))),
          ),
        ]
      : pending,
  };
}

function word(value: unknown): unknown {
  return typeof value === 'string' ? (words[value] ?? value) : value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
