import { timeView } from './card-view.js';
import { literal } from './text.js';
import { duration, formatTime } from './time.js';
import { h } from './tree.js';

/** @typedef {import('../../../views/overview.ts').Overview} Overview */
/** @typedef {import('../../../views/overview.ts').SeenFleet} SeenFleet */
/** @typedef {import('../../../views/overview.ts').SeenFleetGuest} SeenFleetGuest */
/** @typedef {import('../../../views/overview.ts').RunRef} RunRef */
/** @typedef {import('./tree.js').Child} Child */

/**
 * The fleets with their guests, nodes and storages.
 *
 * @param {Overview} overview
 */
export function fleetsView({ fleets, reached }) {
  return [
    h('ul', { key: 'reached', class: 'reached', role: 'list', 'aria-label': 'Connections' }, reached.map(reachedView)),
    fleets.length === 0 && h('p', { key: 'none', class: 'quiet' }, 'There is no fleet that you may see here.'),
    fleets.map(fleetView),
  ].flatMap((one) => one || []);
}

const reachedWords = { well: 'answers', failing: 'does not answer', unknown: 'not used yet' };

/** @param {Overview['reached'][number]} reached */
function reachedView({ kind, name, state, lastAt, problem }) {
  return h(
    'li',
    { key: `${kind} ${name}`, class: `reach ${state}` },
    h('span', { class: 'light', 'aria-hidden': 'true' }),
    h('strong', {}, kind),
    ' ',
    h('span', { class: 'of' }, literal(name)),
    h(
      'span',
      { class: 'how' },
      h('b', {}, reachedWords[state]),
      lastAt !== undefined && [state === 'well' ? ', ' : '; it answered ', timeView(lastAt, 'relative', formatTime)],
    ),
    problem !== undefined && h('span', { class: 'why' }, literal(problem)),
  );
}

/** @param {SeenFleet} fleet */
function fleetView({ fleet, branch, cluster, open, queue, lastRun, lock }) {
  const id = `fleet-${fleet}`;
  return h(
    'section',
    { key: id, class: 'fleet-of', 'aria-labelledby': id },
    h('h2', { id }, literal(fleet), ' ', h('span', { class: 'branch' }, literal(branch))),
    lock !== undefined &&
      h(
        'p',
        { class: 'warning', key: 'lock' },
        h('span', { class: 'sign', 'aria-hidden': 'true' }, '!'),
        h('span', {}, h('strong', {}, 'Applying is locked'), ' by ', literal(lock.by.name), ': ', literal(lock.reason)),
      ),
    h(
      'dl',
      { class: 'work', key: 'work' },
      factView('Open plan', open.length === 0 ? 'none' : open.map(runView)),
      factView('Queue', queue.length === 0 ? 'idle' : queueView(queue)),
      factView('Last run', lastRun === undefined ? 'none yet' : runView(lastRun)),
    ),
    cluster === undefined
      ? h(
          'p',
          { key: 'unread', class: 'quiet' },
          'The cluster has not answered yet: its guests, nodes and storages are unknown.',
        )
      : clusterView(cluster),
  );
}

/**
 * @param {string} term
 * @param {...Child} children
 */
function factView(term, ...children) {
  return h('div', {}, h('dt', {}, term), h('dd', {}, children));
}

/** @param {RunRef} run */
function runView({ id, text, at }) {
  const words = text.startsWith(`${id} `) ? text.slice(id.length + 1) : text;
  return h('span', { class: 'run' }, runLink(id), ' ', literal(words), ' · ', timeView(at, 'relative', formatTime));
}

/** @param {string} id */
function runLink(id) {
  return h('a', { href: `/runs/${id}` }, h('code', {}, id));
}

/** @param {readonly string[]} queue */
function queueView(queue) {
  return queue.map((id, index) => [
    index > 0 && ', ',
    id.startsWith('r-') ? runLink(id) : `run ${id}`,
    index === 0 ? ' is running' : ' is waiting',
  ]);
}

/** @param {NonNullable<SeenFleet['cluster']>} cluster */
function clusterView({ at, guests, nodes, storages }) {
  return [
    guests.length === 0
      ? h('p', { key: 'no-guests', class: 'quiet' }, 'No guest carries the tag proxnix.')
      : tableView({
          key: 'guests',
          caption: `${guests.length} ${guests.length === 1 ? 'guest' : 'guests'}`,
          heads: ['Guest', 'State', 'Node', 'Image', 'Commit', 'Address', 'Uptime', 'Last run', 'Drift'],
          rows: guests.map((guest) => ({ key: String(guest.vmid), class: guest.state, cells: guestCells(guest) })),
        }),
    h(
      'div',
      { class: 'hardware', key: 'hardware' },
      tableView({
        key: 'nodes',
        caption: 'Nodes',
        heads: ['Node', 'State', 'Memory', 'CPUs', 'Uptime'],
        rows: nodes.map((node) => ({
          key: node.node,
          class: node.online ? 'running' : 'stopped',
          cells: [
            outLink(node.url, literal(node.node)),
            stateView(node.online ? 'online' : 'offline'),
            roomView(node.memory, `Memory of ${node.node}`),
            node.cpus === undefined ? unknown() : String(node.cpus),
            node.uptime === undefined ? unknown() : duration(node.uptime * 1000),
          ],
        })),
      }),
      tableView({
        key: 'storages',
        caption: 'Storages',
        heads: ['Storage', 'Nodes', 'Type', 'Room'],
        rows: storages.map((storage) => ({
          key: `${storage.storage} ${storage.nodes[0]}`,
          cells: [
            outLink(storage.url, literal(storage.storage)),
            literal(storage.nodes.join(', ')),
            storage.type === '' ? unknown() : literal(storage.type),
            roomView(storage.space, `Room on ${storage.storage}`),
          ],
        })),
      }),
    ),
    h('p', { key: 'read', class: 'small read' }, 'Read from the cluster ', timeView(at, 'relative', formatTime), '.'),
  ];
}

