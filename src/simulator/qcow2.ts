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
