/** What the first bytes of a qcow2 file say. Sizes in bytes. */
export interface Qcow2Header {
  readonly virtualSize: number;
  /** The image reads from another file: refused, because the image is made by code of the push. */
  readonly backingFile: boolean;
  /** Its data lies in another file: refused for the same reason. */
  readonly dataFile: boolean;
}

/** How many bytes of a file `readQcow2Header` wants to see. */
export const qcow2HeaderBytes = 104;

/** Reads a qcow2 header (QEMU's docs/interop/qcow2.txt, versions 2 and 3); `undefined` when it is none. */
export function readQcow2Header(bytes: Uint8Array): Qcow2Header | undefined {
  if (bytes.length < 72) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x514649fb) return undefined;
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) return undefined;
  const incompatible = version === 3 && bytes.length >= 80 ? view.getBigUint64(72) : 0n;
  return {
    virtualSize: Number(view.getBigUint64(24)),
    backingFile: view.getBigUint64(8) !== 0n,
    dataFile: (incompatible & 4n) !== 0n,
  };
}
