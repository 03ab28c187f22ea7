import type { UploadedFile } from './multipart.ts';
import { readQcow2Head } from './qcow2.ts';

/** What a guest made from an image will do. */
export interface Behaviour {
  readonly boots: boolean;
  readonly agent: boolean;
  readonly hotUnplug: boolean;
}

/**
 * An uploaded image boots, answers ACPI and has an agent, unless its file name says otherwise:
 * `no-boot` runs nothing, `no-agent` has no agent.
 */
export function behaviourOf(filename: string): Behaviour {
  const boots = !filename.includes('no-boot');
  return { boots, agent: boots && !filename.includes('no-agent'), hotUnplug: boots };
}

/** What the image tool finds in a file: its virtual size, or why the upload is refused in the task. */
export type Inspection =
  | { readonly virtualSize: number }
  | { readonly kind: 'not-qcow2' }
  | { readonly kind: 'backing-file' }
  | { readonly kind: 'data-file' };

/** Looks into an image as the import task does: the format must be what the suffix says, on its own feet. */
export function inspect(file: UploadedFile, format: string): Inspection {
  if (format !== 'qcow2') return { virtualSize: file.size };
  const head = readQcow2Head(file.head);
  if (head === undefined) return { kind: 'not-qcow2' };
  if (head.hasBackingFile) return { kind: 'backing-file' };
  if (head.hasDataFile) return { kind: 'data-file' };
  return { virtualSize: head.virtualSize };
}
