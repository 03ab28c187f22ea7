import type { Seed } from './seed.ts';

/** Why a token was refused. 8.4 tells the reason of each, 9.2 only the first apart. */
export type Refusal =
  | { readonly kind: 'no-header' }
  | { readonly kind: 'no-tokenid' }
  | { readonly kind: 'unknown-user'; readonly tokenid: string }
  | { readonly kind: 'unknown-token'; readonly token: string; readonly user: string }
  | { readonly kind: 'expired'; readonly token: string }
  | { readonly kind: 'wrong-secret' };

/** All that differs between the two releases this simulator knows. Seen in recordings of 8.4.1 and 9.2.11. */
export interface Version {
  readonly version: string;
  readonly release: string;
  readonly repoid: string;
  readonly table: '8' | '9';
  readonly agentPrivileges: readonly string[];
  readonly agentUnrestricted: string;
  readonly reason: (refusal: Refusal) => string;
  readonly missingRequirement: (by: string) => string;
  readonly normalisesTagsAtCreate: boolean;
  readonly logsAllocation: boolean;
  readonly logsCloneStart: boolean;
  readonly namesMissingBridge: boolean;
  readonly checksLockBeforeWaiting: boolean;
  readonly startAtCreateNeedsPower: boolean;
  readonly privilegedContainerNeedsSysModify: boolean;
  readonly featuresRefusal: string;
  readonly logsMissingTemplate: boolean;
  readonly agentCommand: 'qga' | 'qmp';
  readonly hasMemhost: boolean;
  readonly plainTarTemplates: boolean;
  /** What the log of an online move calls its job, before the name of the drive. */
  readonly mirrorJob: 'mirror' | 'drive';
  readonly reassignLine: (disk: string, from: number, to: number, target: string) => string;
}

/** The behaviour of the release a seed names: everything before 9 is taken as 8.4, the rest as 9.2. */
export function versionOf(seed: Pick<Seed, 'version' | 'repoid'>): Version {
  const [major = '9', minor = '0'] = seed.version.split('.');
  const common = { version: seed.version, release: `${major}.${minor}`, repoid: seed.repoid };
  return Number(major) < 9 ? { ...common, ...EIGHT } : { ...common, ...NINE };
}

type Differences = Omit<Version, 'version' | 'release' | 'repoid'>;

const NINE: Differences = {
  table: '9',
  agentPrivileges: ['VM.GuestAgent.Audit', 'VM.GuestAgent.Unrestricted'],
  agentUnrestricted: 'VM.GuestAgent.Unrestricted',
  reason: (refusal) => (refusal.kind === 'no-header' ? 'No ticket' : 'Authentication failed!'),
  missingRequirement: (by) => `missing property required by '${by}'`,
  normalisesTagsAtCreate: true,
  logsAllocation: true,
  logsCloneStart: true,
  namesMissingBridge: true,
  checksLockBeforeWaiting: true,
  startAtCreateNeedsPower: true,
  privilegedContainerNeedsSysModify: true,
  featuresRefusal: 'changing feature flags (except nesting) is only allowed for root@pam',
  logsMissingTemplate: true,
  agentCommand: 'qga',
  hasMemhost: true,
  plainTarTemplates: true,
  mirrorJob: 'mirror',
  reassignLine: (disk, from, to, target) => `reassign disk '${disk}' from VM '${from}' as '${target}' to VM '${to}'`,
};

const EIGHT: Differences = {
  table: '8',
  agentPrivileges: ['VM.Monitor'],
  agentUnrestricted: 'VM.Monitor',
  reason: reasonOfEight,
  missingRequirement: (by) => `missing property - '${by}' requires this property`,
  normalisesTagsAtCreate: false,
  logsAllocation: false,
  logsCloneStart: false,
  namesMissingBridge: false,
  checksLockBeforeWaiting: false,
  startAtCreateNeedsPower: false,
  privilegedContainerNeedsSysModify: false,
  featuresRefusal: 'changing feature flags for privileged container is only allowed for root@pam',
  logsMissingTemplate: false,
  agentCommand: 'qmp',
  hasMemhost: false,
  plainTarTemplates: false,
  mirrorJob: 'drive',
  reassignLine: (disk, from, to) => `moving disk '${disk}' from VM '${from}' to '${to}'`,
};

function reasonOfEight(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'no-header':
      return 'No ticket';
    case 'no-tokenid':
      return 'no tokenid specified';
    case 'unknown-user':
      return `'${refusal.tokenid}' is not a valid token ID - not able to split into user and token parts`;
    case 'unknown-token':
      return `no such token '${refusal.token}' for user '${refusal.user}'`;
    case 'expired':
      return `token '${refusal.token}' access expired`;
    case 'wrong-secret':
      return 'invalid token value!';
  }
}
