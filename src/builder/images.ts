import type { ImageRequest } from '../core/guest.ts';

/** Equal for requests of the same image, and only for these. */
export function imageKey({ kind, type }: ImageRequest): string {
  return `${kind} ${type}`;
}

/** What people call an image: its type, which a VM's image and a container's may share. */
export function imageTitle({ kind, type }: ImageRequest): string {
  return kind === 'vm' ? type : `${type} (container)`;
}
