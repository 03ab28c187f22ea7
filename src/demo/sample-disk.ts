const cluster = 65_536;
const virtualSize = 2n ** 31n;
/** In a table: the cluster has this one owner. */
const copied = 2n ** 63n;

/** The bytes that `lib/disk.sh` of the sample repository writes, for machines where no Nix runs it. */
export function sampleDisk(text: string): Uint8Array {
  const disk = Buffer.alloc(6 * cluster);
  disk.writeUInt32BE(0x514649fb, 0);
  disk.writeUInt32BE(3, 4);
  disk.writeUInt32BE(16, 20);
  disk.writeBigUInt64BE(virtualSize, 24);
  disk.writeUInt32BE(4, 36);
  disk.writeBigUInt64BE(BigInt(3 * cluster), 40);
  disk.writeBigUInt64BE(BigInt(cluster), 48);
  disk.writeUInt32BE(1, 56);
  disk.writeUInt32BE(4, 96);
  disk.writeUInt32BE(104, 100);
  disk.writeBigUInt64BE(BigInt(2 * cluster), cluster);
  for (let used = 0; used < 6; used++) disk.writeUInt16BE(1, 2 * cluster + 2 * used);
  disk.writeBigUInt64BE(copied + BigInt(4 * cluster), 3 * cluster);
  disk.writeBigUInt64BE(copied + BigInt(5 * cluster), 4 * cluster);
  disk.fill(' ', 5 * cluster);
  disk.write(text, 5 * cluster);
  return disk;
}
