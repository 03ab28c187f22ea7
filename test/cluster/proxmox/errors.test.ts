import { describe, expect, it } from 'vitest';
import { adviceFor, isBusy, isMissing, ProxmoxError, readable, userOf } from '../../../src/cluster/proxmox/errors.ts';
import { UserError } from '../../../src/core/errors.ts';

const token = 'proxnix@pve!bot';
const caller = { tokenId: token };
const post = { method: 'POST', path: '/nodes/pve1/qemu' } as const;

function refusal(
  status: number,
  reason: string,
  body?: object | string,
  call: ConstructorParameters<typeof ProxmoxError>[0] = post,
  by: ConstructorParameters<typeof ProxmoxError>[2] = caller,
) {
  const text = body === undefined ? JSON.stringify({ data: null, message: `${reason}\n` }) : body;
  return new ProxmoxError(call, { status, reason, text: typeof text === 'string' ? text : JSON.stringify(text) }, by);
}

describe('a refusal of Proxmox', () => {
  it('is one sentence with the call, the status and the reason', () => {
    const error = refusal(500, "unable to create VM 820 - VM 820 already exists on node 'pve1'");
    expect(error.message).toBe(
      "POST /nodes/pve1/qemu: 500 unable to create VM 820 - VM 820 already exists on node 'pve1'",
    );
    expect(error).toBeInstanceOf(UserError);
    expect(error.next).toContain('/proxnix adopt');
  });

  it('names every parameter of a 400', () => {
    const body = {
      data: null,
      message: 'Parameter verification failed.\n',
      errors: { memory: 'type check failed\n', x: 'y' },
    };
    const error = refusal(400, 'Parameter verification failed.', body);
    expect(error.message).toBe(
      'POST /nodes/pve1/qemu: 400 Parameter verification failed. - memory: type check failed - x: y',
    );
    expect(error.errors).toEqual({ memory: 'type check failed', x: 'y' });
  });

  it('has only its reason when the body is empty', () => {
    const error = refusal(401, 'Authentication failed!', '');
    expect(error.message).toBe('POST /nodes/pve1/qemu: 401 Authentication failed!');
    expect(error.empty).toBe(true);
    expect(error.next).toContain(token);
  });

  it('is cut before the place in the Perl code, in JSON, text and reason', () => {
    const perl = 'upload failed at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 651.';
    expect(refusal(500, perl, perl).reason).toBe('upload failed');
    expect(refusal(500, perl).reason).toBe('upload failed');
    expect(readable('the door is at /usr and stays')).toBe('the door is at /usr and stays');
  });

  it('says which privilege is missing where, and the commands that grant it to token and user', () => {
    const error = refusal(403, 'Permission check failed (/vms/100, VM.PowerMgmt)');
    expect(error.next).toContain('VM.PowerMgmt on /vms ');
    expect(error.next).toContain("pveum acl modify /vms --roles ProxnixMore --tokens 'proxnix@pve!bot'");
    expect(error.next).toContain('--users proxnix@pve');
  });

  it('of a token for a pool is mended on the pool: a right on /vms would undo the confinement', () => {
    const pooled = { tokenId: token, pool: 'homelab' };
    const put = { method: 'PUT', path: '/nodes/pve1/qemu/100/config' } as const;
    for (const reason of ['Permission check failed (/vms/100, VM.PowerMgmt)', 'Permission check failed']) {
      const { next } = refusal(403, reason, undefined, put, pooled);
      expect(next).toContain('pveum acl modify /pool/homelab --roles');
      expect(next).not.toContain('/vms ');
    }
    expect(
      refusal(403, 'Permission check failed (/storage/fast, Datastore.Audit)', undefined, put, pooled).next,
    ).toContain('pveum acl modify /storage/fast ');
  });

  it('on a bridge or a storage may come from a mistyped name, and the advice says so first', () => {
    const put = { method: 'PUT', path: '/nodes/pve1/qemu/100/config' } as const;
    const asked = 'Is "vmbr7" the right name? Proxmox answers the same where none is there. Grant SDN.Use on ';
    const bridge = 'Permission check failed (/sdn/zones/localnetwork/vmbr7, SDN.Use)';
    expect(refusal(403, bridge, undefined, put).next).toMatch(new RegExp(`^${asked.replace('?', '\\?')}`));
    const storage = 'Permission check failed (/storage/fsat, Datastore.Audit)';
    expect(refusal(403, storage, undefined, put).next).toMatch(/^Is "fsat" the right name\?/);
    expect(refusal(403, 'Permission check failed (/vms/100, VM.Audit)', undefined, put).next).toMatch(/^Grant /);
  });

  it('of a tag policy names the policy, because no privilege of a guest helps', () => {
    const { next = '' } = refusal(403, "Permission check failed (/, Sys.Modify for modifying tag 'proxnix')");
    expect(next).not.toContain('pveum');
    expect(next).toContain('user-tag-access');
    expect(next).toContain('registered-tags');
    expect(next).toContain('pvesh set /cluster/options --user-tag-access user-allow=free');
  });

  it('quotes users whose names hold what a shell reads, and cuts the token off at the last !', () => {
    const by = { tokenId: 'ada!x@lab.org@sso!bot' };
    const { next } = refusal(403, 'Permission check failed (/vms/1, VM.Audit)', undefined, post, by);
    expect(next).toContain("--users 'ada!x@lab.org@sso'");
    expect(userOf('proxnix@pve!bot')).toBe('proxnix@pve');
  });

  it('asks for VM.Allocate when a create is refused without a word on what', () => {
    expect(refusal(403, 'Permission check failed').next).toContain('VM.Allocate on /vms');
  });

  it.each([
    [595, 'Connection refused', 'Node pve1 cannot be reached'],
    [500, 'VM is locked (backup)', 'qm unlock 823'],
    [500, "can't remove VM 823 - protection mode enabled", 'protection'],
    [500, "storage 'pximp' does not support 'import' content", '--content import'],
    [500, 'cluster not ready - no quorum?', 'quorum'],
  ])('%d %s tells what to do', (status, reason, next) => {
    expect(refusal(status, reason, undefined, { method: 'PUT', path: '/nodes/pve1/qemu/823/config' }).next).toContain(
      next,
    );
  });

  it('of a missing guest is told from others', () => {
    expect(isMissing(refusal(500, "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist"))).toBe(true);
    expect(isMissing(refusal(500, "storage 'x' does not exist"))).toBe(false);
  });
});

