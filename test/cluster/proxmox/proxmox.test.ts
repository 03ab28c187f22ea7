import { clusterContract } from '../cluster.contract.ts';
import { openSimulated, seed } from './on-simulator.ts';

clusterContract('Proxmox VE 9.2', () => openSimulated());
clusterContract('Proxmox VE 8.4', () => openSimulated(seed8()));

/** The agent's privilege has another name there. */
function seed8() {
  const text = JSON.stringify(seed({ version: '8.4.1' })).replaceAll('VM.GuestAgent.Audit', 'VM.Monitor');
  return JSON.parse(text) as ReturnType<typeof seed>;
}
