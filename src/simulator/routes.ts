import { demand } from './access.ts';
import { extractConfig } from './backup/archives.ts';
import { backUp, backupDefaults } from './backup/vzdump.ts';
import { type Call, text } from './call.ts';
import * as cluster from './cluster.ts';
import * as datacenter from './datacenter-calls.ts';
import { ApiError } from './errors.ts';
import * as ha from './ha.ts';
import { createContainer } from './lxc/create.ts';
import * as container from './lxc/power.ts';
import { containerInterfaces, destroyContainer, moveVolume, resizeContainer } from './lxc/rest.ts';
import { updateContainer } from './lxc/update.ts';
import { listNetwork, listNodes, nodeStatus } from './nodes.ts';
import * as pools from './pools.ts';
import { agentExec, agentInfo, agentInterfaces, pingAgent } from './qemu/agent.ts';
import { cloneVm, makeTemplate } from './qemu/clone.ts';
import * as cloudinit from './qemu/cloudinit.ts';
import { dumpCloudinit } from './qemu/cloudinit-dump.ts';
import { createVm } from './qemu/create.ts';
import { destroyVm } from './qemu/destroy.ts';
import { moveDisk } from './qemu/move.ts';
import { rebootVm, resumeVm, shutdownVm, stopVm, suspendVm } from './qemu/power.ts';
import { listGuests, readConfig, readPending, readStatus } from './qemu/read.ts';
import { resizeVm } from './qemu/resize.ts';
import * as snapshot from './qemu/snapshot.ts';
import { startVm } from './qemu/start.ts';
import { updateVm, updateVmInTask } from './qemu/update.ts';
import { all, any, type Route, route } from './router.ts';
import * as storage from './storage-calls.ts';
import * as tasks from './task-calls.ts';
import { UPLOAD } from './upload.ts';

const NODE = '/nodes/{node}';
const VM = `${NODE}/qemu/{vmid}`;
const CT = `${NODE}/lxc/{vmid}`;
const STORE = `${NODE}/storage/{storage}`;
const TASK = `${NODE}/tasks/{upid}`;

/** The right to change anything of a VM at all; the words of the 403 are in this order. */
const CONFIG = ['Disk', 'CDROM', 'CPU', 'Memory', 'Network', 'HWType', 'Options', 'Cloudinit'].map(
  (one) => `VM.Config.${one}`,
);
const see = any('/storage/{storage}', 'Datastore.Audit', 'Datastore.AllocateSpace');
const change = any('/vms/{vmid}', ...CONFIG);
const changeContainer = any('/vms/{vmid}', ...CONFIG.filter((one) => /Disk|CPU|Memory|Network|Options/.test(one)));
const audit = all('/vms/{vmid}', 'VM.Audit');
const haAudit = all('/', 'Sys.Audit');
const haRight = all('/', 'Sys.Console');
const powerRight = all('/vms/{vmid}', 'VM.PowerMgmt');
const takeSnapshots = all('/vms/{vmid}', 'VM.Snapshot');