it.each([
  "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
  'VM is locked (backup)',
  'got no worker upid - start worker failed',
])('%s: the same write may be sent again', (text) => {
  expect(isBusy(text)).toBe(true);
});

it.each(['VM quit/powerdown failed - got timeout', 'checksum mismatch (file change by other user?)', ''])(
  '%s: nothing is sent again',
  (text) => {
    expect(isBusy(text)).toBe(false);
  },
);

it.each([
  [
    'qemu/100',
    'VM is locked (backup)',
    'Wait until the backup is done; if nothing runs any more, root can `qm unlock 100`.',
  ],
  [
    'lxc/200',
    'CT is locked (backup)',
    'Wait until the backup is done; if nothing runs any more, root can `pct unlock 200`.',
  ],
  [
    'lxc/200',
    'CT is locked (create)',
    'Wait until the create is done; if nothing runs any more, root can `pct unlock 200 && pct destroy 200`.',
  ],
])('a lock of %s, "%s", is told with what root can do', (guest, reason, next) => {
  const error = refusal(500, reason, undefined, { method: 'DELETE', path: `/nodes/pve1/${guest}` });
  expect(error.next).toBe(next);
  expect(isBusy(error.reason)).toBe(true);
});

it('a container that is not there is missing as a VM is, and its locks are busy', () => {
  expect(isMissing(refusal(500, "Configuration file 'nodes/pve1/lxc/200.conf' does not exist"))).toBe(true);
  expect(isBusy("can't lock file '/run/lock/lxc/pve-config-200.lock' - got timeout")).toBe(true);
});

describe('what people read of a text of Proxmox', () => {
  const qemu = `/usr/bin/kvm -id 820 -name 'web,debug-threads=on' ${'-device virtio-net-pci,netdev=net0 '.repeat(100)}`;

  it("leaves out QEMU's command line and keeps how it ended", () => {
    expect(readable(`start failed: command '${qemu}' failed: got timeout\n`)).toBe(
      "start failed: command '/usr/bin/kvm …' failed: got timeout",
    );
    expect(
      adviceFor({ text: readable(`command '${qemu}' failed: No space left on device`), tokenId: token }),
    ).toContain('Free space');
  });

  it('keeps a short command, which tells what was done', () => {
    const text = "command '/sbin/zfs create -s tank/vm-1' failed: exit code 1";
    expect(readable(text)).toBe(text);
  });

  it('is the first line', () => {
    expect(readable('no such thing\nstack of\nlines')).toBe('no such thing');
  });
});

describe('a refusal of megabytes', () => {
  it('is told in short, parameters and all', () => {
    const long = 'x'.repeat(50_000);
    const errors = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${long}${index}`, long]));
    const error = refusal(400, long, { data: null, message: long, errors });
    const texts = [error.message, error.reason, JSON.stringify(error.errors), error.next ?? '', ...error.details];
    expect(texts.join('').length).toBeLessThan(30_000);
  });
});
