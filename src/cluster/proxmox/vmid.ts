import { z } from 'zod';
import type { Api } from './api.ts';
import { ProxmoxError } from './errors.ts';

/** Is there no guest with this VMID in the whole cluster? It answers for every token, also one that sees no guest. */
export async function isFree(api: Api, vmid: number): Promise<boolean> {
  try {
    await api.client.get('/cluster/nextid', z.unknown(), { vmid });
    return true;
  } catch (error) {
    if (error instanceof ProxmoxError && error.errors['vmid'] !== undefined) return false;
    throw error;
  }
}
