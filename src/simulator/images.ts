/** The behaviour of a guest made from an image. */
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

/** Inspects an image as the import task does: of the format of its suffix, without a backing file or a data file. */
export function inspect(file: { readonly size: number; readonly head: Buffer }, format: string): Inspection {
  if (format !== 'qcow2') return { virtualSize: file.size };
  const head = readQcow2Head(file.head);
  if (head === undefined) return { kind: 'not-qcow2' };
  if (head.hasBackingFile) return { kind: 'backing-file' };
  if (head.hasDataFile) return { kind: 'data-file' };
  return { virtualSize: head.virtualSize };
}

/** What the head of a qcow2 file says. */
export interface Qcow2Head {
  readonly version: number;
  /** Bytes a guest sees. */
  readonly virtualSize: number;
  readonly hasBackingFile: boolean;
  readonly hasDataFile: boolean;
}

/** The bytes needed to read it. */
export const QCOW2_HEAD_BYTES = 104;

/**
 * Reads the head of a qcow2 file: magic at 0, version at 4, offset of the backing file's name at 8, virtual size at 24,
 * and from version 3 on the incompatible features at 72, whose bit 2 is an external data file. Undefined when it is none.
 */
export function readQcow2Head(head: Buffer): Qcow2Head | undefined {
  if (head.length < 72 || head.toString('latin1', 0, 4) !== 'QFI\xfb') return undefined;
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return undefined;
  return {
    version,
    virtualSize: Number(head.readBigUInt64BE(24)),
    hasBackingFile: head.readBigUInt64BE(8) !== 0n,
    hasDataFile: version === 3 && head.length >= 80 && (head.readBigUInt64BE(72) & 4n) !== 0n,
  };
}
