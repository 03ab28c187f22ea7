/** Where a message is: its thread has the message's own id. */
export interface MessagePlace {
  readonly channel: string;
  readonly message: string;
}

const pattern = /^([0-9]{1,20})\/([0-9]{1,20})$/;

/** As it is saved with a run: `<channel id>/<message id>`. */
export function writeRef(place: MessagePlace): string {
  return `${place.channel}/${place.message}`;
}

/** `undefined` for anything Discord did not make. */
export function readRef(text: string | undefined): MessagePlace | undefined {
  const [, channel, message] = pattern.exec(text ?? '') ?? [];
  return channel === undefined || message === undefined ? undefined : { channel, message };
}
