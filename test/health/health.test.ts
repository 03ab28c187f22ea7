import { expect, it } from 'vitest';
import type { HealthCheck } from '../../src/core/guest.ts';
import { checkNames, checkOf, describeHealth } from '../../src/core/health.ts';

const check = (change: Partial<HealthCheck> = {}): HealthCheck => ({ agent: true, tcp: [], timeoutS: 120, ...change });
const http = 'https://bot:secret@web.example.net:8443/health?token=secret';

it.each([
  [undefined, 'running for 10 s, agent ping if an agent answers within 60 s or ever did'],
  [check(), 'agent ping'],
  [check({ tcp: [22] }), 'agent ping, tcp 22'],
  [check({ agent: false, tcp: [22, 443] }), 'running, tcp 22, tcp 443'],
  [check({ agent: false }), 'running for 10 s'],
  [check({ agent: false, timeoutS: 4 }), 'running for 4 s'],
  [check({ agent: false, http: 'http://10.0.0.3/' }), 'running, GET http://10.0.0.3/'],
])('says before a plan what will be checked: %j', (given, words) => {
  expect(describeHealth(given)).toBe(words);
});

it('names a URL without its password and its query', () => {
  expect(describeHealth(check({ http }))).toBe('agent ping, GET https://web.example.net:8443/health');
});

it('names every check of a report in the order of the flake', () => {
  expect(checkNames(undefined)).toEqual(['running', 'agent ping']);
  expect(checkNames(check({ agent: false, tcp: [443, 22], http: 'http://web/' }))).toEqual([
    'running',
    'tcp 443',
    'tcp 22',
    'GET http://web/',
  ]);
});

it.each([
  [undefined, 'running for 10 s', ['running']],
  [check({ agent: false, tcp: [22] }), 'running, tcp 22', ['running', 'tcp 22']],
  // A check made for a VM: a container has no agent that could be demanded.
  [check({ tcp: [22] }), 'running, tcp 22', ['running', 'tcp 22']],
])('of a container no agent ping is promised: %j', (given, words, names) => {
  const asked = checkOf('container', given);
  expect(describeHealth(asked)).toBe(words);
  expect(checkNames(asked)).toEqual(names);
  expect(checkOf('vm', given)).toBe(given);
});
