/**
 * A root disk that was taken out of its slot and still lies with its guest as an unused volume. Only these records tell
 * which volume holds what: the volume's name does not.
 */
export interface KeptDisk {
  readonly vmid: number;
  /** The identity of the machine it belongs to (`LiveConfig.uuid`). */
  readonly uuid: string;
  readonly volid: string;
  /** What it holds, as the guest's tags told when it was taken out; absent when they did not. */
  readonly imageHash?: string;
  readonly commit?: string;
  readonly sizeMb?: number;
  /** When it was taken out, in milliseconds since the epoch. */
  readonly since: number;
}
