import { chat } from './chat.mjs';
import { cluster } from './cluster.mjs';
import { consoleGuards } from './console.mjs';
import { core } from './core.mjs';
import { decisions } from './decisions.mjs';
import { entrances } from './entrances.mjs';
import { forge } from './forge.mjs';
import { health } from './health.mjs';
import { nix } from './nix.mjs';
import { store } from './store.mjs';
import { texts } from './texts.mjs';

/**
 * The guards of the product, each with the smallest change that takes it out and the tests that should notice. A row is
 * `[what the guard promises, its code, the code without it]`.
 */
export const guards = [
  entrances,
  forge,
  consoleGuards,
  chat,
  cluster,
  health,
  nix,
  core,
  decisions,
  store,
  texts,
].flatMap((rooms) =>
  rooms.flatMap(({ room, file, tests, rows }) =>
    rows.map(([promise, from, to]) => ({ name: `${room}: ${promise}`, file, from, to, tests })),
  ),
);