/** Everything that is served. The right named here is asked before the parameters are looked at. */
export const routes: readonly Route[] = [
  route('GET', '/version', cluster.readVersion),
  route('GET', '/access/permissions', cluster.readPermissions),
  route('GET', '/cluster/nextid', cluster.nextId),
  route('GET', '/cluster/options', datacenter.clusterOptions),
  route('PUT', '/cluster/options', datacenter.updateOptions, all('/', 'Sys.Modify')),
  route('GET', '/cluster/mapping/{kind}', datacenter.listMappings),
  route('POST', '/cluster/mapping/{kind}', datacenter.addMapping),
  route('GET', '/cluster/mapping/{kind}/{id}', datacenter.readMapping),
  route('DELETE', '/cluster/mapping/{kind}/{id}', datacenter.deleteMapping),
  route('GET', '/cluster/resources', cluster.clusterResources),
  route('GET', '/cluster/status', cluster.clusterStatus, all('/', 'Sys.Audit')),
  route('GET', '/cluster/tasks', tasks.listClusterTasks),
  route('GET', '/cluster/ha/resources', ha.listResources, haAudit),
  route('POST', '/cluster/ha/resources', ha.addResource, haRight),
  route('GET', '/cluster/ha/resources/{sid}', ha.readResource, haAudit),
  route('PUT', '/cluster/ha/resources/{sid}', ha.changeResource, haRight),
  route('DELETE', '/cluster/ha/resources/{sid}', ha.deleteResource, haRight),
  route('GET', '/cluster/ha/status/current', ha.haStatus, haAudit),
  route('GET', '/pools', pools.listPools),
  route('PUT', '/pools', pools.updatePool),
  route('GET', '/pools/{poolid}', pools.readPool, all('/pool/{poolid}', 'Pool.Audit')),
  route('PUT', '/pools/{poolid}', pools.updatePool),
  route('GET', '/nodes', listNodes),
  route('GET', `${NODE}/status`, nodeStatus, all('/nodes/{node}', 'Sys.Audit')),
  route('GET', `${NODE}/network`, listNetwork),
  route('GET', '/storage', storage.listConfigured),
  route('GET', `${NODE}/storage`, storage.listStorages),
  route('GET', `${STORE}/status`, storage.storageStatus, see),
  route('GET', `${STORE}/content`, storage.listContent, see),
  route('GET', `${STORE}/content/{volume}`, storage.readVolume, see),
  route('PUT', `${STORE}/content/{volume}`, storage.updateVolume),
  route('DELETE', `${STORE}/content/{volume}`, storage.deleteVolume),
  route('POST', `${NODE}/vzdump`, backUp),
  route('GET', `${NODE}/vzdump/defaults`, backupDefaults),
  route('GET', `${NODE}/vzdump/extractconfig`, extractConfig),
  route('POST', UPLOAD, notByBody, all('/storage/{storage}', 'Datastore.AllocateTemplate')),
  route('POST', `${STORE}/download-url`, storage.downloadUrl, all('/storage/{storage}', 'Datastore.AllocateTemplate')),
  route('GET', `${NODE}/tasks`, tasks.listTasks),
  route('GET', `${TASK}/status`, tasks.taskStatus),
  route('GET', `${TASK}/log`, tasks.taskLog),
  route('DELETE', TASK, tasks.stopTask),
  route('GET', `${NODE}/qemu`, listGuests('qemu')),
  route('POST', `${NODE}/qemu`, createVm),
  route('DELETE', VM, destroyVm, all('/vms/{vmid}', 'VM.Allocate')),
  route('GET', `${VM}/config`, readConfig('qemu'), audit),
  route('PUT', `${VM}/config`, updateVm, change),
  route('POST', `${VM}/config`, updateVmInTask, change),
  route('GET', `${VM}/pending`, readPending('qemu'), audit),
  route('GET', `${VM}/cloudinit`, cloudinit.readCloudinit, audit),
  route('PUT', `${VM}/cloudinit`, cloudinit.writeCloudinit, all('/vms/{vmid}', 'VM.Config.Cloudinit')),
  route('GET', `${VM}/cloudinit/dump`, dumpCloudinit, audit),
  route('GET', `${VM}/status/current`, readStatus('qemu'), audit),
  route('POST', `${VM}/status/start`, ha.orRequest('start', startVm), powerRight),
  route('POST', `${VM}/status/stop`, ha.orRequest('stop', stopVm), powerRight),
  route('POST', `${VM}/status/shutdown`, ha.orRequest('stop', shutdownVm), powerRight),
  route('POST', `${VM}/status/reboot`, rebootVm, powerRight),
  route('POST', `${VM}/status/suspend`, suspendVm, powerRight),
  route('POST', `${VM}/status/resume`, resumeVm, powerRight),
  route('PUT', `${VM}/resize`, resizeVm, all('/vms/{vmid}', 'VM.Config.Disk')),
  route('POST', `${VM}/move_disk`, moveDisk, all('/vms/{vmid}', 'VM.Config.Disk')),
  route('POST', `${VM}/clone`, cloneVm, all('/vms/{vmid}', 'VM.Clone')),
  route('POST', `${VM}/template`, makeTemplate, all('/vms/{vmid}', 'VM.Allocate')),
  route('GET', `${VM}/snapshot`, snapshot.listSnapshots, audit),
  route('POST', `${VM}/snapshot`, snapshot.takeSnapshot, takeSnapshots),
  route('DELETE', `${VM}/snapshot/{snapname}`, snapshot.deleteSnapshot, takeSnapshots),
  route('GET', `${VM}/snapshot/{snapname}/config`, snapshot.readSnapshot, audit),
  route(
    'POST',
    `${VM}/snapshot/{snapname}/rollback`,
    snapshot.rollBack,
    any('/vms/{vmid}', 'VM.Snapshot', 'VM.Snapshot.Rollback'),
  ),
  route('POST', `${VM}/agent/ping`, pingAgent, agent),
  route('GET', `${VM}/agent/info`, agentInfo, agent),
  route('GET', `${VM}/agent/network-get-interfaces`, agentInterfaces, agent),
  route('POST', `${VM}/agent/exec`, agentExec, agentUnrestricted),
  route('GET', `${NODE}/lxc`, listGuests('lxc')),
  route('POST', `${NODE}/lxc`, createContainer),
  route('DELETE', CT, destroyContainer, all('/vms/{vmid}', 'VM.Allocate')),
  route('GET', `${CT}/config`, readConfig('lxc'), audit),
  route('PUT', `${CT}/config`, updateContainer, changeContainer),
  route('GET', `${CT}/pending`, readPending('lxc'), audit),
  route('GET', `${CT}/status/current`, readStatus('lxc'), audit),
  route('POST', `${CT}/status/start`, ha.orRequest('start', container.startContainer), powerRight),
  route('POST', `${CT}/status/stop`, ha.orRequest('stop', container.stopContainer), powerRight),
  route('POST', `${CT}/status/shutdown`, ha.orRequest('stop', container.shutdownContainer), powerRight),
  route('POST', `${CT}/status/reboot`, container.rebootContainer, powerRight),
  route('PUT', `${CT}/resize`, resizeContainer, all('/vms/{vmid}', 'VM.Config.Disk')),
  route('POST', `${CT}/move_volume`, moveVolume, all('/vms/{vmid}', 'VM.Config.Disk')),
  route('GET', `${CT}/interfaces`, containerInterfaces, audit),
];

function agent(call: Call): void {
  demandAgent(call, { any: call.world.version.agentPrivileges });
}

function agentUnrestricted(call: Call): void {
  demandAgent(call, { all: [call.world.version.agentUnrestricted] });
}

function demandAgent(call: Call, need: Parameters<typeof demand>[2]): void {
  demand(call.caller, `/vms/${text(call, 'vmid')}`, need, (vmid) => call.world.poolOf(vmid));
}

/** Uploads are served while their body comes in, not from here. */
function notByBody(): never {
  throw new ApiError(500, 'upload failed', { body: 'none' });
}
