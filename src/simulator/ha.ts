import { amount, type Call, text } from './call.ts';

/** How long the HA manager takes to carry out a request (9.2.11: 16 to 17 s). */
const REQUEST_MS = 16_000;

/**
 * A call for the power of a guest. For a guest that HA manages it is a request: a task `hastart` or `hastop` that ends at
 * once, and the manager, as root, carries it out later in a task of its own, whose failure no answer shows (9.2.11).
 */
export function orRequest(action: 'start' | 'stop', direct: (call: Call) => unknown): (call: Call) => unknown {
  return (call) => {
    const { world, caller } = call;
    const vmid = amount(call, 'vmid');
    const { managed } = world.troubles;
    if (!managed.has(vmid)) return direct(call);
    const what = { node: text(call, 'node'), type: `ha${action}`, id: String(vmid), caller };
    return world.tasks.start(what, (task) => {
      task.log(`Requesting HA ${action} for ${world.findGuest(vmid)?.type === 'lxc' ? 'CT' : 'VM'} ${vmid}`);
      managed.set(vmid, action === 'start' ? 'started' : 'stopped');
      const asManager = { ...call, caller: { ...caller, tokenid: 'root@pam', user: 'root@pam', token: '' } };
      world.clock
        .wait(REQUEST_MS)
        .then(() => direct(asManager))
        .catch(() => undefined);
    });
  };
}