/** @param {SeenFleetGuest} guest */
function guestCells(guest) {
  const { name, vmid, url, state, node, image, commit, address, uptime, lastRun, drift } = guest;
  return [
    [outLink(url, literal(name)), ' ', h('span', { class: 'quiet' }, String(vmid))],
    stateView(state),
    literal(node),
    image === undefined
      ? unknown()
      : [
          h('code', { title: image.hash }, image.hash.slice(0, 8)),
          image.type !== undefined && h('span', { class: 'under' }, literal(image.type)),
        ],
    commit === undefined
      ? unknown()
      : [
          commit.url === undefined
            ? h('code', {}, commit.sha.slice(0, 7))
            : outLink(commit.url, h('code', {}, commit.sha.slice(0, 7))),
          commit.at !== undefined && h('span', { class: 'under' }, timeView(commit.at, 'relative', formatTime)),
        ],
    address === undefined ? unknown() : h('span', { class: 'address' }, literal(address)),
    uptime === undefined ? (state === 'stopped' ? '–' : unknown()) : duration(uptime * 1000),
    lastRun === undefined ? unknown() : [runLink(lastRun.id), ' ', h('span', { class: 'under' }, lastRun.phase)],
    driftView(drift),
  ];
}

/** @param {SeenFleetGuest['drift']} drift */
function driftView(drift) {
  if (drift.kind === 'drifted') return [h('strong', { class: 'drifted' }, 'drifted'), ' ', runLink(drift.run)];
  if (drift.kind === 'rolled-back') return ['rolled back ', runLink(drift.run)];
  return drift.kind === 'none' ? 'none' : h('span', { class: 'quiet' }, 'not checked');
}

/** @param {string} state */
function stateView(state) {
  return h('span', { class: `state-word ${state}` }, h('span', { class: 'light', 'aria-hidden': 'true' }), state);
}

function unknown() {
  return h('span', { class: 'quiet' }, 'unknown');
}

/**
 * @param {string} url
 * @param {Child} words
 */
function outLink(url, words) {
  const isWeb = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  return isWeb ? h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, words) : h('span', {}, words);
}

/**
 * @param {{ readonly used: number, readonly total: number } | undefined} room
 * @param {string} label
 */
function roomView(room, label) {
  if (room === undefined || room.total <= 0) return unknown();
  const fraction = Math.min(1, room.used / room.total);
  return [
    h('progress', {
      max: '1',
      value: fraction.toFixed(3),
      'aria-label': label,
      class: fraction > 0.9 ? 'full' : undefined,
    }),
    h('span', { class: 'under' }, `${sizeText(room.total - room.used)} free of ${sizeText(room.total)}`),
  ];
}

/** @param {number} bytes */
function sizeText(bytes) {
  const gib = Math.max(0, bytes) / 1024 ** 3;
  return gib < 1024 ? `${gib < 10 ? gib.toFixed(1) : Math.round(gib)} GiB` : `${(gib / 1024).toFixed(1)} TiB`;
}

/**
 * A table whose cells name their column themselves where a phone shows a row below the other.
 *
 * @param {{ key: string, caption: string, heads: readonly string[],
 *   rows: readonly { key: string, class?: string, cells: readonly Child[] }[] }} table
 */
function tableView({ key, caption, heads, rows }) {
  return h(
    'div',
    { key, class: `facts facts-${key}` },
    h(
      'table',
      { role: 'table' },
      h('caption', {}, caption),
      h(
        'thead',
        { role: 'rowgroup' },
        h(
          'tr',
          { role: 'row' },
          heads.map((head) => h('th', { role: 'columnheader', scope: 'col' }, head)),
        ),
      ),
      h(
        'tbody',
        { role: 'rowgroup' },
        rows.map((row) =>
          h(
            'tr',
            { role: 'row', key: row.key, class: row.class },
            row.cells.map((cell, index) =>
              index === 0
                ? h('th', { role: 'rowheader', scope: 'row' }, cell)
                : h('td', { role: 'cell', 'data-head': heads[index] }, cell),
            ),
          ),
        ),
      ),
    ),
  );
}
