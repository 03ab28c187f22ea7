import { webConsole } from './chat/console/kind.ts';
import { discord } from './chat/discord/kind.ts';
import type { ChatKind } from './chat/kind.ts';
import { slack } from './chat/slack/kind.ts';

/** Every chat of the program. Configuration, doctor, init, gallery and the output gate go by this list, in this order. */
export const chats: readonly ChatKind[] = [webConsole, discord(), slack()];
