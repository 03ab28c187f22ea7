const tarBytes = 67_072;

/** The bytes that `lib/tarball.sh` of the sample repository writes, for machines where no Nix runs it. */
export function sampleTarball(text: string): Uint8Array {
  const frame = Buffer.alloc(12);
  frame.writeUInt32LE(0xfd2fb528, 0);
  frame.writeUInt8(0xa0, 4);
  frame.writeUInt32LE(tarBytes, 5);
  frame.writeUIntLE(tarBytes * 8 + 1, 9, 3);
  const tar = Buffer.alloc(tarBytes);
  tar.write('etc/motd', 0);
  for (const [at, digits] of numbers) tar.write(digits, at);
  tar.write('0', 156);
  tar.write('ustar\0' + '00', 257);
  tar.fill(' ', 512, 512 + 65_536);
  tar.write(text, 512);
  return Buffer.concat([frame, tar]);
}

/** Fields of the header that are octal digits, by their place: mode, owner, group, size, time, sum, device. */
const numbers: readonly (readonly [number, string])[] = [
  [100, '0000644'],
  [108, '0000000'],
  [116, '0000000'],
  [124, '00000200000'],
  [136, '00000000001'],
  [148, '010637\0 '],
  [329, '0000000'],
  [337, '0000000'],
];
