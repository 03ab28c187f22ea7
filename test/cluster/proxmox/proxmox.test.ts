import { clusterContract } from '../../contracts/cluster.ts';
import { openSimulated, seed8 } from './on-simulator.ts';

clusterContract('Proxmox VE 9.2', () => openSimulated());
clusterContract('Proxmox VE 8.4', () => openSimulated(seed8()));
